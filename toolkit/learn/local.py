"""Learning block by block: each has a loss of its own, and no gradient leaves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from toolkit.errors import ToolkitError
from toolkit.learn import loop
from toolkit.learn.adamw import AdamW
from toolkit.learn.blocks import blocks
from toolkit.learn.loss import cross_entropy
from toolkit.learn.rule import Progress
from toolkit.learn.settings import TrainResult, TrainSettings

if TYPE_CHECKING:
    from toolkit.data import Dataset

# Make the auxiliary head of a block: (its index, its output for a sample or two, the number of classes) -> logits
MakeHead = Callable[[int, Tensor, int], nn.Module]


class LocalLearner:
    """A ``toolkit.learn.loop.Learner`` that trains a chain of blocks, each by the cross entropy of its head.

    The last block makes the logits itself and needs no head. Blocks are trained one after the other on a batch, so that
    only one block's activations are kept at a time.
    """

    def __init__(
        self, rule: str, model: nn.Module, settings: TrainSettings, make_head: MakeHead, sample: Tensor
    ) -> None:
        needs_labels(rule, settings)
        self.settings = settings
        self.blocks = blocks(model)
        self.heads = nn.ModuleList()
        outputs = chain(self.blocks, sample)
        for index, output in enumerate(outputs[:-1]):
            self.heads.append(make_head(index, output, outputs[-1].shape[-1]))
        self.adamw = AdamW([*model.parameters(), *self.heads.parameters()], settings)

    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        values = inputs
        for block, head in zip(self.blocks, [*self.heads, nn.Identity()], strict=True):
            with torch.autocast("cpu", torch.bfloat16, enabled=self.settings.precision == "bfloat16"):
                values = block(values.detach())
                loss = self._loss(head(values), targets)
            loss.backward()
        self.adamw.update(rate, decay)
        return loss.detach()

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(logits, targets, label_smoothing=self.settings.label_smoothing)

    def state_dict(self) -> dict[str, Any]:
        return {"heads": self.heads.state_dict(), "adamw": self.adamw.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.heads.load_state_dict(state["heads"])
        self.adamw.optimizer.load_state_dict(state["adamw"])


def train_blocks(
    rule: str,
    make_head: MakeHead,
    model: nn.Module,
    dataset: Dataset,
    *,
    settings: TrainSettings,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train ``model`` in place with a ``LocalLearner``; see ``toolkit.learn.rule.Rule.train``."""
    with loop.seeded(settings):
        sample = torch.from_numpy(dataset.x_train[:2])
        return loop.run(
            rule,
            LocalLearner(rule, model, settings, make_head, sample),
            model,
            dataset,
            settings=settings,
            checkpoint=checkpoint,
            progress=progress,
        )


def chain(parts: Sequence[nn.Module], sample: Tensor) -> list[Tensor]:
    """Return what each of the blocks makes of ``sample``, without training anything."""
    training = [part.training for part in parts]
    values, outputs = sample, []
    with torch.no_grad():
        for part in parts:
            values = part.eval()(values)
            outputs.append(values)
    for part, before in zip(parts, training, strict=True):
        part.train(before)
    return outputs


def needs_labels(rule: str, settings: TrainSettings) -> None:
    """Refuse a loss without labels.

    Raises:
        ToolkitError: the loss is not cross entropy.
    """
    if settings.loss != "cross-entropy":
        raise ToolkitError(
            f"{rule} learns from labels, not from the loss {settings.loss!r}",
            at="[train] loss",
            fix='use loss = "cross-entropy", or rule = "backprop"',
        )
