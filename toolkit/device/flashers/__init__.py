"""One module per tool that writes an image to a board; a module is found by its being here."""

from __future__ import annotations

import importlib
import pkgutil

from toolkit.device.flashers.base import Flasher
from toolkit.device.targets import Target
from toolkit.errors import MISSING, ToolkitError, suggestion


def names() -> list[str]:
    """Return the names of all flashers, as ``[flashers.NAME]`` of a target has them."""
    return sorted(_modules())


def get(name: str) -> Flasher:
    """Return the flasher ``name``. Raises ``ToolkitError`` for a name that is none."""
    modules = _modules()
    if name not in modules:
        raise ToolkitError(f"no flasher is called {name!r}", fix=suggestion(name, sorted(modules)))
    found: Flasher = importlib.import_module(f"{__name__}.{modules[name]}").FLASHER
    return found


def choose(target: Target, name: str | None = None, *, installed: bool = True) -> Flasher:
    """Return the flasher ``name`` of ``target``, or the first one that it lists and that is installed.

    With ``installed=False`` it may be one that is not.

    Raises:
        ToolkitError: the target has no such flasher (2), or none that is installed (3).
    """
    if not target.flashers:
        raise ToolkitError(
            f"{target.name} is no board that can be flashed",
            at=str(target.folder / "target.toml"),
            fix="export for a board (toolkit targets), or add [flashers.NAME]",
        )
    if name is not None:
        if name not in target.flashers:
            raise ToolkitError(
                f"{target.name} cannot be flashed with {name!r}", fix=suggestion(name, list(target.flashers))
            )
        flasher = get(name)
        if installed:
            flasher.require()
        return flasher
    listed = [get(each) for each in target.flashers]
    for flasher in listed:
        if flasher.program() is not None:
            return flasher
    if not installed:
        return listed[0]
    fixes = "\n      ".join(f"{flasher.name}: {flasher.install()}" for flasher in listed)
    raise ToolkitError(
        f"nothing that flashes {target.name} is installed",
        fix=f"install one of them:\n      {fixes}",
        exit_code=MISSING,
    )


def _modules() -> dict[str, str]:
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return {name.replace("_", "-"): name for name in modules if name not in ("base", "process")}
