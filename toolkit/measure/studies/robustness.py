"""How many flipped pixels a spiking network bears: accuracy against the budget of an attacker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from toolkit.spiking.methods.snn_attack import flips, with_surrogate

if TYPE_CHECKING:
    from torch import nn

SCHEMA = 1
ATTACKS = ("potential-dependent", "own surrogate", "random pixels")


@dataclass(frozen=True)
class Attacked:
    """What one attack did to some samples.

    Args:
        attack: one of ``ATTACKS``.
        budgets: numbers of pixels that may be flipped.
        accuracy: at each budget, a fraction.
        flips: of each sample that was right, the fewest pixels found that make it wrong; None where none were.
    """

    attack: str
    budgets: list[int]
    accuracy: list[float]
    flips: list[int | None]

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        fooled = sorted(count for count in self.flips if count is not None)
        median = fooled[len(fooled) // 2] if fooled else None
        return {"attack": self.attack, "budgets": self.budgets, "accuracy": self.accuracy, "fooled": len(fooled),
                "samples": len(self.flips), "median_flips": median}  # fmt: skip


def attack(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    budgets: Sequence[int],
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> Iterator[Attacked]:
    """Attack ``model`` on each sample, by its own potentials' surrogate, by the one it has, and by chance.

    Args:
        model: trained; of the spiking families.
        x: samples of zeros and ones, ``(n, ...)``.
        y: their labels.
        budgets: numbers of pixels.
        seed: of all that is drawn.
        progress: called after each sample with samples done, all samples, and what runs.

    Raises:
        ToolkitError: nothing in the model spikes.
    """
    models = {ATTACKS[0]: with_surrogate(model), ATTACKS[1]: model.eval(), ATTACKS[2]: model}
    with torch.no_grad():
        right = model(x).argmax(1) == y
    for number, (name, attacked) in enumerate(models.items()):
        counts: list[int | None] = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for index in right.nonzero().flatten().tolist():
                sample, label = x[index : index + 1], int(y[index])
                if name == ATTACKS[2]:
                    counts.append(_by_chance(attacked, sample, label, budgets))
                else:
                    mask = flips(attacked, sample, label)
                    counts.append(None if mask is None else int(mask.sum()))
                if progress is not None:
                    progress(number * len(x) + index + 1, len(models) * len(x), name)
        left = [sum(1 for count in counts if count is None or count > budget) for budget in budgets]
        yield Attacked(name, list(budgets), [count / len(x) for count in left], counts)


def _by_chance(model: nn.Module, x: Tensor, label: int, budgets: Sequence[int]) -> int | None:
    """Return the first of ``budgets`` at which as many pixels, drawn one after another, make ``model`` err."""
    order = torch.randperm(x.numel())
    flat = x.flatten(1).repeat(len(budgets), 1)
    for row, budget in enumerate(budgets):
        flat[row, order[:budget]] = 1.0 - flat[row, order[:budget]]
    with torch.no_grad():
        wrong = model(flat.view(-1, *x.shape[1:])).argmax(1) != label
    return next((budget for budget, one in zip(budgets, wrong.tolist(), strict=True) if one and budget), None)
