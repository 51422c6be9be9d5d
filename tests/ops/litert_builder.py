"""One-operator ``.tflite`` files, made from our values and run by LiteRT's reference kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import OpResolverType

from toolkit.backends.litert.graph import ACTIVATIONS
from toolkit.lower.ir import Value
from toolkit.program.tflite.writer import FileWriter, options
from toolkit.verify.litert import ReferenceKernels

__all__ = ["activation_function", "one_op", "options", "run_reference", "schema"]


def activation_function(bounds: tuple[float, float] | None) -> int:
    """Return LiteRT's name for output bounds."""
    return schema.ActivationFunctionType.NONE if bounds is None else ACTIVATIONS[bounds]


def one_op(
    operator: str, inputs: Sequence[Value], output: Value, table: Any = None, version: int = 1
) -> bytes:
    """Return a ``.tflite`` file of one built-in ``operator``; inputs with data become constants.

    A constant's name ``bias`` or quantization decides nothing: what the file says is what the values say.
    """
    writer = FileWriter()
    writer.operator(operator, inputs, [output], table, version)
    return writer.file([value for value in inputs if value.data is None], [output])


def run_reference(
    model: bytes, inputs: Sequence[np.ndarray], kernels: OpResolverType = OpResolverType.BUILTIN_REF
) -> np.ndarray:
    """Return the output of a one-operator model, computed by LiteRT's reference kernels."""
    (output,) = ReferenceKernels(model, kernels)(inputs)
    return output
