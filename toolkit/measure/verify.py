"""Prove that host C and the target compute what the reference computes, on golden and on fresh data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from toolkit import bundle as bundles
from toolkit import manifest as manifests
from toolkit import tensors
from toolkit.device import targets
from toolkit.device.build import build
from toolkit.device.run import RunResult, run
from toolkit.device.targets import Target
from toolkit.errors import DEVICE, ToolkitError
from toolkit.lower import reference
from toolkit.lower.ir import Model
from toolkit.lower.rounding import CONVENTIONS
from toolkit.measure import framework
from toolkit.ops import operators

SCHEMA = 1
HOST_LABEL = "host C"
_LayerPair = tuple[
    int, str, np.ndarray, np.ndarray
]  # sample, layer, what the reference says, what the device says
FLOAT_TOLERANCE = 1e-4  # float32 sums are taken in another order; integers must be equal


@dataclass(frozen=True)
class Difference:
    """The first value that is not what the reference says. ``layer`` is None when no layer differs in a traced run."""

    device: str
    sample: int
    index: int
    expected: float
    got: float
    layer: str | None


@dataclass(frozen=True)
class Comparison:
    """One device's outputs held against the reference's."""

    device: str
    samples: int
    values: int
    differing: int
    largest: float


@dataclass
class VerifyResult:
    """What was compared, and the first difference if there is one."""

    comparisons: list[Comparison] = field(default_factory=list)
    first_difference: Difference | None = None
    exact: bool = True  # False for float32 outputs, compared within FLOAT_TOLERANCE
    # how far the model's own framework is from the reference, where another convention of rounding was asked for
    information: list[Comparison] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what was left out, and how to get it

    @property
    def ok(self) -> bool:
        """True when nothing differs."""
        return self.first_difference is None

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {
            "schema": SCHEMA,
            "ok": self.ok,
            "exact": self.exact,
            "tolerance": 0 if self.exact else FLOAT_TOLERANCE,
            "comparisons": [asdict(c) for c in self.comparisons],
            "information": [asdict(c) for c in self.information],
            "notes": self.notes,
            "first_difference": None if self.ok else asdict(self.first_difference),  # type: ignore[arg-type]
        }


@dataclass(frozen=True)
class _Device:
    """Where a bundle runs, and what computes there."""

    label: str
    target: Target
    toolchain: str | None
    emulator: str | None
    timeout_s: float

    def run(self, bundle: Path, inputs: list[np.ndarray], *, trace: bool = False) -> RunResult:
        image = build(bundle, toolchain=self.toolchain, target=self.target.name, trace=trace)
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
    manifest = manifests.read(bundle, "layers", "golden", "patches")
    model = _model(bundle, manifest)
    golden_in, golden_out = bundles.golden_samples(bundle, manifest)
    random = bundles.fresh_inputs(manifest, fresh, seed)
    inputs = [np.concatenate(pair) for pair in zip(golden_in, random, strict=True)]
    progress(f"reference: {len(inputs[0])} samples")
    expected = reference.run_batch(model, inputs)
    result = VerifyResult(exact=all(v.dtype != "float32" for v in model.outputs))
    golden = [array[: len(stored)] for array, stored in zip(expected, golden_out, strict=True)]
    _compare(result, "golden data in the bundle", golden, golden_out, lambda _: None)
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
            return next((layer for _, layer, want, have in layers if _differs(want, have).any()), None)

        _compare(result, name, expected, got, first_layer)
        if few := min(layer_samples, len(golden_in[0])):
            some = [array[:few] for array in inputs]
            layers = _layers(model, manifest, some, device.run(bundle, some, trace=True))
            _compare_layers(result, f"{name}, every layer", few, layers)
    return result


def _devices(
    manifest: dict[str, Any], toolchain: str | None, emulator: str | None, host: bool, timeout_s: float
) -> list[_Device]:
    own = targets.load(str(manifest["target"]))
    devices = [_Device(own.name, own, toolchain, emulator, timeout_s)]
    if host and own.name != "host":
        devices.insert(0, _Device(HOST_LABEL, targets.load("host"), None, None, timeout_s))
    return devices


def _model(bundle: Path, manifest: dict[str, Any]) -> Model:
    from toolkit.lower.passes import lower
    from toolkit.lower.patches import Patches, apply_patches
    from toolkit.program import pt2

    program, _ = pt2.load(bundle / "model.pt2")
    model = lower(program, rounding=_rounding(bundle, manifest))
    if manifest.get("patches") is not None:
        bands = Patches(manifest["patches"]["layers"], manifest["patches"]["bands"])
        model = apply_patches(model, bands) or model
    described = [tuple(tensor["device_shape"]) for tensor in (*manifest["inputs"], *manifest["outputs"])]
    layers = [step for step in model.steps if not operators()[step.op].code_free]
    shapes = [value.shape for value in (*model.inputs, *model.outputs)]
    if described != shapes or len(manifest["layers"]) != len(layers):
        raise ToolkitError(
            "model.pt2 is not the program this bundle was made of",
            at=str(bundle),
            fix="export the bundle again",
        )
    return model


def _rounding(bundle: Path, manifest: dict[str, Any]) -> str:
    convention = manifest.get("rounding")
    if convention not in CONVENTIONS:
        raise ToolkitError(
            f"the manifest is damaged: rounding is {convention!r}",
            at=str(bundle / "manifest.json"),
            fix="make the bundle again with `toolkit export`",
        )
    return str(convention)


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
        _compare(result, answer.label, expected, answer.outputs, lambda _: None)
    else:
        told = VerifyResult()
        _compare(told, answer.label, expected, answer.outputs, lambda _: None)
        result.information += told.comparisons
        share = _beyond_one_step(expected, answer.outputs)
        if answer.beyond_one_step is not None and share > answer.beyond_one_step:
            result.first_difference = result.first_difference or told.first_difference
            result.notes.append(
                f"{share:.1%} of the values are more than one step from {answer.label}'s, of at most "
                f"{answer.beyond_one_step:.0%} that float32 arithmetic explains"
            )


def _beyond_one_step(expected: list[np.ndarray], got: list[np.ndarray]) -> float:
    """Return the share of values further than one step apart; a step of float32 is a hundredth of their range."""
    beyond = values = 0
    for want, have in zip(expected, got, strict=True):
        step = 1.0 if want.dtype != np.float32 else 0.01 * float(np.ptp(want)) + FLOAT_TOLERANCE
        beyond += int(
            (np.abs(want.astype(np.float64) - have.astype(np.float64).reshape(want.shape)) > step).sum()
        )
        values += want.size
    return beyond / max(values, 1)


def _compare(
    result: VerifyResult,
    device: str,
    expected: list[np.ndarray],
    got: list[np.ndarray],
    first_layer: Callable[[int], str | None],
) -> None:
    values = differing = 0
    largest = 0.0
    for want, have in zip(expected, got, strict=True):
        want, have = want.reshape(len(want), -1), have.reshape(len(have), -1)
        wrong = _differs(want, have)
        values += want.size
        differing += int(wrong.sum())
        if wrong.any():
            largest = max(largest, _largest(want, have, wrong))
            if result.first_difference is None:
                sample, index = (int(i) for i in np.argwhere(wrong)[0])
                numbers = float(want[sample, index]), float(have[sample, index])
                result.first_difference = Difference(device, sample, index, *numbers, first_layer(sample))
    result.comparisons.append(Comparison(device, len(expected[0]), values, differing, largest))


def _compare_layers(result: VerifyResult, device: str, samples: int, layers: Iterable[_LayerPair]) -> None:
    values = differing = 0
    largest = 0.0
    for sample, layer, want, have in layers:
        wrong = _differs(want, have)
        values += want.size
        differing += int(wrong.sum())
        if wrong.any():
            largest = max(largest, _largest(want, have, wrong))
            if result.first_difference is None:
                index = int(np.argmax(wrong))
                result.first_difference = Difference(
                    device, sample, index, float(want[index]), float(have[index]), layer
                )
    result.comparisons.append(Comparison(device, samples, values, differing, largest))


def _largest(want: np.ndarray, have: np.ndarray, wrong: np.ndarray) -> float:
    return float(np.abs(want.astype(np.float64) - have.astype(np.float64))[wrong].max())


def _differs(want: np.ndarray, have: np.ndarray) -> np.ndarray:
    if want.dtype != np.float32:
        return want != have
    return ~(np.abs(want - have) <= FLOAT_TOLERANCE * np.maximum(1, np.abs(want)))  # NaN differs


def _layers(
    model: Model, manifest: dict[str, Any], inputs: list[np.ndarray], ran: RunResult
) -> Iterator[_LayerPair]:
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
