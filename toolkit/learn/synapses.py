"""Layers of spiking neurons whose synapses keep eligibility traces, for learning that goes on with time."""

from __future__ import annotations

from functools import reduce
from typing import cast

import torch
from torch import Tensor, nn

from toolkit.errors import ToolkitError
from toolkit.spiking.neurons import IF, LI, LIF, CubaLIF, I, Neuron, Recurrent, States
from toolkit.spiking.time import EachStep

_FIX = 'train it with rule = "backprop", or use linear layers of neurons and a read-out of type LI or I'


def layers_of(model: nn.Module) -> tuple[list[Hidden], ReadOut]:
    """Return the layers of ``model.layers``, linear ones each with its neurons, on the model's own weights.

    Raises:
        ToolkitError: it is no such network, or something else in it learns; that is named.
    """
    layers = getattr(model, "layers", None)
    if not isinstance(layers, nn.Sequential) or not hasattr(model, "encode"):
        raise ToolkitError(
            "eprop trains networks that go through time: layers of spiking neurons, and encode()",
            at=type(model).__name__,
            fix='use family = "spiking_rnn"',
        )
    parts = list(layers.named_children())
    if len(parts) < 4 or len(parts) % 2:
        raise ToolkitError("eprop needs a hidden layer of neurons and a read-out", at="layers", fix=_FIX)
    pairs = [(*parts[at], *parts[at + 1]) for at in range(0, len(parts), 2)]
    hidden = [Hidden(*_linear(feed, f"layers.{name}"), _neuron(own, f"layers.{other}"), own)
              for name, feed, other, own in pairs[:-1]]  # fmt: skip
    name, feed, other, own = pairs[-1]
    if (
        type(own) not in (LI, I)
        or isinstance(getattr(own, "decay", 0.0), Tensor)
        or isinstance(own.gain, Tensor)
    ):
        raise ToolkitError(
            f"eprop reads out of {type(own).__name__} no further", at=f"layers.{other}", fix=_FIX
        )
    read_out = ReadOut(*_linear(feed, f"layers.{name}"), cast("I | LI", own))
    weights = [*read_out.parameters, *(weight for layer in hidden for weight in layer.parameters)]
    known = {id(weight) for weight in weights}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and id(parameter) not in known:
            raise ToolkitError("eprop cannot train this", at=name, fix=_FIX)
    return hidden, read_out


def _linear(feed: nn.Module, at: str) -> tuple[nn.Module, nn.Linear]:
    """Return what comes before the linear layer of a step, and that."""
    inside = feed.module if isinstance(feed, EachStep) else feed
    parts = list(inside) if isinstance(inside, nn.Sequential) else [inside]
    if (
        not parts
        or not isinstance(parts[-1], nn.Linear)
        or any(not isinstance(p, nn.Flatten) for p in parts[:-1])
    ):
        raise ToolkitError("eprop trains linear layers of neurons", at=at, fix=_FIX)
    return nn.Sequential(*parts[:-1]), parts[-1]


def _neuron(own: nn.Module, at: str) -> Neuron:
    inner = own.neuron if isinstance(own, Recurrent) else own
    fine = not isinstance(own, Recurrent) or isinstance(own.weights, nn.Linear)
    if not isinstance(inner, Neuron) or not fine:
        raise ToolkitError("eprop trains linear layers of neurons", at=at, fix=_FIX)
    return inner


class Hidden:
    """Weights into a layer of neurons, and what its synapses keep.

    All that comes in at a step, a one for the bias and the layer's own spikes of the step before, are ``sources``.
    """

    def __init__(self, before: nn.Module, linear: nn.Linear, neuron: Neuron, own: nn.Module) -> None:
        self.before, self.linear, self.neuron = before, linear, neuron
        self.recurrent = cast("nn.Linear", own.weights) if isinstance(own, Recurrent) else None
        # where derivatives of the states are the same for all neurons, so are the traces of an input
        plain = type(neuron) in (IF, LIF, CubaLIF) and neuron.firing.reset != "zero"
        self.shared = (
            plain
            and not any(isinstance(value, Tensor) for value in vars(neuron).values())
            and not list(neuron.buffers())
        )

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The weights that learn."""
        return [*self.linear.parameters(), *(self.recurrent.parameters() if self.recurrent else [])]

    def begin(self, leak: float, gain: float, at_end: bool) -> None:
        """Forget all states and traces; traces will pass a filter, and with ``at_end`` be added up over time."""
        self.leak, self.gain, self.at_end = leak, gain, at_end
        self.states: States = ()
        self.traces: list[Tensor] = []  # of each state: (n, neurons or 1, sources)
        self.slopes: list[Tensor] = []  # of a spike by each state, (n, neurons, 1)
        self.filtered: Tensor | None = None  # (n, neurons, sources)
        self.sum: Tensor | None = None
        self.gradient: Tensor | None = None  # (neurons, sources)

    def step(self, x: Tensor) -> Tensor:
        """Return the layer's spikes for a step's input."""
        x = self.before(x)
        current = self.linear(x)
        if not self.states:
            self.states = self.neuron.begin(current)
            self.spikes = torch.zeros_like(current)
        sources = [x, torch.ones_like(x[:, :1])]
        if self.recurrent is not None:
            current = current + self.recurrent(self.spikes)
            sources.append(self.spikes)
        self._follow(current, torch.cat(sources, 1)[:, None])
        return self.spikes

    def _follow(self, current: Tensor, sources: Tensor) -> None:
        """Take a step of the neurons, and of the traces."""
        with torch.enable_grad():
            leaves = [each.detach().requires_grad_() for each in (current, *self.states)]
            spikes, states = self.neuron.step(leaves[0], tuple(leaves[1:]))
            rows = [
                torch.autograd.grad(each.sum(), leaves, retain_graph=True, materialize_grads=True)
                for each in (*states, spikes)
            ]
        self.spikes, self.states = spikes.detach(), tuple(state.detach() for state in states)
        kept = 1 if self.shared else current.shape[1]
        before = self.traces
        self.traces = []
        for row in rows[:-1]:
            trace = row[0][:, :kept, None] * sources
            for slope, old in zip(row[1:], before, strict=False):
                trace = trace + slope[:, :kept, None] * old
            self.traces.append(trace)
        # of a spike: by the step's input, and by the states before it
        self.parts = [(rows[-1][0][..., None], sources)]
        self.parts += [(slope[..., None], old) for slope, old in zip(rows[-1][1:], before, strict=False)]
        if self.leak or self.at_end:
            eligible = reduce(torch.add, [slope * trace for slope, trace in self.parts]) * self.gain
            self.filtered = eligible if self.filtered is None else self.filtered * self.leak + eligible
            if self.at_end:
                self.sum = self.filtered if self.sum is None else self.sum + self.filtered

    def learn(self, signal: Tensor) -> None:
        """Add to the gradient what the error that reaches each neuron, (n, neurons), makes of the traces."""
        trace = self.sum if self.at_end else self.filtered
        if trace is not None:
            found = torch.einsum("nj,njs->js", signal, trace)
        else:
            products = [_product(signal[..., None] * slope, trace) for slope, trace in self.parts]
            found = reduce(torch.add, products) * self.gain
        self.gradient = found if self.gradient is None else self.gradient + found

    def finish(self) -> None:
        """Give the gradients to the weights, and forget everything."""
        assert self.gradient is not None
        count = self.linear.in_features
        for layer, columns in ((self.linear, slice(0, count)), (self.recurrent, slice(count + 1, None))):
            if layer is not None:
                layer.weight.grad = self.gradient[:, columns].clone()
                if layer.bias is not None:
                    layer.bias.grad = self.gradient[:, count].clone()
        self.begin(self.leak, self.gain, self.at_end)
        del self.spikes, self.parts


def _product(signal: Tensor, trace: Tensor) -> Tensor:
    """Return ``(neurons, sources)`` for ``(n, neurons, 1)`` and ``(n, neurons or 1, sources)``, summed over n."""
    if trace.shape[1] == 1:
        return signal[..., 0].t() @ trace[:, 0]
    return torch.einsum("nj,njs->js", signal[..., 0], trace)


class ReadOut:
    """Weights into leaky integrators, which give the logits."""

    def __init__(self, before: nn.Module, linear: nn.Linear, neuron: I | LI) -> None:
        self.before, self.linear, self.neuron = before, linear, neuron

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The weights that learn."""
        return list(self.linear.parameters())

    @property
    def filter(self) -> tuple[float, float]:
        """What is left of a potential after a step, and what a step's input counts."""
        decay = self.neuron.decay if isinstance(self.neuron, LI) else 1.0
        return cast("float", decay), cast("float", self.neuron.gain)

    def begin(self, at_end: bool) -> None:
        """Forget all."""
        self.states: States = ()
        self.at_end = at_end
        self.trace = self.sum = torch.zeros(())
        self.gradient = torch.zeros(())

    def step(self, x: Tensor) -> Tensor:
        """Return the potentials after a step."""
        x = self.before(x)
        current = self.linear(x)
        potential, self.states = self.neuron.step(current, self.states or self.neuron.begin(current))
        leak, gain = self.filter
        self.trace = self.trace * leak + torch.cat([x, torch.ones_like(x[:, :1])], 1) * gain
        if self.at_end:
            self.sum = self.sum + self.trace
        return potential

    def learn(self, error: Tensor) -> None:
        """Add to the gradient what the logits' error, (n, classes), makes of the traces."""
        self.gradient = self.gradient + error.t() @ (self.sum if self.at_end else self.trace)

    def finish(self) -> None:
        """Give the gradients to the weights, and forget everything."""
        self.linear.weight.grad = self.gradient[:, :-1].clone()
        if self.linear.bias is not None:
            self.linear.bias.grad = self.gradient[:, -1].clone()
        self.begin(self.at_end)
