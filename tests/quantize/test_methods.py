"""Methods are found by their modules being there, and the package stands alone."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest

import quantize
from quantize.method import Method, find_methods


def test_methods_carry_what_a_reader_needs() -> None:
    found = quantize.methods()
    assert {"bitnet158", "int8-ptq", "int8-qat"} <= found.keys()
    for slug, method in found.items():
        assert slug == method.slug
        assert all((method.title, method.paper, method.kind, method.cost))


def test_two_modules_with_one_slug_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "twins_package"
    folder.mkdir()
    for name in ("__init__", "one", "two"):
        text = (
            ""
            if name == "__init__"
            else "from quantize import Method\nMETHOD = Method('s', 't', 'p', 'ptq', 'c')\n"
        )
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    package: types.ModuleType = __import__("twins_package")
    with pytest.raises(ValueError, match="repeats the slug 's'"):
        find_methods(package)


def test_method_is_plain_data() -> None:
    assert Method("a", "b", "c", "ptq", "d") == Method("a", "b", "c", "ptq", "d")


def test_importing_every_module_of_quantize_imports_no_toolkit_and_says_nothing() -> None:
    code = "import sys, quantize; quantize.methods(); print(sorted(m for m in sys.modules if m.startswith('toolkit')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""
