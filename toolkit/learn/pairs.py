"""Layer by layer from pairs of sample and label: what forward-forward rules share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from toolkit.errors import ToolkitError
from toolkit.learn.adamw import AdamW
from toolkit.learn.local import needs_labels
from toolkit.learn.rule import Setup
from toolkit.models.ff_mlp import FfMlp


class PairLearner:
    """A ``toolkit.learn.rule.Learner``: a batch goes forward with its labels and with wrong ones; layers learn alone.

    Its options say ``sharpness``, that differences of goodness are multiplied by, and ``negatives``: "random" wrong
    labels, or "hard" ones, drawn as often as the network itself would say them.
    """

    collaboration = 0.0  # how much of the other layers' goodness a layer sees beside its own

    def __init__(self, rule: str, model: nn.Module, setup: Setup) -> None:
        needs_labels(rule, setup)
        if not isinstance(model, FfMlp):
            raise ToolkitError(
                f"{rule} trains networks whose logits are goodnesses, not {type(model).__name__}",
                at="[model] family",
                fix='use family = "ff_mlp", or rule = "mono-forward"',
            )
        if setup.settings.label_smoothing or setup.objective.teacher:
            raise ToolkitError(
                f"{rule} learns from pairs that are right or wrong, not from shares of labels",
                at="[train] label_smoothing",
                fix='set label_smoothing = 0, distill = 0, or rule = "backprop"',
            )
        self.model, self.setup = model, setup
        self.adamw = AdamW(model.parameters(), setup.settings)

    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        """See ``toolkit.learn.rule.Learner``; the loss is the layers' mean."""
        labels = torch.cat([targets, self.wrong_labels(inputs, targets)])
        if self.collaboration:
            with torch.no_grad():
                seen = list(self.goodnesses(inputs, labels))
            total = torch.stack(seen).sum(0)
        losses = []
        for index, own in enumerate(self.goodnesses(inputs, labels)):
            others = self.collaboration * (total - seen[index]) if self.collaboration else 0.0
            loss = self.loss(*(own + others).chunk(2))
            loss.backward()
            losses.append(loss.detach())
        self.adamw.update(rate, decay)
        return torch.stack(losses).mean()

    def wrong_labels(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return a label for each sample that is not its own."""
        classes = self.model.classes
        if self.setup.options.negatives == "random":
            return (targets + torch.randint(1, classes, targets.shape)) % classes
        with torch.no_grad(), self.setup.in_precision():
            said = self.setup.options.sharpness * self.model(inputs).float()
        said.scatter_(1, targets[:, None], -torch.inf)
        return torch.multinomial(said.softmax(1), 1).squeeze(1)

    def goodnesses(self, inputs: Tensor, labels: Tensor) -> Iterator[Tensor]:
        """Yield each layer's goodness of the inputs with each batch of labels, ``(batches * n,)``."""
        model = self.model
        # the product of the first layer is the same for all labels
        values = model.flatten(inputs).repeat(len(labels) // len(inputs), 1)
        label = model.label[labels]
        for index in range(len(model.layers)):
            with self.setup.in_precision():
                activity = model.activity(index, values, label)
                yield model.goodness(index, activity.float())
            if index < len(model.between):
                with torch.no_grad():
                    values = model.between[index](activity.detach().float())

    def loss(self, right: Tensor, wrong: Tensor) -> Tensor:
        """Return the loss of right pairs' and wrong pairs' goodness."""
        return softplus(self.setup.options.sharpness * (wrong - right)).mean()

    def state_dict(self) -> dict[str, Any]:
        """See ``toolkit.learn.rule.Learner``."""
        return self.adamw.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``toolkit.learn.rule.Learner``."""
        self.adamw.load_state_dict(state)
