"""ONNX operators as torch computes them: one module per group, found by being here.

A module defines ``RULES``: by operator (``Conv``, or ``com.microsoft::FusedConv``) a function from a `Node` to what it
gives, a `Computed` layer or a `Tensor` that needs no computing; a list of them where a node has several such outputs.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

from toolkit.program.onnx.node import Computed, Node, Tensor

Rule = Callable[[Node], Computed | Tensor | list[Tensor]]


@cache
def rules() -> dict[str, Rule]:
    """Return the rule of every operator."""
    found: dict[str, Rule] = {}
    for module in pkgutil.iter_modules(__path__):
        found |= importlib.import_module(f"{__name__}.{module.name}").RULES
    return found
