"""Sparse MeZO: zeroth-order steps on each layer's small weights only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor, nn

from quantize.method import Method, between
from toolkit.learn import zeroth_order
from toolkit.learn.rule import Setup

if TYPE_CHECKING:
    from toolkit.data import Dataset

METHOD = Method(
    slug="sparse-mezo",
    title="Zeroth-order descent on the weights of small magnitude",
    paper="Sparse MeZO: Less Parameters for Better Performance in Zeroth-Order LLM Fine-Tuning, Liu et al. 2024, "
    "arXiv 2402.15751",
    kind="learn",
    cost="inference's memory and a bit per weight",
)


@dataclass(frozen=True)
class Options(zeroth_order.Options):
    """Zeroth-order descent's, and ``moved``: the fraction of a layer's weights, the smallest, that steps change."""

    moved: float = between(0.001, 1.0, 0.25)


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> SparseMezo:
    """Return what trains ``model``; see ``toolkit.learn.rule.Rule``."""
    return SparseMezo(model, setup)


class SparseMezo(zeroth_order.ZerothOrder):
    """Noise is zero where a weight is not among its layer's smallest; which ones are is seen anew at each step."""

    def begin(self, group: list[int]) -> None:
        """See ``toolkit.learn.zeroth_order.ZerothOrder``."""
        self.small = {index: self._small(self.parameters[index]) for index in group}

    def _small(self, parameter: Tensor) -> Tensor:
        size = parameter.abs().flatten()
        count = max(1, round(self.setup.options.moved * len(size)))
        return parameter.abs() <= size.kthvalue(count).values

    def noise(self, index: int, query: int) -> Tensor:
        """See ``toolkit.learn.zeroth_order.ZerothOrder``."""
        return super().noise(index, query) * self.small[index]
