"""What one inference costs: instructions, cycles, time, energy, flash and RAM, each labelled with how it is known."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
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
from toolkit.measure import accuracy, cycles, energy, memory, windows
from toolkit.measure.figure import Figure
from toolkit.measure.memory import Memory
from toolkit.measure.profile import FunctionCount, by_function
from toolkit.measure.spikes import Spikes
from toolkit.measure.spikes import count as count_spikes
from toolkit.measure.window_energy import RunEnergy

SCHEMA = 1
SPIKING = "fire"  # the operator of neurons that spike
_WINDOW_S, _WINDOWS = 0.2, 5  # of timed runs


@dataclass(frozen=True)
class LayerCost:
    """One layer, per inference. Instructions and cycles are None when nothing counted them.

    The last three are of networks that spike, see ``toolkit.measure.spikes``.
    """

    index: int
    name: str
    op: str
    function: str
    macs: int
    instructions: float | None
    instructions_per_mac: float | None
    cycles: float | None
    spikes: float | None = None  # that the layer's neurons sent
    neurons: int | None = None
    synaptic_operations: float | None = None  # that spikes set off in it


@dataclass(frozen=True)
class BenchResult:
    """The cost of one inference, the mean over ``inferences``; what is not known is None."""

    model: str
    target: str
    optimize: str
    toolchain: str
    emulator: str
    inferences: int
    clock_hz: int | None
    macs: int
    instructions: Figure | None
    instructions_per_mac: float | None
    outside_layers: float | None  # instructions of model_run itself
    cycles: Figure | None
    latency_us: Figure | None
    energy_uj: Figure | None
    accuracy: Figure | None  # of a test set, where somebody took it of this bundle
    mean_squared_error: Figure | None
    layers: list[LayerCost]
    functions: list[FunctionCount]  # of all inferences together
    memory: Memory | None
    notes: list[str]
    training_latency_us: Figure | None = None  # of one training step, of a model that learns on a board
    energy_net_uj: Figure | None = None  # with a meter: above what the board takes idle
    training_energy_uj: Figure | None = None
    training_energy_net_uj: Figure | None = None
    meter: str | None = None  # that measured the energy
    metered: dict[str, RunEnergy] | None = None  # with a meter, by what was run: windows, idle, uncertainty

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON-ready data, with the schema's version."""
        data = {"schema": SCHEMA, **asdict(self)}
        if self.memory is not None:
            data["memory"] |= {"flash_bytes": self.memory.flash_bytes, "ram_bytes": self.memory.ram_bytes}
        return data


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
    by_layer = estimate.by_layer if estimate else None
    macs = sum(layer["macs"] for layer in manifest["layers"])
    instructions = profile.instructions / inferences if profile else None
    per_inference = estimate.total / inferences if estimate else None
    latency = _latency(target, image, ran, samples, per_inference, estimate, timeout_s)
    known = accuracy.of_bundle(bundle, manifest.get("info"))
    return BenchResult(
        model=str(manifest["name"]),
        target=target.name,
        optimize=str(manifest.get("optimize", "speed")),
        toolchain=image.toolchain,
        emulator=ran.emulator,
        inferences=inferences,
        clock_hz=target.clock_hz,
        macs=macs,
        instructions=None if instructions is None else Figure(_whole(instructions), "counted"),
        instructions_per_mac=_ratio(instructions, macs),
        outside_layers=_whole(counts.get(None, 0) / inferences) if profile else None,
        cycles=Figure(_whole(per_inference), estimate.kind, estimate.source)
        if estimate and per_inference is not None
        else None,
        latency_us=latency,
        energy_uj=_energy(target, per_inference, notes),
        accuracy=known.get("accuracy"),
        mean_squared_error=known.get("mean_squared_error"),
        layers=[
            replace(_layer(layer, counts if profile else None, by_layer, inferences), **vars(own))
            for layer, own in zip(
                manifest["layers"], spiking or [Spikes()] * len(manifest["layers"]), strict=True
            )
        ],
        functions=by_function(profile, parts) if profile and parts else [],
        memory=memory.of_image(image.path, manifest["sizes"]["arena_bytes"], ran.stack_bytes_used)
        if target.bare_metal
        else None,
        notes=notes,
    )


def _layer(
    layer: dict[str, Any],
    counts: dict[str | None, int] | None,
    layer_cycles: dict[str | None, int] | None,
    inferences: int,
) -> LayerCost:
    function = layer["function"]
    instructions = None if counts is None else _whole(counts.get(function, 0) / inferences)
    return LayerCost(
        index=layer["index"],
        name=layer["name"],
        op=layer["op"],
        function=function,
        macs=layer["macs"],
        instructions=instructions,
        instructions_per_mac=_ratio(instructions, layer["macs"]),
        cycles=None if layer_cycles is None else _whole(layer_cycles.get(function, 0) / inferences),
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
        return Figure(energy.latency_us(per_inference, target.clock_hz), estimate.kind, source)
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
    value = energy.energy_uj(per_inference, target)
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
