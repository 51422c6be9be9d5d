"""Exported bundles, each made once a session."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.runtime.programs import save_program
from toolkit import bundle

BundleOf = Callable[[str, str, str], Path]


@pytest.fixture(scope="session")
def bundle_of(tmp_path_factory: pytest.TempPathFactory) -> BundleOf:
    """Return (kind, target, optimize) -> the bundle of ``tests.runtime.programs.Everything``."""
    folder = tmp_path_factory.mktemp("bundles")

    @cache
    def program(kind: str) -> Path:
        file = folder / f"{kind}.pt2"
        save_program(kind, file)
        return file

    @cache
    def export(kind: str, target: str, optimize: str) -> Path:
        output = folder / f"{kind}-{target}-{optimize}"
        bundle.export(program(kind), target, output, optimize=optimize)
        return output

    return export
