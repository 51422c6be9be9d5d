"""``toolkit export`` with --tune, --optimize ram, --max-flash and --max-ram."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from toolkit.cli._options import ByteCount
from toolkit.device.build import build
from toolkit.measure import memory

if TYPE_CHECKING:
    from tests.conftest import Cli


@pytest.fixture
def export(cli: Cli, tiny_program: Path, tmp_path: Path) -> Cli:
    """``toolkit export`` of a small net to a folder of the test's own: ``export(folder, *options)``."""

    def run(name: str, *options: object, target: str = "stm32f4-discovery") -> object:
        return cli("export", tiny_program, "-t", target, "-o", tmp_path / name, "--json", *options)

    return run  # type: ignore[return-value]


def test_a_tuned_bundle_takes_no_more_flash_than_allowed(export: Cli, tmp_path: Path) -> None:
    assert export("free", "--tune").code == 0
    free = memory.of_image(build(tmp_path / "free").path, 0).flash_bytes
    assert export("tight", "--max-flash", free - 1).code == 0
    assert memory.of_image(build(tmp_path / "tight").path, 0).flash_bytes < free


def test_ram_is_a_goal(export: Cli) -> None:
    fast, frugal = (export(goal, "--optimize", goal).document["manifest"] for goal in ("speed", "ram"))
    assert frugal["optimize"] == "ram"
    assert frugal["memory_plan"]["arena_bytes"] <= fast["memory_plan"]["arena_bytes"]


@pytest.mark.parametrize("option", ["--max-flash", "--max-ram"])
def test_too_little_is_an_error_that_says_what_it_takes(export: Cli, tmp_path: Path, option: str) -> None:
    refused = export("b", option, 900)
    assert refused.code == 1
    assert f"{option} allows 900" in refused.err
    assert not (tmp_path / "b").exists()


def test_a_hosted_target_has_nothing_to_count(export: Cli) -> None:
    refused = export("b", "--max-ram", 9000, target="host")
    assert refused.code == 2
    assert "no bare-metal target" in refused.err


@pytest.mark.parametrize(
    ("text", "count"),
    [("4096", 4096), ("64k", 65536), ("1M", 1 << 20), ("2 kB", None), ("0", None), ("-1", None), ("", None)],
)
def test_bytes_are_written_as_people_do(text: str, count: int | None) -> None:
    if count is None:
        with pytest.raises(click.BadParameter, match="no number of bytes"):
            ByteCount().convert(text, None, None)
    else:
        assert ByteCount().convert(text, None, None) == count
