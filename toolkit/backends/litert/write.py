"""A lowered program as a ``.tflite`` file: step by step, each by the function of its operator's name."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable, Sequence
from functools import cache
from inspect import getmembers, isfunction
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.backends.formats import StoredWeight
from toolkit.backends.litert import operators
from toolkit.backends.litert.graph import Graph, Unsupported
from toolkit.describe import describe_tensor
from toolkit.errors import ToolkitError
from toolkit.lower.ir import Model, Step, Value
from toolkit.lower.passes import lower

if TYPE_CHECKING:
    from torch.export import ExportedProgram

LAYOUT = "edge_toolkit_layout"  # metadata: what `toolkit.describe` says of inputs and outputs, as JSON


@cache
def writers() -> dict[str, Callable[[Step, Graph], None]]:
    """Return the function that writes each operator of ours: the public ones of the modules in ``operators``."""
    found: dict[str, Callable[[Step, Graph], None]] = {}
    for entry in pkgutil.iter_modules(operators.__path__):
        module = importlib.import_module(f"{operators.__name__}.{entry.name}")
        for name, function in getmembers(module, isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                found[name] = function
    return found


def write(program: ExportedProgram, path: Path) -> list[StoredWeight]:
    """Write ``program`` to ``path`` and return its weights as they are stored.

    Inputs and outputs are those of our C: int8 where the program quantizes them, images channels last.

    Raises:
        ToolkitError: layers that LiteRT has no kernel for, all at once.
    """
    data, weights = file_of(lower(program, rounding="litert", views=False))
    path.write_bytes(data)
    return weights


def file_of(model: Model) -> tuple[bytes, list[StoredWeight]]:
    """Return the file of a lowered model, and its weights as they are stored. Raises as ``write`` does."""
    graph = Graph()
    for value in model.inputs:  # numbered first
        graph.writer.tensor(value)
    problems = [problem for step in model.steps if (problem := _write_step(step, graph))]
    if problems:
        raise ToolkitError(
            f"{len(problems)} layer{'s' if len(problems) > 1 else ''} cannot go into a .tflite file",
            at="\n      ".join(problems),
            fix="replace them in the model; docs/formats.md lists what LiteRT has int8 kernels for",
        )
    outputs = _outputs(model, graph)
    _describe(model, graph, outputs)
    return graph.writer.file(model.inputs, outputs), graph.weights


def _write_step(step: Step, graph: Graph) -> str:
    """Write a step; return why it cannot be, empty where it could."""
    try:
        write_step = writers().get(step.op.removesuffix("_s16"))
        if write_step is None:
            raise Unsupported("nothing here writes it")
        if any(value.dtype == "float16" for value in (*step.inputs, step.output)):
            raise Unsupported("LiteRT does not compute in half precision")
        write_step(step, graph)
    except Unsupported as why:
        return f"{step.op} in {step.name}: {why}"
    return ""


def _outputs(model: Model, graph: Graph) -> list[Value]:
    """Return the outputs; one that is an input as well, or is given twice, is copied."""
    found: list[Value] = []
    for value in model.outputs:
        if any(value is known for known in (*model.inputs, *found)):
            copy = graph.between(value)
            graph.reshaped(value, copy)
            value = copy
        found.append(value)
    return found


def _describe(model: Model, graph: Graph, outputs: Sequence[Value]) -> None:
    """Say in the file what inputs and outputs are called, and how the program's axes become the file's."""
    described = {
        "inputs": [describe_tensor(*ends) for ends in zip(model.inputs, model.input_permutes, strict=True)],
        "outputs": [
            describe_tensor(*ends) for ends in zip(model.outputs, model.output_permutes, strict=True)
        ],
    }
    graph.writer.metadata(LAYOUT, json.dumps(described).encode())
    graph.writer.signature(*({value.name: value for value in side} for side in (model.inputs, outputs)))
    graph.writer.model.description = b"edge-toolkit"
