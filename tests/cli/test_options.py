"""A flag goes over the environment, and the environment over the default."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Cli


def test_recipe_from_the_environment(cli: Cli, tmp_path: Path) -> None:
    done = cli("init", tmp_path / "a", "--json", TOOLKIT_RECIPE="digits-mlp")
    assert done.document["recipe"] == "digits-mlp"


def test_a_commands_own_variable_beats_the_general_one(cli: Cli, tmp_path: Path) -> None:
    done = cli(
        "init", tmp_path / "a", "--json", TOOLKIT_RECIPE="mnist-ternary", TOOLKIT_INIT_RECIPE="digits-mlp"
    )
    assert done.document["recipe"] == "digits-mlp"


def test_a_flag_beats_the_environment(cli: Cli, tmp_path: Path) -> None:
    done = cli("init", tmp_path / "a", "--recipe", "digits-ternary", "--json", TOOLKIT_RECIPE="digits-mlp")
    assert done.document["recipe"] == "digits-ternary"


def test_json_and_quiet_from_the_environment(cli: Cli, tmp_path: Path) -> None:
    done = cli("init", tmp_path / "a", TOOLKIT_JSON="1", TOOLKIT_QUIET="1")
    assert done.document["command"] == "init"
    assert done.err == ""


def test_results_on_stdout_and_talk_on_stderr(cli: Cli, tmp_path: Path) -> None:
    done = cli("init", tmp_path / "a")
    assert done.out == f"wrote {tmp_path / 'a' / 'toolkit.toml'}\n"
    assert done.err.startswith("next: ")
    assert "toolkit make" in done.err


def test_json_has_no_hint_for_people(cli: Cli, tmp_path: Path) -> None:
    assert cli("init", tmp_path / "a", "--json").err == ""
