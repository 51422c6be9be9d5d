"""Kernels for a whole model: fast, small or frugal, and within the flash and RAM that the user allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from toolkit.device.targets import Target
from toolkit.errors import CHECK_FAILED, ToolkitError
from toolkit.lower import patches
from toolkit.lower.arena import place
from toolkit.lower.choose import pays
from toolkit.lower.ir import Model, Step
from toolkit.lower.patches import Patches
from toolkit.lower.pooled import fuse_pools
from toolkit.lower.residual import fuse_adds
from toolkit.measure.memory import Memory
from toolkit.tune.choose import Tuned, choose_fastest, choose_small_arena, count_candidates
from toolkit.tune.image import memory_of

# What a byte of flash may cost in instructions of one inference, and whether layers share kernels: tried in turn until
# the image is small enough.
_SMALLER = (
    (1.0, False),
    (10.0, False),
    (100.0, False),
    (1_000.0, False),
    (0.0, True),
    (100.0, True),
    (1_000.0, True),
)


@dataclass(frozen=True)
class Budget:
    """What the whole image may take, harness and stack included; None is as much as the target has."""

    flash_bytes: int | None = None
    ram_bytes: int | None = None

    @property
    def limited(self) -> bool:
        """True when there is a limit."""
        return self.flash_bytes is not None or self.ram_bytes is not None

    def allows(self, memory: Memory) -> bool:
        """True when an image stays within both limits."""
        return memory.flash_bytes <= (self.flash_bytes or memory.flash_bytes) and memory.ram_bytes <= (
            self.ram_bytes or memory.ram_bytes
        )


@dataclass(frozen=True)
class Choice:
    """A model with its kernels chosen, and what else was decided."""

    model: Model
    shared: bool  # layers must share kernels, for size
    patches: Patches | None  # how the first layers are computed


class _OverBudget(ToolkitError):
    """A limit that no choice of kernels keeps."""

    def __init__(self, what: str, option: str, needed: int, allowed: int) -> None:
        super().__init__(
            f"the model takes at least {needed:,} B of {what}, and {option} allows {allowed:,}",
            fix=f"allow {needed:,}, choose a smaller model, or quantize it to ternary",
            exit_code=CHECK_FAILED,
        )
        self.needed = needed


def tune(
    model: Model,
    target: Target,
    goal: str,
    budget: Budget,
    *,
    toolchain: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Choice:
    """Choose a kernel for every step of ``model`` by counting, and bands for its first layers where RAM is short.

    Pools are computed with the convolution before them where that pays, everywhere where RAM is short, and nowhere
    where flash is; additions only where that pays.

    Args:
        model: lowered; it is not changed.
        target: bare metal, with an emulator that counts.
        goal: "speed", "size" or "ram".
        budget: limits that hold whatever the goal; flash is measured on linked images.
        toolchain: as in ``toolkit.device.build``.
        progress: told what is being counted or built.

    Raises:
        ToolkitError: no choice stays within the budget; a compiler or emulator is missing.
    """

    def paying(step: Step) -> bool:
        return pays(step, target.kernels)

    everywhere = fuse_adds(fuse_pools(model), paying)
    variants = [everywhere, model]
    if goal == "speed":
        variants.insert(0, fuse_adds(fuse_pools(model, paying), paying))
    if goal == "size":
        variants.reverse()
    made: list[Choice] = []
    refusals: list[_OverBudget] = []
    for number, variant in enumerate(variants):
        if any(len(variant.steps) == len(other.steps) for other in variants[:number]):
            continue
        own = replace(variant, steps=[replace(step) for step in variant.steps])
        try:
            made.append(_tune(own, target, goal, budget, toolchain, progress))
        except _OverBudget as refusal:
            refusals.append(refusal)
        if made and goal != "ram":
            break
    if not made:
        raise min(refusals, key=lambda refusal: refusal.needed)
    return min(made, key=lambda choice: place(choice.model).plan.arena_bytes)


def _tune(
    model: Model,
    target: Target,
    goal: str,
    budget: Budget,
    toolchain: str | None,
    progress: Callable[[str], None],
) -> Choice:
    tuned = count_candidates(model, target, toolchain=toolchain, progress=progress)
    banded, bands = model, None
    if goal == "ram":
        choose_small_arena(model, tuned)
        banded, bands = patches.search(model)
    else:
        _choose_fastest_within(model, tuned, budget.flash_bytes or target.regions()[0].bytes)
    shared = goal == "size"
    if not budget.limited:
        return Choice(banded, shared, bands)

    def measured(size: bool) -> Memory:
        progress("linking")
        return memory_of(banded, target, toolchain=toolchain, size=size)

    memory = measured(shared)
    if budget.ram_bytes is not None and memory.ram_bytes > budget.ram_bytes:
        arena = max(budget.ram_bytes - (memory.ram_bytes - memory.arena_bytes), 0)
        if choose_small_arena(model, tuned, arena) > arena:
            progress("looking for bands of the first layers")
            banded, bands = patches.search(model, arena)
        memory = measured(shared)
        if memory.ram_bytes > budget.ram_bytes:
            raise _OverBudget("RAM", "--max-ram", memory.ram_bytes, budget.ram_bytes)
    if budget.flash_bytes is None or memory.flash_bytes <= budget.flash_bytes:
        return Choice(banded, shared, bands)
    least = memory.flash_bytes
    for price, shared in _SMALLER:
        choose_fastest(model, tuned, price)
        if bands is not None:
            banded = patches.apply_patches(model, bands) or model
        memory = measured(shared)
        if budget.allows(memory):
            return Choice(banded, shared, bands)
        least = min(least, memory.flash_bytes)
    raise _OverBudget("flash", "--max-flash", least, budget.flash_bytes)


def _choose_fastest_within(model: Model, tuned: Tuned, flash_bytes: int) -> None:
    """Choose the fastest kernels that may fit at all: some are their layer's weights as code."""
    for price in (0.0, 1.0, 10.0, 100.0):
        choose_fastest(model, tuned, price)
        if tuned.flash_bytes(model) <= flash_bytes:
            return
