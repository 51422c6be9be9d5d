"""The function that converts each kind of operator, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from inspect import getmembers, isfunction

from toolkit.program.tflite import operators
from toolkit.program.tflite.op import Layer, Op


@cache
def converters() -> dict[str, Callable[[Op], Layer]]:
    """Return the converter of every kind: the public functions of the modules in ``operators``.

    ``conv_2d`` there converts CONV_2D.
    """
    found: dict[str, Callable[[Op], Layer]] = {}
    for entry in pkgutil.iter_modules(operators.__path__):
        module = importlib.import_module(f"{operators.__name__}.{entry.name}")
        for name, function in getmembers(module, isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                found[name.upper()] = function
    return found
