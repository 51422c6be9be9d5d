"""Learning block by block: each has a loss of its own, and no gradient leaves it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from toolkit.errors import ToolkitError
from toolkit.learn.adamw import AdamW
from toolkit.learn.blocks import blocks
from toolkit.learn.rule import Setup

if TYPE_CHECKING:
    from toolkit.data import Dataset

# Make the auxiliary head of a block: (blocks, its index, the outputs of all blocks for two samples) -> logits
MakeHead = Callable[[list[nn.Module], int, list[Tensor]], nn.Module]


class LocalLearner:
    """A ``toolkit.learn.rule.Learner`` that trains a chain of blocks, each by the loss of its head's logits.

    The last block makes the logits itself and needs no head. Blocks are trained one after the other on a batch, so that
    only one block's activations are kept at a time.
    """

    def __init__(
        self, rule: str, model: nn.Module, dataset: Dataset, setup: Setup, make_head: MakeHead
    ) -> None:
        needs_labels(rule, setup)
        self.setup = setup
        self.blocks = blocks(model)
        outputs = chain(self.blocks, torch.from_numpy(dataset.x_train[:2]))
        heads = [make_head(self.blocks, index, outputs) for index in range(len(self.blocks) - 1)]
        self.heads = nn.ModuleList([*heads, nn.Identity()])
        self.adamw = AdamW([*model.parameters(), *self.heads.parameters()], setup.settings)

    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        """See ``toolkit.learn.rule.Learner``; the loss is the last block's."""
        values = inputs
        for block, head in zip(self.blocks, self.heads, strict=True):
            with self.setup.in_precision():
                values = block(values.detach())
                loss = self.setup.objective(head(values), inputs, targets)
            loss.backward()
        self.adamw.update(rate, decay)
        return loss.detach()

    def state_dict(self) -> dict[str, Any]:
        """See ``toolkit.learn.rule.Learner``."""
        return {"heads": self.heads.state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``toolkit.learn.rule.Learner``."""
        self.heads.load_state_dict(state["heads"])
        self.adamw.load_state_dict(state["adamw"])


def chain(parts: Sequence[nn.Module], sample: Tensor) -> list[Tensor]:
    """Return what each of the blocks makes of ``sample``, without training anything."""
    values, outputs = sample, []
    with torch.no_grad():
        for part in parts:
            values = copy.deepcopy(part).eval()(
                values
            )  # a copy: rounding layers would take the sample's range
            outputs.append(values)
    return outputs


def needs_labels(rule: str, setup: Setup) -> None:
    """Refuse a loss without labels.

    Raises:
        ToolkitError: the loss is not cross entropy.
    """
    if setup.settings.loss != "cross-entropy":
        raise ToolkitError(
            f"{rule} learns from labels, not from the loss {setup.settings.loss!r}",
            at="[train] loss",
            fix='use loss = "cross-entropy", or rule = "backprop"',
        )
