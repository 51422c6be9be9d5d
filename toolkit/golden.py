"""Inputs and outputs of a bundle as the device takes and gives them: those it keeps, and random ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from toolkit import tensors
from toolkit.errors import ToolkitError
from toolkit.lower.learning import INPUTS

LEARNING_RATE = 0.01  # of random steps


def golden_samples(bundle: Path, manifest: dict[str, Any]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return a bundle's golden inputs and outputs: device arrays, one per tensor, first axis the sample."""
    read = [[_golden(bundle, file) for file in manifest["golden"][kind]] for kind in ("inputs", "outputs")]
    for arrays, described in zip(read, (manifest["inputs"], manifest["outputs"]), strict=True):
        for array, tensor in zip(arrays, described, strict=True):
            if array.shape[1:] != tuple(tensor["device_shape"][1:]) or str(array.dtype) != tensor["dtype"]:
                raise ToolkitError(f"golden data of another shape than {tensor['name']}", at=str(bundle),
                                   fix="export the bundle again")  # fmt: skip
    counts = {len(array) for arrays in read for array in arrays}
    if len(counts) != 1 or 0 in counts:
        raise ToolkitError("golden data of no or differing numbers of samples", at=str(bundle),
                           fix="export the bundle again")  # fmt: skip
    return read[0], read[1]


def _golden(bundle: Path, name: str) -> np.ndarray:
    file = (bundle / str(name)).resolve()
    if not file.is_relative_to(bundle.resolve()):  # a manifest may come from a stranger
        raise ToolkitError(
            f"golden data outside the bundle: {name}", at=str(bundle), fix="export the bundle again"
        )
    try:
        return tensors.load_npy(file)
    except ToolkitError as error:
        raise ToolkitError(
            f"golden data cannot be read: {error.what}",
            at=error.at or str(bundle),
            fix="export the bundle again",
        ) from error


def fresh_inputs(manifest: dict[str, Any], count: int, seed: int) -> list[np.ndarray]:
    """Return random device inputs: all integers of the type for integer tensors, normal numbers for float ones.

    A model that learns is given random labels and a small learning rate.
    """
    rng = np.random.default_rng(seed)
    made = []
    for tensor, meaning in zip(manifest["inputs"], _meanings(manifest), strict=True):
        shape = (count, *tensor["device_shape"][1:])
        if meaning == "target":
            labels = rng.integers(shape[-1], size=shape[:-1])
            made.append(np.eye(shape[-1], dtype=np.float32)[labels])
        elif meaning == "rate":
            made.append(np.full(shape, LEARNING_RATE, np.float32))
        elif tensor["dtype"] == "float32":
            made.append(rng.normal(size=shape).astype(np.float32))
        else:
            limits = np.iinfo(tensor["dtype"])
            made.append(rng.integers(limits.min, limits.max + 1, shape).astype(tensor["dtype"]))
    return made


def _meanings(manifest: dict[str, Any]) -> tuple[str, ...]:
    return INPUTS if manifest.get("learns") else ("",) * len(manifest["inputs"])
