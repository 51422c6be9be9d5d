"""What a model's own framework computes, for a bundle made of its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolkit import tensors
from toolkit.errors import ToolkitError
from toolkit.measure import litert


@dataclass(frozen=True)
class Answer:
    """A framework's outputs in the device's layout and types, or why there are none."""

    label: str
    outputs: list[np.ndarray] | None
    defines: bool = False  # True where ours must be equal, False where the difference is only told
    note: str = ""


def ask(bundle: Path, manifest: dict[str, Any], inputs: list[np.ndarray]) -> Answer | None:
    """Return what the framework of the bundle's source computes for device inputs; None where none was asked for.

    LiteRT's reference kernels define a ``.tflite`` file's answer where integers round by the convention "litert".

    Raises:
        ToolkitError: the framework cannot run the file, or gives something else than the manifest describes.
    """
    source = manifest.get("source")
    if not isinstance(source, dict) or source.get("format") != "tflite" or source.get("quantized_here"):
        return None
    label = "LiteRT's reference kernels"
    if not litert.installed():
        return Answer(label, None, note=f"not compared with {label}: {litert.INSTALL}")
    file = Path(bundle) / "model.tflite"
    if not file.is_file():
        raise ToolkitError("model.tflite is missing", at=str(bundle), fix="export the bundle again")
    described = manifest["inputs"]
    pairs = list(zip(described, inputs, strict=True))
    stored = [tensors.to_user(tensor, array, raw=True) for tensor, array in pairs]
    real = [tensors.to_user(tensor, array) for tensor, array in pairs]
    found = litert.run_reference(file, stored, real)
    outputs = [
        _on_device(tensor, array, bundle) for tensor, array in zip(manifest["outputs"], found, strict=True)
    ]
    return Answer(label, outputs, defines=manifest.get("rounding") == "litert")


def _on_device(tensor: dict[str, Any], array: np.ndarray, bundle: Path) -> np.ndarray:
    """Return a framework's output as the device has it."""
    array = array.reshape(len(array), *array.shape[2:]) if array.shape[1] == 1 else array
    if array.shape[1:] != tuple(tensor["shape"][1:]):
        raise ToolkitError(
            f"{tensor['name']} has another shape in model.tflite",
            at=str(bundle),
            fix="export the bundle again",
        )
    if tensor.get("permute") is not None:
        array = array.transpose(tensor["permute"])
    if array.dtype == np.float32 and tensor.get("scale") is not None:
        array = np.rint(array / np.float32(tensor["scale"])) + tensor["zero_point"]
    return np.ascontiguousarray(array).astype(tensor["dtype"])
