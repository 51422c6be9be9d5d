"""What one inference costs: instructions, cycles, time, energy, flash and RAM, each labelled with how it is known."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from toolkit import manifest as manifests
from toolkit import tensors
from toolkit.device import elf, targets
from toolkit.device.build import Image, build
from toolkit.device.emulators.native import runs_here
from toolkit.device.run import DEFAULT_TIMEOUT_S, RunResult, run
from toolkit.device.targets import Target
from toolkit.errors import ToolkitError
from toolkit.golden import golden_samples
from toolkit.measure import bench_result, memory, windows
from toolkit.measure.bench_result import BenchResult, LayerCost
from toolkit.measure.counts import cycles
from toolkit.measure.counts.profile import by_function
from toolkit.measure.counts.spikes import Spikes
from toolkit.measure.counts.spikes import count as count_spikes
from toolkit.measure.energy.estimate import energy_uj, latency_us
from toolkit.measure.figure import Figure

SPIKING = "fire"  # the operator of neurons that spike
_WINDOW_S, _WINDOWS = 0.2, 5  # of timed runs


def bench(
    bundle: Path,
    *,
    emulator: str | None = None,
    toolchain: str | None = None,
    samples: Sequence[bytes] | None = None,
    blocks: bool = False,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> BenchResult:
    """Build ``bundle``, run it with a profile, and return what one inference costs.

    Args:
        bundle: folder that ``toolkit export`` wrote.
        emulator: one that the target lists; its first unless told.
        toolchain: one that the target lists; Zig unless told.
        samples: the inputs to count over, each all input tensors' bytes. Unless given, the first golden sample; of a
            network that spikes all of them, because its work follows its spikes.
        blocks: let an inference be one block of elements, of a bundle exported with ``prompt_block``.
        timeout_s: limit for the emulator.

    Raises:
        ToolkitError: the bundle takes no blocks, or as ``build`` and ``run`` do.
    """
    bundle = Path(bundle)
    parts = ("layers", "sizes", "block", "info", *(("golden",) if samples is None else ()))
    manifest, elements = manifests.read(bundle, *parts), 1
    if blocks:
        if not manifest.get("block"):
            raise ToolkitError(
                "the bundle takes no blocks of elements",
                at=str(bundle),
                fix="export it with --prompt-block 16",
            )
        elements = int(manifest["block"]["elements"])
        manifest = {**manifest, "layers": manifest["block"]["layers"]}
    target = targets.load(manifest["target"])
    spiking: list[Spikes] = []
    if samples is None:
        inputs, _ = golden_samples(bundle, manifest)
        first = [np.take(array, range(elements), 0, mode="wrap")[None] for array in inputs]
        if any(layer["op"] == SPIKING for layer in manifest["layers"]):
            first = inputs  # work follows what the potentials have become
            spiking = count_spikes(bundle, manifest, inputs)
        samples = tensors.to_bytes(first)
    image = build(bundle, toolchain=toolchain, blocks=blocks)
    ran = run(image, target, samples, emulator=emulator, profile=True, timeout_s=timeout_s)
    return _result(bundle, manifest, target, image, ran, samples, timeout_s, spiking)


def _result(
    bundle: Path,
    manifest: dict[str, Any],
    target: Target,
    image: Image,
    ran: RunResult,
    samples: Sequence[bytes],
    timeout_s: float,
    spiking: list[Spikes],
) -> BenchResult:
    profile, notes = ran.profile, []
    inferences = profile.inferences if profile else len(samples)
    counts = profile.by_layer() if profile else {}
    parts = elf.read(image.path) if profile else None
    estimate = cycles.estimate(profile, parts, target) if profile and parts else None
    if profile is None:
        notes.append(f"no instruction counts: {_why_no_counts(ran.emulator)}")
    elif estimate is None:
        notes.append(f"no cycle estimate: {target.name} has no instruction timings in its target.toml")
    instructions = profile.instructions / inferences if profile else None
    per_inference = estimate.total / inferences if estimate else None
    known = bench_result.of_bundle(
        bundle, manifest, target, toolchain=image.toolchain, emulator=ran.emulator, inferences=inferences
    )
    layers = [_counted(layer, counts if profile else None, estimate, inferences) for layer in known.layers]
    if spiking:
        layers = [replace(layer, **vars(own)) for layer, own in zip(layers, spiking, strict=True)]
    arena_bytes = manifest["sizes"]["arena_bytes"]
    return replace(
        known,
        instructions=None if instructions is None else Figure(_whole(instructions), "counted"),
        instructions_per_mac=_ratio(instructions, known.macs),
        outside_layers=_whole(counts.get(None, 0) / inferences) if profile else None,
        cycles=Figure(_whole(per_inference), estimate.kind, estimate.source)
        if estimate and per_inference is not None
        else None,
        latency_us=_latency(target, image, ran, samples, per_inference, estimate, timeout_s),
        energy_uj=_energy(target, per_inference, notes),
        layers=layers,
        functions=by_function(profile, parts) if profile and parts else [],
        memory=memory.of_image(image.path, arena_bytes, ran.stack_bytes_used) if target.bare_metal else None,
        notes=notes,
    )


def _counted(
    layer: LayerCost,
    counts: dict[str | None, int] | None,
    estimate: cycles.Cycles | None,
    inferences: int,
) -> LayerCost:
    instructions = None if counts is None else _whole(counts.get(layer.function, 0) / inferences)
    return replace(
        layer,
        instructions=instructions,
        instructions_per_mac=_ratio(instructions, layer.macs),
        cycles=_whole(estimate.by_layer.get(layer.function, 0) / inferences) if estimate else None,
    )


def _latency(
    target: Target,
    image: Image,
    ran: RunResult,
    samples: Sequence[bytes],
    per_inference: float | None,
    estimate: cycles.Cycles | None,
    timeout_s: float,
) -> Figure | None:
    if per_inference is not None and estimate is not None and target.clock_hz:
        source = f"{estimate.kind} cycles at {target.clock_hz / 1e6:g} MHz"
        if estimate.kind == "estimated":
            source += ", memory without wait states"
        return Figure(latency_us(per_inference, target.clock_hz), estimate.kind, source)
    if ran.emulator == "native" and runs_here(target.arch):
        return _timed(image, target, samples, timeout_s)
    return None


def _timed(image: Image, target: Target, samples: Sequence[bytes], timeout_s: float) -> Figure:
    """Time inferences in windows of one process each; what its start takes is left out."""

    def took_us(count: int) -> int:
        repeated = [samples[i % len(samples)] for i in range(count)]
        start = time.perf_counter()
        run(image, target, repeated, emulator="native", timeout_s=timeout_s)
        return round((time.perf_counter() - start) * 1e6)

    started_us = min(took_us(1) for _ in range(3))
    timed = windows.measure(lambda runs, _: max(took_us(runs + 1) - started_us, 0), _WINDOW_S, _WINDOWS)
    source = f"this machine, median of {_WINDOWS} windows of {timed.runs:,} runs"
    return Figure(timed.median_us, "measured", source, timed.uncertainty_us)


def _energy(target: Target, per_inference: float | None, notes: list[str]) -> Figure | None:
    if per_inference is None:
        return None
    value = energy_uj(per_inference, target)
    if value is None or target.energy is None:
        notes.append(f"no energy estimate: {target.name} has no published current in its target.toml")
        return None
    return Figure(value, "estimated", target.energy.source)


def _why_no_counts(emulator: str) -> str:
    if emulator == "qemu":
        return "this QEMU takes no plugins, or no C compiler is there to build one"
    return "a program of this machine runs without an emulator"


def _ratio(instructions: float | None, macs: int) -> float | None:
    return instructions / macs if instructions is not None and macs else None


def _whole(value: float) -> float:
    """An exact count stays an integer when it is one."""
    return int(value) if value == int(value) else value
