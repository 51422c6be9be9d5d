"""Targets as data: one folder with a ``target.toml`` each; a board inherits one family and replaces keys of it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path

from toolkit import paths
from toolkit.device import toml
from toolkit.device.target import (
    Compiler,
    CycleTable,
    EmulatorConfig,
    Energy,
    ImageConfig,
    Region,
    Serial,
    Target,
)
from toolkit.device.target_file import KERNEL_SETS, parse
from toolkit.errors import ToolkitError

__all__ = [
    "KERNEL_SETS",
    "Compiler",
    "CycleTable",
    "EmulatorConfig",
    "Energy",
    "ImageConfig",
    "Region",
    "Serial",
    "Target",
    "folders",
    "load",
    "names",
    "read",
]


def folders() -> dict[str, Path]:
    """Return each target's folder by name: those of ``TOOLKIT_TARGETS`` (a path list) before the shipped ones."""
    roots = [Path(root) for root in os.environ.get("TOOLKIT_TARGETS", "").split(os.pathsep) if root]
    found: dict[str, Path] = {}
    for root in [*roots, paths.targets_dir()]:
        if not root.is_dir():
            raise ToolkitError(
                f"TOOLKIT_TARGETS names {root}, which is not a folder",
                fix="create it or take it out of TOOLKIT_TARGETS",
            )
        for file in sorted(root.glob("*/target.toml")):
            found.setdefault(file.parent.name, file.parent)
    return found


def names() -> list[str]:
    """Return the names of all targets, sorted."""
    return sorted(folders())


def load(name: str) -> Target:
    """Return the target ``name``. Raises ``ToolkitError`` for an unknown name or a wrong ``target.toml``."""
    known = folders()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ToolkitError(
            f"no target is called {name!r}", fix=f"{hint}the targets are: {', '.join(sorted(known))}"
        )
    return read(known[name], known)


def read(folder: Path, known: Mapping[str, Path]) -> Target:
    """Return the target that ``folder`` describes; ``known`` holds the folders where its family is looked up."""
    file = folder / "target.toml"
    values = toml.read(file)
    family = folder.name
    if "family" in values:
        family = toml.Table(file, values).text("family", choices=tuple(sorted(known)))
        base = toml.read(known[family] / "target.toml")
        if "family" in base:
            raise ToolkitError(
                f"family is {family!r}, which is a board", at=str(file), fix=f"use {base['family']!r}"
            )
        del values["family"]
        values = base | values
    table = toml.Table(file, values)
    target = parse(table, folder, family)
    table.done()
    return target
