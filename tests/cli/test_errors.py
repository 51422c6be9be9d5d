"""What goes wrong is said as ``error: / at: / fix:`` on stderr, with the right exit code and no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Cli


def test_unknown_command_suggests_a_near_one(cli: Cli) -> None:
    done = cli("exprot")
    assert done.code == 2
    assert done.out == ""
    assert done.err == "error: no command 'exprot'\n  at: toolkit\n  fix: did you mean export?\n"


def test_unknown_option_suggests_a_near_one(cli: Cli) -> None:
    done = cli("export", "--taget", "x")
    assert done.code == 2
    assert "error: no option --taget" in done.err
    assert "  at: toolkit export" in done.err
    assert "  fix: did you mean --target" in done.err


def test_missing_argument_names_the_help(cli: Cli) -> None:
    done = cli("verify")
    assert done.code == 2
    assert "error: missing argument 'DIR'" in done.err
    assert "  fix: see `toolkit verify --help`" in done.err


def test_wrong_value_names_the_option(cli: Cli) -> None:
    done = cli("run", "b", "-i", "x.npy", "-o", "y.npy", "--timeout", "soon")
    assert done.code == 2
    assert "'--timeout'" in done.err
    assert "soon" in done.err


def test_unknown_target_suggests_a_near_one(cli: Cli) -> None:
    done = cli("targets", "mps2-an368")
    assert done.code == 2
    assert "did you mean mps2-an386?" in done.err
    assert "Traceback" not in done.err


def test_errors_are_json_for_programs(cli: Cli) -> None:
    done = cli("targets", "nope", "--json")
    assert done.code == 2
    assert done.document["schema"] == 1
    assert done.document["command"] == "targets"
    assert done.document["exit_code"] == 2
    assert "nope" in done.document["error"]["what"]
    assert done.err.startswith("error: ")


def test_not_a_bundle(cli: Cli, tmp_path: Path) -> None:
    for command in (["build"], ["verify"], ["bench"]):
        done = cli(*command, tmp_path)
        assert done.code == 2, command
        assert "is not a bundle" in done.err
        assert "  fix: " in done.err


def test_traceback_only_with_vv(cli: Cli, tmp_path: Path) -> None:
    assert "Traceback" not in cli("build", tmp_path, "-v").err
    assert "Traceback" in cli("build", tmp_path, "-vv").err


def test_no_project_here(cli: Cli, tmp_path: Path) -> None:
    for command in ("make", "train", "quantize", "export"):
        done = cli(command, cwd=tmp_path)
        assert done.code == 2, command
        assert "fix: start a project: toolkit init" in done.err
        assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_nothing(cli: Cli, tmp_path: Path) -> None:
    for command in (["report", tmp_path / "none"], ["make", "--project", tmp_path / "none"]):
        done = cli(*command)
        assert done.code == 2
        assert f"there is no {tmp_path / 'none' / 'toolkit.toml'}" in done.err


def test_an_old_code_page_is_no_crash(cli: Cli) -> None:
    done = cli("targets", PYTHONIOENCODING="ascii")
    assert done.code == 0
    assert "mps2-an386" in done.out


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04" + bytes(64)])
def test_damaged_program_leaves_nothing(cli: Cli, tmp_path: Path, content: bytes) -> None:
    model = tmp_path / "model.pt2"
    model.write_bytes(content)
    done = cli("export", model, "-t", "host", "-o", tmp_path / "bundle")
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert str(model) in done.err
    assert sorted(tmp_path.iterdir()) == [model]


def test_missing_program(cli: Cli, tmp_path: Path) -> None:
    done = cli("export", tmp_path / "none.pt2", "-t", "host", "-o", tmp_path / "bundle")
    assert done.code == 2
    assert "none.pt2" in done.err


def test_export_says_what_is_missing(cli: Cli, tmp_path: Path) -> None:
    model = tmp_path / "model.pt2"
    model.write_bytes(b"")
    assert "no target is given" in cli("export", model, "-o", tmp_path / "b").err
    assert "no output folder is given" in cli("export", model, "-t", "host").err


def test_reader_that_leaves_early_is_no_error() -> None:
    head = subprocess.run(
        f'"{sys.executable}" -m toolkit targets --json | head -c 10',
        shell=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert head.stderr == ""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_interrupt_ends_cleanly(tmp_path: Path) -> None:
    script = (
        "import sys, time, click\n"
        "from toolkit.cli import _group, main\n"
        "@_group.command('Project', 9)\n"
        "def wait():\n"
        "    print('waiting', flush=True)\n"
        "    time.sleep(60)\n"
        "_group.toolkit.get_command = lambda ctx, name: wait\n"
        "main(['wait'])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.strip() == "stopped; no half-written output is left"


def test_a_bug_says_where_and_is_not_a_check_result() -> None:
    script = (
        "from toolkit.cli import _group, main\n"
        "@_group.command('Project', 9)\n"
        "def broken():\n"
        "    raise KeyError('surprise')\n"
        "_group.toolkit.get_command = lambda ctx, name: broken\n"
        "main(['broken'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert "error: KeyError: 'surprise'" in done.stderr
    assert "bug in toolkit" in done.stderr
    assert "Traceback" not in done.stderr
