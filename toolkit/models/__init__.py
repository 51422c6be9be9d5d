"""Compact model families: ``build("ds_cnn", "mlperf")``.

One module per family in this folder, found by its being there (a leading underscore hides helpers). A family
says in ``PRESETS`` which sizes it comes in and in ``MODEL`` which ``torch.nn.Module`` makes them. All of them
return logits: no softmax at the end. Importing this package does not import torch.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from toolkit.errors import ToolkitError, suggestion
from toolkit.models._preset import Preset

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Preset", "build", "families", "presets", "streaming"]


def families() -> dict[str, str]:
    """Return every family's name with one line that says what it is, sorted by name."""
    found = {}
    for folder in map(Path, __path__):
        for module in pkgutil.iter_modules([str(folder)]):
            if not module.name.startswith("_"):
                source = (folder / f"{module.name}.py").read_text(encoding="utf-8")
                found[module.name] = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    return dict(sorted(found.items()))


def presets(family: str) -> dict[str, Preset]:
    """Return the sizes a family comes in, by name; the first one is its default.

    Raises:
        ToolkitError: there is no such family.
    """
    found: dict[str, Preset] = _family(family).PRESETS
    return dict(found)


def build(family: str, preset: str | None = None, **overrides: Any) -> nn.Module:
    """Make a model with fresh weights (seed torch first to have them repeatable).

    Args:
        family: one of ``families()``.
        preset: one of ``presets(family)``; default: the first.
        overrides: settings that replace the preset's, such as ``classes`` or ``input_shape``.

    Raises:
        ToolkitError: the family, the preset or a setting is unknown, or the settings do not fit together.
    """
    module = _family(family)
    available: dict[str, Preset] = module.PRESETS
    name = preset if preset is not None else next(iter(available))
    if name not in available:
        raise _unknown(f"{family} has no preset called", name, list(available))
    chosen = available[name]
    accepted = list(inspect.signature(module.MODEL).parameters)
    for setting in overrides:
        if setting not in accepted:
            raise _unknown(f"{family} has no setting called", setting, accepted)
    settings = {"input_shape": chosen.input_shape, **chosen.settings, **overrides}
    try:
        model: nn.Module = module.MODEL(**settings)
    except (
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:  # what Python and torch raise for impossible shapes
        raise ToolkitError(f"cannot build {family}: {error}", at=f"preset {name} with {overrides}") from error
    return model


def streaming(model: nn.Module) -> nn.Module:
    """Return a copy of ``model`` that takes one element of a sequence a run and keeps what it needs of those before.

    A family that can do so says in ``STREAM`` which module makes such a model; its ``positions`` says after how many
    elements it begins anew.

    Raises:
        ToolkitError: the model's family cannot.
    """
    family = type(model).__module__
    stream = getattr(importlib.import_module(family), "STREAM", None)
    if stream is None:
        able = [name for name in families() if hasattr(_family(name), "STREAM")]
        raise ToolkitError(
            f"{family.rpartition('.')[2]} has no form that goes through a sequence element by element",
            fix=f"leave [model] stream out, or use {' or '.join(able)}",
        )
    made: nn.Module = stream(model)
    return made.train(model.training)


def _family(name: str) -> ModuleType:
    if name not in families():
        raise _unknown("there is no model family called", name, list(families()))
    return importlib.import_module(f"toolkit.models.{name}")


def _unknown(what: str, name: str, known: list[str]) -> ToolkitError:
    return ToolkitError(f"{what} {name!r}", fix=suggestion(name, known))
