"""Let an emulated board learn over its serial line, one method after the other, and compare them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit import manifest as manifests
from toolkit.device import elf, firmware, linker, targets
from toolkit.device.build import Image, build
from toolkit.device.emulated_board import Board, keeps, running
from toolkit.device.serial_link import SerialLink
from toolkit.device.serial_model import SerialModel
from toolkit.device.targets import Target
from toolkit.errors import CHECK_FAILED, ToolkitError
from toolkit.finetune import prepare
from toolkit.finetune.methods import Method
from toolkit.finetune.outcome import Cost, Memory, Outcome
from toolkit.finetune.world import World
from toolkit.measure import memory as measured
from toolkit.measure.counts import cycles as cycle_estimate
from toolkit.measure.energy.estimate import energy_uj

WINDOWS = 12  # points of the curve while learning
_COUNTED = 4  # steps, and answers, that are counted
_LIKE = (
    "stm32f4-discovery"  # whose published current estimates the energy where the board has none of its own
)


@dataclass(frozen=True)
class Comparison:
    """Methods side by side on one board.

    ``here`` is the model's accuracy where it was trained, ``change`` says what the world has become, ``energy_source``
    whose current the estimates are made with.
    """

    target: str
    emulator: str
    toolchain: str
    change: str
    here: float
    energy_source: str
    outcomes: tuple[Outcome, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        plain = {key: value for key, value in vars(self).items() if key != "outcomes"}
        return {**plain, "methods": [outcome.to_json() for outcome in self.outcomes]}


def finetune(
    world: World,
    methods: Sequence[Method],
    folder: Path,
    *,
    target: str = "mps2-an386",
    emulator: str | None = None,
    toolchain: str | None = None,
    int8: bool = False,
    epochs: int = 40,
    seed: int = 0,
    timeout_s: float = 60.0,
    progress: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Train a model here, then let a board with it learn what has changed, by each of ``methods``.

    Args:
        world: the data, old and new.
        methods: each starts with the same trained model.
        folder: where programs and bundles are left, one for each method.
        target: a board with a serial line and an emulator.
        emulator: ``unicorn`` or ``qemu``; counts come from Unicorn in any case.
        toolchain: a compiler that the target lists.
        int8: quantize the trained model; what is learnt stays float32.
        epochs: of training here.
        seed: of the first weights and the order here.
        timeout_s: limit for each answer of the board.
        progress: told what is going on.

    Raises:
        ToolkitError: a rule cannot train the model, the firmware does not fit, the board fails or is silent, or it does
            not remember what it learnt.
    """
    from toolkit.learn.evaluate import accuracy
    from toolkit.stages.train import threads

    board = targets.load(target)
    firmware.serial_of(board)
    if board.bare_metal and board.store is None:
        raise ToolkitError(
            f"{board.name} cannot keep what it learns: its flash has no driver",
            at=str(board.folder / "target.toml"),
            fix=f"add [store], or use a --target that has it: {', '.join(_keeping())}",
        )
    if board.bare_metal and "unicorn" not in board.emulators:
        raise ToolkitError(
            f"what {board.name} executes cannot be counted: Unicorn has no core of the kind {board.arch}",
            at=str(board.folder / "target.toml"),
            fix=f"use one of: {', '.join(_keeping())}",
        )
    if board.bare_metal and not keeps(board, emulator or board.default_emulator):
        raise ToolkitError(
            f"{emulator} has no model of what programs the flash of {board.name}",
            at=str(board.folder / "target.toml"),
            fix="use --emulator unicorn",
        )
    like = board if board.energy is not None else targets.load(_LIKE)
    progress(f"training {'-'.join(world.model)} on {world.dataset.name}")
    with threads(1):  # of networks this small, one is quickest
        model = prepare.trained(world, epochs=epochs, seed=seed)
    outcomes = []
    toolchain_name = ""
    for method in methods:
        progress(f"{method.name}: compiling its training step for {target}")
        with threads(1):
            program = prepare.step_program(model, method, world.dataset, int8=int8)
        bundle = prepare.export(program, target, folder / method.name, world.dataset.name)
        image = build(bundle, serial=True, toolchain=toolchain)
        toolchain_name = image.toolchain
        job = _Job(world, method, bundle, image, board, like, emulator, timeout_s, progress)
        outcomes.append(job.outcome())
    source = f"{like.name}: {like.energy.source}" if like.energy else ""
    here = accuracy(model, world.dataset.x_test, world.dataset.y_test)
    return Comparison(
        target,
        emulator or board.default_emulator,
        toolchain_name,
        world.change,
        here,
        source,
        tuple(outcomes),
    )


def _keeping() -> list[str]:
    """Return the boards that keep what they learn, and that Unicorn, which counts, can run."""
    found = map(targets.load, targets.names())
    return [each.name for each in found if each.store is not None and "unicorn" in each.emulators]


@dataclass(frozen=True)
class _Job:
    """One method on one board."""

    world: World
    method: Method
    bundle: Path
    image: Image
    target: Target
    like: Target
    emulator: str | None
    timeout_s: float
    progress: Callable[[str], None]

    def outcome(self) -> Outcome:
        manifest = manifests.read(self.bundle, "sizes")
        tensor = manifest["inputs"][0]
        new = list(
            zip(prepare.as_device_bytes(tensor, self.world.x_new), self.world.y_new.tolist(), strict=True)
        )
        tests = list(
            zip(prepare.as_device_bytes(tensor, self.world.x_test), self.world.y_test.tolist(), strict=True)
        )
        steps, window = len(new), max(1, -(-len(new) // WINDOWS))
        with running(self.image, self.target, emulator=self.emulator) as board:
            with self._talking(board, manifest) as model:
                self.progress(f"{self.method.name}: {len(tests)} answers before")
                before = _answers(model, tests)
                during = []
                for at in range(0, steps, window):
                    during.append(_learns(model, new[at : at + window], self.method.rate))
                    self.progress(
                        f"{self.method.name}: {min(at + window, steps)} of {steps} samples, {during[-1]:.0%} right"
                    )
                after, learnt, stack = _answers(model, tests), model.state_crc(), model.stack_bytes()
                model.save()
            board.reset()
            with self._talking(board, manifest) as model:
                if model.state_crc() != learnt:
                    raise ToolkitError(
                        "after a reset the board has not what it had learnt", at=self.method.name,
                        fix="this is a bug of the toolkit: please report it", exit_code=CHECK_FAILED,
                    )  # fmt: skip
                after_reset = _answers(model, tests)
        step, answer = self._count(manifest, new)
        return Outcome(
            method=self.method.name,
            rule=self.method.rule,
            rate=self.method.rate,
            steps=steps,
            tests=len(tests),
            before=before,
            during=tuple(during),
            window=window,
            after=after,
            after_reset=after_reset,
            memory=self._memory(manifest, stack),
            step=step,
            answer=answer,
        )

    @contextmanager
    def _talking(self, board: Board, manifest: dict[str, Any]) -> Iterator[SerialModel]:
        result = manifest["outputs"][0]
        try:
            with SerialLink(board.url, timeout_s=self.timeout_s) as link:
                yield SerialModel(
                    link, sample_bytes=manifest["inputs"][0]["bytes"], classes=result["device_shape"][-1]
                )
        except ToolkitError as error:
            raise board.failure() or error from error

    def _count(self, manifest: dict[str, Any], samples: list[tuple[bytes, int]]) -> tuple[Cost, Cost]:
        """Return what a training step and an answer cost, counted on Unicorn's core."""
        with running(self.image, self.target, emulator="unicorn", counting=True) as board:
            with self._talking(board, manifest) as model:
                _answers(model, samples[:_COUNTED])
                _learns(model, samples[:_COUNTED], self.method.rate)
            profiles = board.profiles()
        image = elf.read(self.image.path)
        costs = []
        for entry in ("run", "predict"):
            profile = profiles[entry]
            estimated = cycle_estimate.estimate(profile, image, self.target)
            cycles = estimated.total / profile.inferences if estimated else None
            energy = energy_uj(cycles, self.like) if cycles is not None else None
            costs.append(Cost(profile.instructions / profile.inferences, cycles, energy))
        return costs[0], costs[1]

    def _memory(self, manifest: dict[str, Any], stack_bytes: int) -> Memory:
        arena = manifest["sizes"]["arena_bytes"]
        image = measured.of_image(self.image.path, arena, stack_bytes)
        return Memory(
            arena_bytes=arena,
            state_bytes=sum(state["bytes"] for state in manifest["states"]),
            other_static_bytes=image.other_static_bytes,
            stack_bytes=stack_bytes,
            flash_bytes=image.flash_bytes,
            slots_bytes=linker.slots_region(elf.read(self.image.path)).bytes,
        )


def _answers(model: SerialModel, samples: list[tuple[bytes, int]]) -> float:
    """Let the board answer; return the share that it says is right."""
    model.accuracy()  # what was counted before
    for sample, label in samples:
        model.load_sample(sample, label)
        model.infer()
    return _share(model, len(samples))


def _learns(model: SerialModel, samples: list[tuple[bytes, int]], rate: float) -> float:
    """Let the board learn; return the share that it had right before it learnt it."""
    model.accuracy()
    for sample, label in samples:
        model.load_sample(sample, label)
        model.train(rate)
    return _share(model, len(samples))


def _share(model: SerialModel, asked: int) -> float:
    right, counted = model.accuracy()
    if counted != asked:
        raise ToolkitError(
            f"the board counted {counted} answers, and {asked} were asked",
            at=model.link.port,
            fix="reset it and run again",
            exit_code=CHECK_FAILED,
        )
    return right / asked
