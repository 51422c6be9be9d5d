"""Eligibility propagation: synapses keep traces of what they had a hand in, and an error that arrives makes them learn.

Nothing goes back through time, so what a step of training takes does not depend on how many steps a sample has
(Bellec et al. 2020, Nature Communications 11, 3625). A trace follows from the derivatives of one step of the synapse's
own neuron, which are taken of the neuron's code: equations (13) and (21) to (25) of the paper, for any neuron.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from quantize.method import Method
from toolkit.learn.adamw import AdamW
from toolkit.learn.local import needs_labels
from toolkit.learn.rule import Setup
from toolkit.learn.synapses import layers_of

if TYPE_CHECKING:
    from toolkit.data import Dataset

METHOD = Method(
    slug="eprop",
    title="Eligibility propagation, online, in spiking networks",
    paper="A solution to the learning dilemma for recurrent networks of spiking neurons, Bellec et al. 2020, "
    "Nature Communications 11, 3625",
    kind="learn",
    cost="traces for each synapse of each sample, none for each step; gradients through other neurons are left out",
)
NETWORK = {"family": "spiking_rnn"}


@dataclass(frozen=True)
class Options:
    """How the error reaches the neurons.

    ``feedback`` "symmetric" takes the read-out's weights for the last hidden layer, "random" fixed ones; layers before
    it always have fixed ones. ``error`` "end" is that of the read-out's mean, known after the last step, the loss that
    the network is tested with; "step" is that of each step, so that nothing waits. Without ``filtered``, traces do not
    pass the read-out's leak: a layer of LIF neurons then needs one for each input, not for each synapse, with "step".
    """

    feedback: Literal["symmetric", "random"] = "symmetric"
    error: Literal["end", "step"] = "end"
    filtered: bool = True


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> Eprop:
    """Return what trains ``model``; see ``toolkit.learn.rule.Rule``."""
    needs_labels(METHOD.slug, setup)
    return Eprop(model, setup)


class Eprop:
    """Layers of neurons that learn while time goes on, and a leaky read-out."""

    def __init__(self, model: nn.Module, setup: Setup) -> None:
        self.model, self.setup = model, setup
        self.hidden, self.read_out = layers_of(model)
        self.adamw = AdamW(model.parameters(), setup.settings)

    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        """See ``toolkit.learn.rule.Learner``."""
        with torch.no_grad():
            loss = self.gradients(self.model.encode(inputs), inputs, targets)  # type: ignore[operator]
        self.adamw.update(rate, decay)
        return loss

    def gradients(self, steps: Sequence[Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
        """Put each weight's gradient where the optimizer looks for it, and return the loss."""
        options: Options = self.setup.options
        leak, gain = self.read_out.filter if options.filtered else (0.0, 1.0)
        at_end = options.error == "end"
        for layer in self.hidden:
            layer.begin(leak, gain, at_end)
        self.read_out.begin(at_end)
        loss, total = torch.zeros(()), torch.zeros(())
        for x in steps:
            for layer in self.hidden:
                x = layer.step(x)
            potential = self.read_out.step(x)
            if at_end:
                total = total + potential / len(steps)
            else:
                loss = loss + self._teach(potential, inputs, targets, 1.0 / len(steps))
        if at_end:
            loss = self._teach(total, inputs, targets, 1.0, 1.0 / len(steps))
        for layer in self.hidden:
            layer.finish()
        self.read_out.finish()
        return loss

    def _teach(
        self, logits: Tensor, inputs: Tensor, targets: Tensor, share: float, each: float = 1.0
    ) -> Tensor:
        """Let all layers learn from the error of ``logits``, whose loss counts ``share``; return that loss."""
        with torch.enable_grad():
            seen = logits.detach().requires_grad_()
            loss = self.setup.objective(seen, inputs, targets) * share
            (error,) = torch.autograd.grad(loss, seen)
        for index, layer in enumerate(self.hidden):
            layer.learn(error @ self._feedback(index) * each)
        self.read_out.learn(error * each)
        return loss.detach()

    def _feedback(self, index: int) -> Tensor:
        """Return the matrix, classes x neurons, by which layer ``index`` hears of errors."""
        weight = self.read_out.linear.weight
        options: Options = self.setup.options
        if options.feedback == "symmetric" and index == len(self.hidden) - 1:
            return weight
        generator = torch.Generator().manual_seed((self.setup.settings.seed << 16) + index)
        size = self.hidden[index].linear.out_features
        return torch.randn((len(weight), size), generator=generator) / size**0.5

    def state_dict(self) -> dict[str, Any]:
        """See ``toolkit.learn.rule.Learner``."""
        return self.adamw.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``toolkit.learn.rule.Learner``."""
        self.adamw.load_state_dict(state)
