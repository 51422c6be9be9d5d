"""``toolkit targets``, ``toolkit methods`` and ``toolkit doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Cli


def test_targets_lists_what_the_folder_holds(cli: Cli) -> None:
    from toolkit.device import targets

    listed = cli("targets", "--json").document["targets"]
    assert [target["name"] for target in listed] == targets.names()
    board = next(target for target in listed if target["name"] == "mps2-an386")
    assert board["flash_bytes"] == 4 * 2**20
    assert board["family"] == "cortex-m4"
    assert "unicorn" in board["emulators"]


def test_one_target_is_described(cli: Cli) -> None:
    done = cli("targets", "stm32f4-discovery")
    assert done.code == 0
    assert "0x08000000" in done.out
    assert "168 MHz" in done.out
    assert "--target stm32f4-discovery" in done.err


def test_methods_of_both_packages(cli: Cli) -> None:
    listed = {method["slug"]: method for method in cli("methods", "--json").document["methods"]}
    assert listed["bitnet158"]["kind"] == "lowbit"
    assert listed["backprop"]["kind"] == "learn"
    for method in listed.values():
        assert all(method[key] for key in ("title", "paper", "cost")), method["slug"]
    table = cli("methods").out
    assert all(slug in table for slug in listed)


def test_meters_say_what_they_need_and_how_they_are_wired(cli: Cli) -> None:
    listed = {meter["name"]: meter for meter in cli("meters", "--json").document["meters"]}
    assert {"ppk2", "lpm01a", "joulescope", "ina219", "ina226", "rapl", "recorded"} == set(listed)
    for meter in listed.values():
        assert all(
            meter[key] for key in ("title", "measures", "accuracy", "needs", "wiring", "options", "window_s")
        )
    assert "VOUT" in cli("meters", "ppk2").out
    assert "did you mean ppk2" in cli("meters", "ppk").err
    table = cli("meters").out
    assert all(name in table for name in listed)
