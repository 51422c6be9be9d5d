"""The operators: one module each, found by being here.

A module defines one ``OPERATOR``, an instance of a subclass of ``toolkit.ops.base.Operator``.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from toolkit.ops.base import Operator


@cache
def operators() -> dict[str, Operator]:
    """Return every operator by name."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        operator = getattr(importlib.import_module(f"{__name__}.{module.name}"), "OPERATOR", None)
        if operator is not None:
            found[operator.name] = operator
    return found


@cache
def by_aten() -> dict[str, Operator]:
    """Return the operator for each aten overload (``aten.conv2d.default``)."""
    return {aten: operator for operator in operators().values() for aten in operator.aten}
