"""What one inference takes on a board, measured by the board itself and told over its serial line."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from toolkit import manifest as manifests
from toolkit import tensors
from toolkit.backends import prefix as prefixes
from toolkit.device import targets
from toolkit.device.build import build
from toolkit.device.serial_link import SerialLink
from toolkit.device.serial_model import BoardStats, Cycles, SerialModel
from toolkit.errors import CHECK_FAILED, DEVICE, MISSING, ToolkitError
from toolkit.golden import golden_samples
from toolkit.lower.learning import INPUTS
from toolkit.measure import bench, bench_result, memory
from toolkit.measure.bench_result import ON_BOARD, BenchResult
from toolkit.measure.energy.metered import Metering, measure_each
from toolkit.measure.energy.window_energy import RunEnergy
from toolkit.measure.figure import Figure
from toolkit.measure.memory import Memory
from toolkit.measure.windows import Windows, measure
from toolkit.verify.difference import differs

WINDOW_S, WINDOWS, WARM_UPS = 1.0, 5, 2
_COUNTED = 3  # runs whose cycles are asked for; the median one is taken
_FLASH_IT = "flash this bundle's firmware: toolkit build DIR --serial, then toolkit flash DIR"


class BoardBench:
    """A bundle, and the board that serves it. Every call may raise what ``SerialLink.ask`` does.

    Args:
        bundle: folder that ``toolkit export`` wrote.
        link: to firmware built from it.

    Raises:
        ToolkitError: the board serves another model (1), or says nothing (4).
    """

    def __init__(self, bundle: Path, link: SerialLink) -> None:
        self.bundle, self.link = Path(bundle), link
        self.manifest = manifests.read(self.bundle, "layers", "sizes", "golden", "info")
        self.learns = bool(self.manifest.get("learns"))
        first = self.manifest["outputs"][0]
        inputs = self.manifest["inputs"][:1] if self.learns else self.manifest["inputs"]
        self.model = SerialModel(
            link,
            sample_bytes=sum(tensor["bytes"] for tensor in inputs),
            classes=int(np.prod(first["device_shape"])),
        )
        self.stats: BoardStats = self.model.stats()
        self._check_model()

    def check_golden(self) -> int:
        """Send the bundle's golden inputs, in order; return how many the board answered as it must.

        What it has learnt and not saved is lost.

        Raises:
            ToolkitError: an output differs (1).
        """
        inputs, outputs = golden_samples(self.bundle, self.manifest)
        if self.stats.states:
            self.model.reset()
        for index in range(len(inputs[0])):
            one = [array[index : index + 1] for array in inputs]
            self._answer(one)
            got = tensors.from_bytes(self.manifest["outputs"], [self.model.outputs()])
            for tensor, want, have in zip(self.manifest["outputs"], outputs, got, strict=True):
                wrong = differs(want[index].ravel(), have.ravel())
                if wrong.any():
                    at = int(np.argmax(wrong))
                    raise ToolkitError(
                        f"the board computes {have.ravel()[at]:g} where {want[index].ravel()[at]:g} is right: golden "
                        f"sample {index}, {tensor['name']}[{at}], {int(wrong.sum())} of {wrong.size} values differ",
                        at=self.link.port,
                        fix="run `toolkit verify` on the bundle, look at the board's clock and supply",
                        exit_code=CHECK_FAILED,
                    )
        if self.stats.states:
            self._remember()
        return len(inputs[0])

    def load(self) -> None:
        """Give the board the first golden sample, for runs that are timed."""
        inputs, _ = golden_samples(self.bundle, self.manifest)
        self._load([array[:1] for array in inputs])

    def infer(self, runs: int, takes_s: float) -> int:
        """Answer ``runs`` times; return the microseconds."""
        return self.model.run(runs, takes_s=2 * takes_s)

    def train(self, runs: int, takes_s: float) -> int:
        """Make ``runs`` training steps; return the microseconds."""
        inputs, _ = golden_samples(self.bundle, self.manifest)
        rate = float(inputs[INPUTS.index("rate")].ravel()[0])
        return self.model.train_often(rate, runs, takes_s=2 * takes_s)

    def _check_model(self) -> None:
        source = self.bundle / f"{prefixes.check(self.manifest['prefix'])}.c"
        own = zlib.crc32(source.read_bytes())
        if (self.stats.fingerprint, self.stats.sample) != (own, self.model.sample_bytes):
            raise ToolkitError(
                f"the board serves another model than {self.bundle}: it calls it {self.model.name()}",
                at=self.link.port,
                fix=_FLASH_IT.replace("DIR", str(self.bundle)),
                exit_code=CHECK_FAILED,
            )

    def _load(self, one: list[np.ndarray]) -> None:
        if self.learns:
            label = int(one[INPUTS.index("target")].argmax())
            self.model.load_sample(tensors.to_bytes(one[:1])[0], label)
        else:
            self.model.load_sample(tensors.to_bytes(one)[0])

    def _answer(self, one: list[np.ndarray]) -> None:
        self._load(one)
        if self.learns:
            self.model.train(float(one[INPUTS.index("rate")].ravel()[0]))
        else:
            self.model.run(1)

    def _remember(self) -> None:
        """Go back to what the board had saved, where it had."""
        self.model.reset()
        try:
            self.model.load()
        except ToolkitError as error:
            if "Not loaded" not in error.what:
                raise


def bench_board(
    bundle: Path,
    link: SerialLink,
    *,
    window_s: float = WINDOW_S,
    windows: int = WINDOWS,
    warm_ups: int = WARM_UPS,
    toolchain: str | None = None,
    metering: Metering | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> BenchResult:
    """Measure what one inference of ``bundle`` takes on the board at the other end of ``link``.

    First it answers all golden inputs, and must be right. What it has learnt and not saved is lost.

    An emulated board's clock is no chip's, so nothing is timed there: the figures are those that
    ``toolkit.measure.bench.bench`` counts and estimates.

    Args:
        bundle: folder that ``toolkit export`` wrote; the board's firmware is made from it.
        link: to that board.
        window_s: how long each timed window should last.
        windows: how many; the figures are their median and how far they are apart.
        warm_ups: inferences before the first.
        toolchain: what the firmware was built with, for its size; Zig unless told.
        metering: with what to measure energy, too, of an inference and of a training step where the model learns.
        progress: is told what happens.

    Raises:
        ToolkitError: as ``BoardBench``; there is a meter, and the board is emulated (4).
    """
    progress("is it this model?")
    board = BoardBench(bundle, link)
    if board.stats.emulated and metering is not None:
        raise ToolkitError(
            "the board is emulated: there is no current that a meter could measure",
            at=link.port,
            fix="leave out --meter, or flash a board that the meter feeds",
            exit_code=DEVICE,
        )
    notes = [f"{board.check_golden()} golden samples right on the board"]
    progress(notes[0])
    if board.stats.emulated:
        return _counted(board, toolchain, notes)
    board.load()
    board.model.run(1, warm_ups)
    timed = measure(board.infer, window_s, windows)
    progress(f"{timed.median_us:,.1f} µs")
    cycles = _cycles(board, timed, notes)
    trained = measure(board.train, window_s, windows) if board.learns else None
    metered = None
    if metering is not None:
        jobs = {"inference": board.infer, **({"training step": board.train} if board.learns else {})}
        metered = measure_each(metering, jobs, window_s, windows, progress)
        notes += [f"energy of one {name}: {note}" for name, one in metered.items() for note in one.notes]
    if board.stats.states:
        board._remember()
    result = _result(board, timed, trained, cycles, toolchain, notes, metered)
    return replace(result, meter=metering.name) if metering is not None else result


def _counted(board: BoardBench, toolchain: str | None, notes: list[str]) -> BenchResult:
    """Return what is known without a chip's clock. Of a model that learns a run is a training step."""
    notes.append(
        "the board is emulated and its clock no chip's: nothing is measured, figures are counts and estimates"
    )
    found = bench.bench(board.bundle, toolchain=toolchain)
    used, _ = _memory(board, toolchain, notes)
    if board.learns:
        step = replace(found, training_latency_us=found.latency_us, training_energy_uj=found.energy_uj)
        found = replace(step, latency_us=None, energy_uj=None)
        notes.append("instructions and cycles are of one training step")
    return replace(found, memory=used or found.memory, notes=[*notes, *found.notes])


def latency(timed: Windows) -> Figure:
    """Return windows as a figure, in microseconds."""
    apart = (max(timed.us) - min(timed.us)) / timed.median_us if timed.median_us else 0.0
    source = f"the board's clock, median of {len(timed.us)} windows of {timed.runs:,} runs, {apart:.2%} apart"
    return Figure(timed.median_us, "measured", source, timed.uncertainty_us)


def _cycles(board: BoardBench, timed: Windows, notes: list[str]) -> Cycles | None:
    if not board.stats.cycles_hz:
        notes.append("no cycles: this core has no counter")
        return None
    if timed.median_us * 1e-6 * board.stats.cycles_hz >= 2**32:
        notes.append("no cycles: the counter has 32 bits, and wraps around during one inference")
        return None
    cycles = sorted((board.model.layers() for _ in range(_COUNTED)), key=lambda run: run.total)[_COUNTED // 2]
    if not cycles.layers:
        notes.append("no cycles by layer: build the firmware with --trace to mark its layers")
    return cycles


def _result(
    board: BoardBench,
    timed: Windows,
    trained: Windows | None,
    cycles: Cycles | None,
    toolchain: str | None,
    notes: list[str],
    metered: dict[str, RunEnergy] | None,
) -> BenchResult:
    one, step = (metered or {}).get("inference"), (metered or {}).get("training step")
    target = targets.load(board.manifest["target"])
    used, built_by = _memory(board, toolchain, notes)
    known = bench_result.of_bundle(
        board.bundle, board.manifest, target, toolchain=built_by, emulator=ON_BOARD,
        inferences=timed.runs * len(timed.us),
    )  # fmt: skip
    marked = dict(enumerate(cycles.layers)) if cycles else {}
    return replace(
        known,
        clock_hz=board.stats.clock_hz or target.clock_hz,
        cycles=Figure(cycles.total, "measured", f"the core's counter, the median of {_COUNTED} inferences")
        if cycles
        else None,
        latency_us=latency(timed),
        energy_uj=one.gross_uj if one else None,
        layers=[replace(layer, cycles=marked.get(layer.index)) for layer in known.layers],
        memory=used,
        notes=notes,
        training_latency_us=latency(trained) if trained else None,
        energy_net_uj=one.net_uj if one else None,
        training_energy_uj=step.gross_uj if step else None,
        training_energy_net_uj=step.net_uj if step else None,
        metered=metered,
    )


def _memory(board: BoardBench, toolchain: str | None, notes: list[str]) -> tuple[Memory | None, str]:
    """Return what the firmware takes, by building it as it was built, and the compiler's name."""
    try:
        image = build(board.bundle, serial=True, toolchain=toolchain)
    except ToolkitError as error:
        if error.exit_code != MISSING:
            raise
        notes.append(f"no sizes: {error.what}")
        return None, toolchain or "unknown"
    if image.kind != "bare_metal":
        return None, image.toolchain
    arena = board.manifest["sizes"]["arena_bytes"]
    return memory.of_image(image.path, arena, board.stats.stack or None), image.toolchain
