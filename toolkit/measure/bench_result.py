"""What a bench found out: the cost of one inference, by layer and in all, each figure with how it is known."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from toolkit.device.target import Target
from toolkit.measure import accuracy
from toolkit.measure.counts.profile import FunctionCount
from toolkit.measure.energy.window_energy import RunEnergy
from toolkit.measure.figure import Figure
from toolkit.measure.memory import Memory

SCHEMA = 1
ON_BOARD = "none"  # the emulator of what a real board did


@dataclass(frozen=True)
class LayerCost:
    """One layer, per inference. Instructions and cycles are None when nothing counted them.

    The last three are of networks that spike, see ``toolkit.measure.counts.spikes``.
    """

    index: int
    name: str
    op: str
    function: str
    macs: int
    instructions: float | None = None
    instructions_per_mac: float | None = None
    cycles: float | None = None
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
    instructions: Figure | None = None
    instructions_per_mac: float | None = None
    outside_layers: float | None = None  # instructions of model_run itself
    cycles: Figure | None = None
    latency_us: Figure | None = None
    energy_uj: Figure | None = None
    accuracy: Figure | None = None  # of a test set, where somebody took it of this bundle
    mean_squared_error: Figure | None = None
    layers: list[LayerCost] = field(default_factory=list)
    functions: list[FunctionCount] = field(default_factory=list)  # of all inferences together
    memory: Memory | None = None
    notes: list[str] = field(default_factory=list)
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


def of_bundle(
    bundle: Path, manifest: dict[str, Any], target: Target, *, toolchain: str, emulator: str, inferences: int
) -> BenchResult:
    """Return what is known before anything has run: names, multiply-accumulates, accuracy.

    Args:
        bundle: its folder.
        manifest: read with ``layers`` and ``info``.
        target: that it is for.
        toolchain: that built it.
        emulator: that runs it, ``ON_BOARD`` for a board.
        inferences: over how many the figures will be.
    """
    layers = manifest["layers"]
    known = accuracy.of_bundle(bundle, manifest.get("info"))
    return BenchResult(
        model=str(manifest["name"]),
        target=target.name,
        optimize=str(manifest.get("optimize", "speed")),
        toolchain=toolchain,
        emulator=emulator,
        inferences=inferences,
        clock_hz=target.clock_hz,
        macs=sum(layer["macs"] for layer in layers),
        accuracy=known.get("accuracy"),
        mean_squared_error=known.get("mean_squared_error"),
        layers=[
            LayerCost(layer["index"], layer["name"], layer["op"], layer["function"], layer["macs"])
            for layer in layers
        ],
    )
