"""What LiteRT's reference kernels compute from a file that this toolkit wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from toolkit import tensors
from toolkit.backends.formats import Sample
from toolkit.backends.litert.write import LAYOUT
from toolkit.errors import ToolkitError
from toolkit.verify.litert import LITERT, ReferenceKernels


def run(path: Path, samples: list[Sample]) -> list[Sample]:
    """Return the outputs for samples in the program's layout: integers where the file has those.

    LiteRT runs in a process of its own, with reference kernels only: those define what a file computes.

    Raises:
        ToolkitError: LiteRT refuses the file, or no toolkit wrote it.
    """
    runtime = replace(LITERT, fix="report this: a file that is written should run")
    return _in_files_layout(path, samples, lambda inputs: runtime.run(path, inputs, inputs))


def run_default(path: Path, samples: list[Sample]) -> list[Sample]:
    """Return what ``run`` does, but of the kernels that an application gets (XNNPACK), in this process."""
    from ai_edge_litert.interpreter import OpResolverType

    kernels = ReferenceKernels(path.read_bytes(), OpResolverType.AUTO)

    def outputs(inputs: list[np.ndarray]) -> list[np.ndarray]:
        rows = [kernels([array[i : i + 1] for array in inputs]) for i in range(len(samples))]
        return [np.stack(arrays) for arrays in zip(*rows, strict=True)]

    return _in_files_layout(path, samples, outputs)


def _in_files_layout(
    path: Path, samples: list[Sample], compute: Callable[[list[np.ndarray]], list[np.ndarray]]
) -> list[Sample]:
    """Return what ``compute`` makes of samples as the file takes them, one array per input, first axis the sample."""
    described_ends = layout(path)
    inputs = [
        tensors.to_device(described, np.concatenate([sample[i] for sample in samples]), at=described["name"])
        for i, described in enumerate(described_ends["inputs"])
    ]
    outputs = [
        tensors.to_user(described, array.reshape(len(samples), *described["device_shape"][1:]), raw=True)
        for described, array in zip(described_ends["outputs"], compute(inputs), strict=True)
    ]
    return [[array[i : i + 1] for array in outputs] for i in range(len(samples))]


def layout(path: Path) -> dict[str, Any]:
    """Return what ``write`` says of a file's inputs and outputs. Raises ``ToolkitError`` where it did not write it."""
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
