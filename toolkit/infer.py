"""Run a bundle's model on its target: the user's arrays in, the user's arrays out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolkit import manifest as manifests
from toolkit import tensors
from toolkit.device import targets
from toolkit.device.build import build
from toolkit.device.run import DEFAULT_TIMEOUT_S, run
from toolkit.errors import ToolkitError


@dataclass(frozen=True)
class Inference:
    """What came back: one array per output tensor, first axis the sample, and what computed it."""

    outputs: list[np.ndarray]
    target: str
    emulator: str
    toolchain: str

    @property
    def samples(self) -> int:
        """How many samples ran."""
        return len(self.outputs[0])


def infer(
    bundle: Path,
    inputs: Sequence[np.ndarray],
    *,
    raw: bool = False,
    target: str | None = None,
    emulator: str | None = None,
    toolchain: str | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    labels: Sequence[str] = (),
) -> Inference:
    """Build ``bundle`` when needed and run it on samples, batch after batch.

    Args:
        bundle: folder that ``toolkit export`` wrote.
        inputs: one array per input tensor in the user's layout, first axis the sample: real numbers, or for
            an integer tensor its integers.
        raw: return the device's integers instead of real numbers.
        target: another target than the bundle's own; ``host`` runs the same C on this machine.
        emulator: one that the target lists.
        toolchain: a compiler that the target lists.
        timeout_s: limit for the emulator.
        labels: what to call each input in an error; a file's name, say.

    Raises:
        ToolkitError: an array has the wrong shape or type, a tool is missing, or the device fails.
    """
    manifest = manifests.read(bundle)
    described = manifest["inputs"]
    if len(inputs) != len(described):
        names = ", ".join(tensor["name"] for tensor in described)
        raise ToolkitError(
            f"expected {len(described)} inputs ({names}), got {len(inputs)}",
            at=str(bundle),
            fix="give one per tensor",
        )
    shown = [*labels, *(tensor["name"] for tensor in described[len(labels) :])]
    arrays = [
        tensors.to_device(tensor, array, at=name)
        for tensor, array, name in zip(described, inputs, shown, strict=True)
    ]
    counts = {len(array) for array in arrays}
    if len(counts) != 1:
        raise ToolkitError(
            f"the inputs have different numbers of samples: {', '.join(str(len(array)) for array in arrays)}",
            fix="give every input the same first axis",
        )
    chosen = targets.load(target or manifest["target"])
    image = build(bundle, toolchain=toolchain, target=chosen.name)
    ran = run(image, chosen, tensors.to_bytes(arrays), emulator=emulator, timeout_s=timeout_s)
    outputs = [
        tensors.to_user(tensor, array, raw=raw)
        for tensor, array in zip(
            manifest["outputs"], tensors.from_bytes(manifest["outputs"], ran.outputs), strict=True
        )
    ]
    return Inference(outputs, chosen.name, ran.emulator, image.toolchain)
