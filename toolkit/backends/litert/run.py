"""What LiteRT's reference kernels compute from a file that this toolkit wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from toolkit import tensors
from toolkit.backends.formats import Sample
from toolkit.backends.litert.write import LAYOUT
from toolkit.errors import ToolkitError
from toolkit.measure.litert import LITERT


def run(path: Path, samples: list[Sample]) -> list[Sample]:
    """Return the outputs for samples in the program's layout: integers where the file has those.

    LiteRT runs in a process of its own, with reference kernels only: those define what a file computes.

    Raises:
        ToolkitError: LiteRT refuses the file, or no toolkit wrote it.
    """
    layout = _layout(path)
    inputs = [
        tensors.to_device(described, np.concatenate([sample[i] for sample in samples]), at=described["name"])
        for i, described in enumerate(layout["inputs"])
    ]
    runtime = replace(LITERT, fix="report this: a file that is written should run")
    found = runtime.run(path, inputs, inputs)
    outputs = [
        tensors.to_user(described, array.reshape(len(samples), *described["device_shape"][1:]), raw=True)
        for described, array in zip(layout["outputs"], found, strict=True)
    ]
    return [[array[i : i + 1] for array in outputs] for i in range(len(samples))]


def _layout(path: Path) -> dict[str, Any]:
    """Return what `write` says of inputs and outputs."""
    model = schema.Model.GetRootAs(path.read_bytes(), 0)
    for i in range(model.MetadataLength()):
        entry = model.Metadata(i)
        if entry.Name() == LAYOUT.encode():
            return dict(json.loads(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()))
    raise ToolkitError(
        f"{path.name} does not say how its inputs lie",
        at=str(path),
        fix="write it with toolkit export --format litert",
    )
