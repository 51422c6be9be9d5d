"""``toolkit --help`` answers at once, because nothing heavy is imported until a command runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Cli

COMMANDS = [
    "init",
    "train",
    "quantize",
    "convert",
    "export",
    "build",
    "run",
    "generate",
    "verify",
    "bench",
    "monitor",
    "report",
    "compare",
    "finetune",
    "targets",
    "methods",
    "meters",
    "energy",
    "deploy",
    "doctor",
    "ports",
    "flash",
    "fuzz",
    "make",
    "train-step",
    "nir",
    "bench-all",
    "bench-rules",
    "bench-activity",
    "bench-attack",
    "bench-continual",
]
HEAVY = ("torch", "numpy", "sklearn", "scipy", "rich", "jinja2", "unicorn", "capstone", "elftools")
LIMIT_MS = 300


def test_help_names_every_command(cli: Cli) -> None:
    done = cli("--help")
    assert done.code == 0
    listed = [line.split()[0] for line in done.out.splitlines() if line.startswith("  ") and line.split()]
    assert set(COMMANDS) <= set(listed)


def test_nothing_said_is_a_question(cli: Cli) -> None:
    done = cli()
    assert done.code == 0
    assert done.out == cli("--help").out


def test_every_file_in_the_folder_is_a_command() -> None:
    import toolkit.cli

    folder = Path(toolkit.cli.__file__).parent
    files = {file.stem.replace("_", "-") for file in folder.glob("*.py") if not file.stem.startswith("_")}
    assert files == set(COMMANDS)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_imports_nothing_heavy(command: str) -> None:
    script = (
        "import sys\n"
        "from toolkit.cli import main\n"
        "try:\n"
        f"    main({[*command.split(), '--help']!r})\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0, end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "Usage: toolkit" in done.stdout


def test_help_is_quick(cli: Cli) -> None:
    def once() -> float:
        before, started = os.times(), time.perf_counter()
        assert cli("--help", COLUMNS="100").code == 0  # a start of its own
        waited, after = time.perf_counter() - started, os.times()
        worked = after.children_user - before.children_user + after.children_system - before.children_system
        # what the program needs, not what a busy machine makes it wait; Windows counts no children
        return 1000 * (worked or waited)

    once()  # compiles the modules
    best = min(once() for _ in range(5))
    assert best < LIMIT_MS, f"toolkit --help took {best:.0f} ms"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_the_common_options(cli: Cli, command: str) -> None:
    text = cli(command, "--help").out
    for option in ("--json", "-v, --verbose", "-q, --quiet", "-h, --help"):
        assert option in text
