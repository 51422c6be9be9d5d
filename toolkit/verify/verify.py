"""Prove that host C and the target compute what the reference computes, on golden and on fresh data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolkit import manifest as manifests
from toolkit import tensors
from toolkit.device import targets
from toolkit.device.build import build
from toolkit.device.run import RunResult, run
from toolkit.device.targets import Target
from toolkit.errors import DEVICE, ToolkitError
from toolkit.golden import fresh_inputs, golden_samples
from toolkit.lower import reference
from toolkit.lower.ir import Model
from toolkit.ops import operators
from toolkit.verify import framework
from toolkit.verify.bundled import lowered_model
from toolkit.verify.difference import Piece, VerifyResult, beyond_one_step, by_sample, compare, differs

HOST_LABEL = "host C"


@dataclass(frozen=True)
class _Device:
    """Where a bundle runs, and what computes there."""

    label: str
    target: Target
    toolchain: str | None
    emulator: str | None
    timeout_s: float

    def run(
        self, bundle: Path, inputs: list[np.ndarray], *, trace: bool = False, blocks: bool = False
    ) -> RunResult:
        image = build(bundle, toolchain=self.toolchain, target=self.target.name, trace=trace, blocks=blocks)
        samples = tensors.to_bytes(inputs)
        return run(image, self.target, samples, emulator=self.emulator, timeout_s=self.timeout_s)


def verify(
    bundle: Path,
    *,
    emulator: str | None = None,
    toolchain: str | None = None,
    fresh: int = 16,
    layer_samples: int = 2,
    seed: int = 1,
    host: bool = True,
    timeout_s: float = 120.0,
    progress: Callable[[str], None] = lambda _: None,
) -> VerifyResult:
    """Compare reference, host C and the target on the bundle's golden samples and on ``fresh`` random ones.

    Every output is compared; of the first ``layer_samples`` golden samples, every layer's output too. The reference
    is recomputed from ``model.pt2``; the golden outputs in the bundle are checked against it, and it is checked
    against the framework of the model's file where that defines the answer.

    Raises:
        ToolkitError: the bundle is damaged, a compiler or emulator is missing, or a device fails.
    """
    bundle = Path(bundle)
    manifest = manifests.read(bundle, "layers", "golden", "patches", "block")
    model = lowered_model(bundle, manifest)
    golden_in, golden_out = golden_samples(bundle, manifest)
    random = fresh_inputs(manifest, fresh, seed)
    inputs = [np.concatenate(pair) for pair in zip(golden_in, random, strict=True)]
    progress(f"reference: {len(inputs[0])} samples")
    expected = reference.run_batch(model, inputs)
    result = VerifyResult(exact=_in_order(model))
    golden = [array[: len(stored)] for array, stored in zip(expected, golden_out, strict=True)]
    compare(
        result, "golden data in the bundle", len(golden[0]), by_sample(golden, golden_out), exact=result.exact
    )
    _compare_framework(result, framework.ask(bundle, manifest, inputs), expected)
    for device in _devices(manifest, toolchain, emulator, host, timeout_s):
        progress(f"{device.label}: build and run")
        ran = device.run(bundle, inputs)
        name = device.label if device.label == HOST_LABEL else f"{device.label} under {ran.emulator}"
        got = tensors.from_bytes(manifest["outputs"], ran.outputs)

        def first_layer(sample: int, device: _Device = device) -> str | None:
            first = 0 if model.states else sample  # what a state has become takes all runs up to here
            some = [array[first : sample + 1] for array in inputs]
            layers = _layers(model, manifest, some, device.run(bundle, some, trace=True))
            wrong = (one[1] for one in layers if differs(*one[2:], exact=result.exact).any())
            return next(wrong, None)

        compare(result, name, len(expected[0]), by_sample(expected, got), first_layer, exact=result.exact)
        if few := min(layer_samples, len(golden_in[0])):
            some = [array[:few] for array in inputs]
            layers = _layers(model, manifest, some, device.run(bundle, some, trace=True))
            compare(result, f"{name}, every layer", few, layers, exact=result.exact)
        if manifest.get("block"):
            _compare_blocks(result, name, device, bundle, manifest, inputs, expected)
    return result


def _compare_blocks(
    result: VerifyResult, name: str, device: _Device, bundle: Path, manifest: dict[str, Any],
    inputs: list[np.ndarray], expected: list[np.ndarray],
) -> None:  # fmt: skip
    """Compare what blocks of elements give with what the reference gives for the last one of each."""
    elements = int(manifest["block"]["elements"])
    count = len(expected[0]) // elements
    if count:
        joined = [array[: count * elements].reshape(count, elements, *array.shape[1:]) for array in inputs]
        ran = device.run(bundle, joined, blocks=True)
        want = [array[elements - 1 :: elements] for array in expected]
        got = tensors.from_bytes(manifest["outputs"], ran.outputs)
        compare(result, f"{name}, in blocks of {elements}", count, by_sample(want, got), exact=result.exact)


def _devices(
    manifest: dict[str, Any], toolchain: str | None, emulator: str | None, host: bool, timeout_s: float
) -> list[_Device]:
    own = targets.load(str(manifest["target"]))
    devices = [_Device(own.name, own, toolchain, emulator, timeout_s)]
    if host and own.name != "host":
        devices.insert(0, _Device(HOST_LABEL, targets.load("host"), None, None, timeout_s))
    return devices


def _in_order(model: Model) -> bool:
    """True when no float32 sum of the reference is taken in another order than the device's."""
    floats = (step for step in model.steps if step.output.dtype == "float32")
    return all(operators()[step.op].sums_in_order for step in floats)


def _compare_framework(
    result: VerifyResult, answer: framework.Answer | None, expected: list[np.ndarray]
) -> None:
    if answer is None:
        return
    if answer.note:
        result.notes.append(answer.note)
    if answer.outputs is None:
        return
    if answer.defines:
        compare(result, answer.label, len(expected[0]), by_sample(expected, answer.outputs))
    else:
        told = VerifyResult()
        compare(told, answer.label, len(expected[0]), by_sample(expected, answer.outputs))
        result.information += told.comparisons
        share = beyond_one_step(expected, answer.outputs)
        if answer.beyond_one_step is not None and share > answer.beyond_one_step:
            result.first_difference = result.first_difference or told.first_difference
            result.notes.append(
                f"{share:.1%} of the values are more than one step from {answer.label}'s, of at most "
                f"{answer.beyond_one_step:.0%} that float32 arithmetic explains"
            )


def _layers(
    model: Model, manifest: dict[str, Any], inputs: list[np.ndarray], ran: RunResult
) -> Iterator[Piece]:
    """Yield (sample, layer, reference's output, device's output) of every layer and sample of a traced run."""
    memory = reference.Memory(model)
    for sample, entries in enumerate(ran.trace or []):
        one = [array[sample : sample + 1] for array in inputs]
        steps = [
            (step, out)
            for step, out in reference.trace(model, one, memory)
            if not operators()[step.op].code_free
        ]
        if len(entries) != len(steps):
            raise ToolkitError(
                f"the device ran {len(entries)} layers instead of {len(steps)}",
                fix="export the bundle again",
                exit_code=DEVICE,
            )
        for entry, (step, out), layer in zip(entries, steps, manifest["layers"], strict=True):
            if len(entry.data) != step.output.nbytes:
                raise ToolkitError(
                    f"the device wrote {len(entry.data)} bytes of {layer['name']} instead of {step.output.nbytes}",
                    fix="export the bundle again",
                    exit_code=DEVICE,
                )
            have = np.frombuffer(entry.data, np.dtype(step.output.dtype).newbyteorder("<"))
            yield sample, f"{layer['name']} ({layer['op']}, layer {layer['index']})", out.ravel(), have
