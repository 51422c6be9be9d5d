"""A stranger's ``quantize`` is refused by naming its file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def _import_in(folder: Path, statement: str) -> subprocess.CompletedProcess[str]:
    """Run ``statement`` with ``folder`` first on the path, as ``python -c`` in that folder has it."""
    return subprocess.run(
        [sys.executable, "-c", statement],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_foreign_quantize_is_named(tmp_path: Path) -> None:
    foreign = tmp_path / "quantize" / "__init__.py"
    foreign.parent.mkdir()
    foreign.write_text("raise SystemExit('the foreign package ran')\n")
    done = _import_in(tmp_path, "import toolkit")
    assert done.returncode == 1
    assert str(foreign) in done.stderr
    assert "fix: rename or move" in done.stderr
    assert "the foreign package ran" not in done.stderr


def test_foreign_quantize_module_already_imported(tmp_path: Path) -> None:
    foreign = tmp_path / "quantize.py"
    foreign.write_text("x = 1\n")
    done = _import_in(tmp_path, "import quantize, toolkit")
    assert done.returncode == 1
    assert str(foreign) in done.stderr


def test_folder_without_init_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "quantize").mkdir()  # a namespace package never comes before a real one
    assert _import_in(tmp_path, "import toolkit, quantize; quantize.methods").returncode == 0


def test_quantize_stands_alone_beside_a_foreign_toolkit(tmp_path: Path) -> None:
    (tmp_path / "toolkit.py").write_text("x = 1\n")
    done = _import_in(tmp_path, "import quantize, toolkit; assert toolkit.x == 1; print(*quantize.slugs())")
    assert done.returncode == 0, done.stderr
    assert "int8-ptq" in done.stdout
