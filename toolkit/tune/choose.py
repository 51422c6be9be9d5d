"""The choice among counted kernels: the fastest, or the fastest that leave the arena as small as it gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from toolkit.device.targets import Target
from toolkit.kernels import candidates, kernels
from toolkit.lower.arena import place
from toolkit.lower.ir import Model, Step
from toolkit.tune.count import Cost, count


@dataclass(frozen=True)
class Tuned:
    """What every kernel would cost for every layer that has a choice."""

    costs: Mapping[int, Mapping[str, Cost]]  # step index -> kernel -> cost; only steps with a choice

    def instructions(self, model: Model) -> int:
        """Return the instructions of the layers that had a choice, as they are chosen now."""
        return sum(self.costs[i][model.steps[i].kernel].instructions for i in self.costs)

    def flash_bytes(self, model: Model) -> int:
        """Return the code and constants of the layers that had a choice, as they are chosen now."""
        chosen = [costs[model.steps[i].kernel] for i, costs in self.costs.items()]
        return sum(cost.code_bytes + cost.constant_bytes for cost in chosen)


def count_candidates(
    model: Model,
    target: Target,
    *,
    toolchain: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Tuned:
    """Count every kernel that ``target`` has for every step of ``model``; ``model`` is not changed."""
    pairs: list[tuple[int, Step]] = []
    for index, step in enumerate(model.steps):
        names = candidates(step, target.kernels)
        if len(names) > 1:
            pairs += [(index, replace(step, kernel=name)) for name in names]
    counted = count([step for _, step in pairs], target, toolchain=toolchain, progress=progress)
    costs: dict[int, dict[str, Cost]] = {}
    for (index, step), cost in zip(pairs, counted, strict=True):
        costs.setdefault(index, {})[step.kernel] = cost
    return Tuned(costs)


def choose_fastest(model: Model, tuned: Tuned, byte_price: float = 0.0) -> None:
    """Give each layer the kernel with the fewest instructions; a byte of flash counts as ``byte_price`` of them."""

    def price(cost: Cost) -> float:
        return cost.instructions + byte_price * (cost.code_bytes + cost.constant_bytes)

    for index, costs in tuned.costs.items():
        model.steps[index].kernel = min(costs, key=lambda name: price(costs[name]))


def choose_small_arena(model: Model, tuned: Tuned, arena_bytes: int = 0) -> int:
    """Give each layer the fastest kernel with which the arena stays at most ``arena_bytes``, or as small as it gets.

    Kernels that are their layer's weights as code are left out: RAM is no reason for their flash. Returns the arena's
    bytes.
    """
    tuned = Tuned({index: _without_code(costs) for index, costs in tuned.costs.items()})
    for index, costs in tuned.costs.items():
        model.steps[index].kernel = min(
            costs, key=lambda name: (costs[name].scratch_bytes, costs[name].instructions)
        )
    least = max(place(model).plan.arena_bytes, arena_bytes)
    for index, costs in tuned.costs.items():
        step, frugal = model.steps[index], model.steps[index].kernel
        for name in sorted(costs, key=lambda name: costs[name].instructions):
            step.kernel = name
            if name == frugal or place(model).plan.arena_bytes <= least:
                break
    return place(model).plan.arena_bytes


def _without_code(costs: Mapping[str, Cost]) -> dict[str, Cost]:
    written = {name for name, kernel in kernels().items() if kernel.written_for_weights}
    return {name: cost for name, cost in costs.items() if name not in written}
