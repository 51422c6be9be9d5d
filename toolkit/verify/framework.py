"""What a model's own framework computes, for a bundle made of its file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from toolkit import tensors
from toolkit.errors import ToolkitError
from toolkit.verify.agreement import MOST_BEYOND_ONE_STEP
from toolkit.verify.child import Framework
from toolkit.verify.litert import LITERT, UNDEFINED
from toolkit.verify.onnx_runtime import ONNX_RUNTIME


@dataclass(frozen=True)
class Answer:
    """A framework's outputs in the device's layout and types, or why there are none."""

    label: str
    outputs: list[np.ndarray] | None
    defines: bool = False  # True where ours must be equal, False where the difference is only told
    note: str = ""
    # For a framework that computes with float32 between the integers: this many values may differ by more than a step.
    beyond_one_step: float | None = None


def ask(bundle: Path, manifest: dict[str, Any], inputs: list[np.ndarray]) -> Answer | None:
    """Return what the framework of the bundle's source computes for device inputs; None where none was asked for.

    LiteRT's reference kernels define a ``.tflite`` file's answer where integers round by the convention "litert". ONNX
    Runtime rounds in float32, which differs between machines: of its answers at most the share `MOST_BEYOND_ONE_STEP`
    may be more than one step away.

    Raises:
        ToolkitError: the framework cannot run the file, or gives something else than the manifest describes.
    """
    source = manifest.get("source")
    if not isinstance(source, dict) or source.get("quantized_here"):
        return None
    if source.get("format") == "tflite":
        return _ask_litert(bundle, manifest, inputs)
    if source.get("format") == "onnx":
        return _ask_onnx_runtime(bundle, manifest, inputs)
    return None


def _ask_litert(bundle: Path, manifest: dict[str, Any], inputs: list[np.ndarray]) -> Answer:
    answer = _outputs(LITERT, bundle, "model.tflite", manifest, inputs)
    if answer.outputs is None:
        return answer
    undefined = sorted({layer.get("op") for layer in manifest.get("layers", [])} & UNDEFINED.keys())
    note = "; ".join(f"LiteRT's {op} is no measure: {UNDEFINED[op]}" for op in undefined)
    return replace(answer, defines=manifest.get("rounding") == "litert" and not undefined, note=note)


def _ask_onnx_runtime(bundle: Path, manifest: dict[str, Any], inputs: list[np.ndarray]) -> Answer:
    # It may refuse a file: weights in a file of their own, or an opset that it does not know yet.
    answer = _outputs(ONNX_RUNTIME, bundle, "model.onnx", manifest, inputs, may_refuse=True)
    return answer if answer.outputs is None else replace(answer, beyond_one_step=MOST_BEYOND_ONE_STEP)


def _outputs(
    framework: Framework,
    bundle: Path,
    name: str,
    manifest: dict[str, Any],
    inputs: list[np.ndarray],
    may_refuse: bool = False,
) -> Answer:
    """Return what a framework computes from the file ``name`` of a bundle."""
    unknown = f"not compared with {framework.label}: "
    if not framework.installed():
        return Answer(framework.label, None, note=unknown + framework.install)
    file = Path(bundle) / name
    if not file.is_file():
        raise ToolkitError(f"{name} is missing", at=str(bundle), fix="export the bundle again")
    try:
        found = framework.run(file, *_stored_and_real(manifest, inputs))
    except ToolkitError as error:
        if not may_refuse:
            raise
        return Answer(framework.label, None, note=unknown + error.what)
    described = zip(manifest["outputs"], found, strict=True)
    return Answer(framework.label, [_on_device(tensor, array, bundle) for tensor, array in described])


def _stored_and_real(
    manifest: dict[str, Any], inputs: list[np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return device inputs in the user's layout, as the device's integers and as real numbers."""
    pairs = list(zip(manifest["inputs"], inputs, strict=True))
    return (
        [tensors.to_user(tensor, array, raw=True) for tensor, array in pairs],
        [tensors.to_user(tensor, array) for tensor, array in pairs],
    )


def _on_device(tensor: dict[str, Any], array: np.ndarray, bundle: Path) -> np.ndarray:
    """Return a framework's output as the device has it."""
    array = array.reshape(len(array), *array.shape[2:]) if array.shape[1] == 1 else array
    if array.shape[1:] != tuple(tensor["shape"][1:]):
        raise ToolkitError(
            f"{tensor['name']} has another shape in the model's file",
            at=str(bundle),
            fix="export the bundle again",
        )
    if tensor.get("permute") is not None:
        array = array.transpose(tensor["permute"])
    if array.dtype == np.float32 and tensor.get("scale") is not None:
        array = np.rint(array / np.float32(tensor["scale"])) + tensor["zero_point"]
    return np.ascontiguousarray(array).astype(tensor["dtype"])
