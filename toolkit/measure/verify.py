"""Prove that host C and the target compute what the reference computes, on golden and on fresh data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from toolkit import bundle as bundles
from toolkit import tensors
from toolkit.device import targets
from toolkit.device.build import build, read_manifest
from toolkit.device.run import RunResult, run
from toolkit.device.targets import Target
from toolkit.errors import ToolkitError
from toolkit.lower import reference
from toolkit.lower.ir import Model

SCHEMA = 1
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
            "first_difference": None if self.ok else asdict(self.first_difference),  # type: ignore[arg-type]
        }


def verify(
    bundle: Path,
    *,
    emulator: str | None = None,
    toolchain: str | None = None,
    fresh: int = 16,
    seed: int = 1,
    host: bool = True,
    timeout_s: float = 120.0,
    progress: Callable[[str], None] = lambda _: None,
) -> VerifyResult:
    """Compare reference, host C and the target on the bundle's golden samples and on ``fresh`` random ones.

    The reference is recomputed from ``model.pt2``; the golden outputs in the bundle are checked against it too.

    Raises:
        ToolkitError: the bundle is damaged, a compiler or emulator is missing, or a device fails.
    """
    bundle = Path(bundle)
    manifest = read_manifest(bundle)
    model = _model(bundle, manifest)
    golden_in, golden_out = bundles.golden_samples(bundle, manifest)
    inputs = [
        np.concatenate([a, b])
        for a, b in zip(golden_in, bundles.fresh_inputs(manifest, fresh, seed), strict=True)
    ]
    progress(f"reference: {len(inputs[0])} samples")
    expected = reference.run_batch(model, inputs)
    result = VerifyResult(exact=all(v.dtype != "float32" for v in model.outputs))
    devices: list[tuple[str, Target, str | None, str | None]] = []
    own = targets.load(str(manifest["target"]))
    if host and own.name != "host":
        devices.append(("host C", targets.load("host"), None, None))
    devices.append((own.name, own, toolchain, emulator))

    stored = "golden data in the bundle"
    _compare(
        result, stored, [e[: len(o)] for e, o in zip(expected, golden_out, strict=True)], golden_out, None
    )
    for label, target, compiler, chosen_emulator in devices:
        progress(f"{label}: build and run")
        image = build(bundle, toolchain=compiler, target=target.name)
        ran = run(image, target, tensors.to_bytes(inputs), emulator=chosen_emulator, timeout_s=timeout_s)
        name = label if label == "host C" else f"{label} under {ran.emulator}"

        def locate(
            sample: int,
            target: Target = target,
            compiler: str | None = compiler,
            emu: str | None = chosen_emulator,
        ) -> str | None:
            traced = build(bundle, toolchain=compiler, target=target.name, trace=True)
            one = [array[sample : sample + 1] for array in inputs]
            again = run(traced, target, tensors.to_bytes(one), emulator=emu, timeout_s=timeout_s)
            return _first_layer(model, manifest, one, again)

        _compare(result, name, expected, tensors.from_bytes(manifest["outputs"], ran.outputs), locate)
    return result


def _model(bundle: Path, manifest: dict[str, Any]) -> Model:
    from toolkit.lower.passes import lower
    from toolkit.program import pt2

    program, _ = pt2.load(bundle / "model.pt2")
    model = lower(program)
    described = [tuple(tensor["device_shape"]) for tensor in (*manifest["inputs"], *manifest["outputs"])]
    if described != [value.shape for value in (*model.inputs, *model.outputs)]:
        raise ToolkitError(
            "model.pt2 is not the program this bundle was made of",
            at=str(bundle),
            fix="export the bundle again",
        )
    return model


def _compare(
    result: VerifyResult,
    device: str,
    expected: list[np.ndarray],
    got: list[np.ndarray],
    locate: Callable[[int], str | None] | None,
) -> None:
    values = differing = 0
    largest = 0.0
    for want, have in zip(expected, got, strict=True):
        want, have = want.reshape(len(want), -1), have.reshape(len(have), -1)
        wrong = _differs(want, have)
        values += want.size
        differing += int(wrong.sum())
        if wrong.any():
            gap = np.abs(want.astype(np.float64) - have.astype(np.float64))[wrong]
            largest = max(largest, float(gap.max()))
            if result.first_difference is None:
                sample, index = (int(i) for i in np.argwhere(wrong)[0])
                layer = locate(sample) if locate is not None else None
                result.first_difference = Difference(
                    device, sample, index, float(want[sample, index]), float(have[sample, index]), layer
                )
    result.comparisons.append(Comparison(device, len(expected[0]), values, differing, largest))


def _differs(want: np.ndarray, have: np.ndarray) -> np.ndarray:
    if want.dtype != np.float32:
        return want != have
    return ~(np.abs(want - have) <= FLOAT_TOLERANCE * np.maximum(1, np.abs(want)))  # NaN differs


def _first_layer(model: Model, manifest: dict[str, Any], one: list[np.ndarray], ran: RunResult) -> str | None:
    """Return the first layer whose traced output is not the reference's."""
    if not ran.trace:
        return None
    steps = [(step, out) for step, out in reference.trace(model, one) if step.op != "reshape"]
    for entry, (step, out), layer in zip(ran.trace[0], steps, manifest["layers"], strict=True):
        have = np.frombuffer(entry.data, np.dtype(step.output.dtype).newbyteorder("<"))
        if have.size != out.size or _differs(out.ravel(), have).any():
            return f"{layer['name']} ({layer['op']}, layer {layer['index']})"
    return None
