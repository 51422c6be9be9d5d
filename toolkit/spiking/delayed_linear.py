"""Linear layers whose synapses have a delay each, learnt beside their weights.

Hammouamri et al. 2023, arXiv 2306.17670.

While training, a synapse is a kernel over time, a Gaussian around its delay (dilated convolutions with learnable
spacings); its width shrinks until each delay can be rounded to a whole number of steps. From then on, and in
evaluation, a synapse is one weight that reads one spike of one earlier step.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from toolkit.errors import ToolkitError
from toolkit.program.delayed import send_delayed
from toolkit.spiking.neurons import Neuron, States, Timing

NARROWEST = 0.5  # width of a Gaussian, in steps, that can be rounded
LONGEST = 254  # delay, in steps


class DelayedLinear(Neuron):
    """``y[o] = sum over i of weight[o, i] * x[i]``, each ``x[i]`` as it was ``delay[o, i]`` steps ago.

    Args:
        timing: of the network.
        inputs: values of a step, ``(n, inputs)``.
        outputs: values that it gives.
        max_delay: the longest delay, in steps.

    Raises:
        ToolkitError: ``max_delay`` is not 1 to 254.
    """

    names = ("pending", "position")
    delays: nn.Parameter  # (outputs, inputs), in steps: any numbers while training
    width: Tensor  # of the Gaussians while training, in steps
    sent_weight: Tensor
    sent_delays: Tensor

    def __init__(self, timing: Timing, inputs: int, outputs: int, max_delay: int) -> None:
        super().__init__(timing)
        if not 1 <= max_delay <= LONGEST:
            raise ToolkitError(f"a longest delay of {max_delay} steps", fix=f"give 1 to {LONGEST}")
        self.max_delay = max_delay
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)
        self.delays = nn.Parameter(torch.rand(outputs, inputs) * max_delay)
        self.register_buffer("width", torch.tensor(self.widest))
        self.bias: Tensor | None = None  # of a normalization that was folded

    @property
    def widest(self) -> float:
        """The width to begin with: a Gaussian over half of the delays."""
        return (self.max_delay + 1) / 2

    def whole_delays(self) -> Tensor:
        """Return the delays as they are used, int64 ``(outputs, inputs)``."""
        return self.delays.detach().round().clamp(0, self.max_delay).to(torch.int64)

    def kernels(self) -> Tensor:
        """Return each synapse over time, ``(outputs, inputs, max_delay + 1)``, the longest delay first."""
        steps = torch.arange(self.max_delay, -1, -1, dtype=self.weight.dtype)
        if not self.training:
            return self.weight[..., None] * (steps == self.whole_delays()[..., None])
        bells = torch.exp(-0.5 * ((steps - self.delays[..., None]) / self.width).square())
        return self.weight[..., None] * (bells / (bells.sum(-1, keepdim=True) + 1e-7))

    def forward(self, x: Tensor, states: States | None = None) -> Any:
        """Return ``(time, n, outputs)`` for ``(time, n, inputs)``; a step's where it streams."""
        if self.streams or states is not None:
            return super().forward(x, states)
        over_time = nn.functional.pad(x.permute(1, 2, 0), (self.max_delay, 0))
        return nn.functional.conv1d(over_time, self.kernels(), self.bias).permute(2, 0, 1)

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """See ``Neuron``; what a step sends is added to where it arrives, so that work follows the spikes."""
        pending, position = states
        weight, delays = (self.sent_weight, self.sent_delays) if self.streams else self.sent()
        pending = send_delayed(pending, x, weight, delays, position)
        arrived = pending[-1:] if self.bias is None else pending[-1:] + self.bias
        return arrived, (pending, (position + 1) % (self.max_delay + 1))

    def absorb(self, norm: nn.BatchNorm1d) -> None:
        """Take in the normalization behind the layer, by its running statistics."""
        mean, var = norm.running_mean, norm.running_var
        if mean is None or var is None:
            raise ToolkitError("a normalization without running statistics cannot be folded")
        with torch.no_grad():
            factor = torch.rsqrt(var + norm.eps) * (1.0 if norm.weight is None else norm.weight)
            shift = -mean * factor + (0.0 if norm.bias is None else norm.bias)
            self.weight.mul_(factor[:, None])
        del self.bias
        self.register_buffer("bias", shift.detach())

    def sent(self) -> tuple[Tensor, Tensor]:
        """Return weights, and delays in uint8, ``(inputs, outputs)``: by what sends."""
        weight = self.weight.detach().t().contiguous()
        return weight, self.whole_delays().t().to(torch.uint8).contiguous()

    def begin(self, x: Tensor) -> States:
        """See ``Neuron``."""
        return x.new_zeros(self.max_delay + 2, len(self.weight)), torch.zeros(1, dtype=torch.int64)

    def stream(self, x: Tensor) -> None:
        """See ``Neuron``."""
        super().stream(x)
        weight, delays = self.sent()
        self.register_buffer("sent_weight", weight)
        self.register_buffer("sent_delays", delays)
        del self.weight, self.delays


def clamp_delays(model: nn.Module) -> None:
    """Move delays that training has driven out of their range back to its ends."""
    with torch.no_grad():
        for layer in delayed(model):
            layer.delays.clamp_(0.0, float(layer.max_delay))


def narrow(model: nn.Module, share: float) -> None:
    """Set all Gaussians' width: their widest at ``share`` 0, half a step at 1, exponentially between."""
    for layer in delayed(model):
        layer.width.fill_(layer.widest * (NARROWEST / layer.widest) ** min(max(share, 0.0), 1.0))


def delayed(model: nn.Module) -> list[DelayedLinear]:
    """Return the layers of ``model`` that have delays."""
    return [layer for layer in model.modules() if isinstance(layer, DelayedLinear)]
