"""Inputs and outputs of a bundle as the device takes and gives them: those it keeps, and random ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from toolkit import tensors
from toolkit.errors import ToolkitError


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
    """Return random device inputs: all integers of the type for integer tensors, normal numbers for float ones."""
    rng = np.random.default_rng(seed)
    made = []
    for tensor in manifest["inputs"]:
        shape = (count, *tensor["device_shape"][1:])
        if tensor["dtype"] == "float32":
            made.append(rng.normal(size=shape).astype(np.float32))
        else:
            limits = np.iinfo(tensor["dtype"])
            made.append(rng.integers(limits.min, limits.max + 1, shape).astype(tensor["dtype"]))
    return made
