"""Neurons in discrete time. How time is cut up and what a spike resets are fields of every neuron, never left open.

A layer of neurons takes ``(time, n, ...)`` and gives the same shape. With ``stream`` it takes one step ``(n, ...)`` a
run and keeps its states in buffers. A parameter is a number, or a tensor with a value for each neuron. Equations and
names of parameters are those of NIR (Pedersen et al. 2024, Nature Communications 15, 8122); input is constant within a
step, and states begin at zero unless said otherwise.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from toolkit.spiking.firing import Firing, Reset
from toolkit.spiking.integrate import SILENT, integrate, spikes
from toolkit.spiking.timing import Discretisation, Timing, Values

__all__ = [
    "IF", "LI", "LIF", "AdaptiveLIF", "CubaLI", "CubaLIF", "Discretisation", "Firing", "I", "Neuron", "Recurrent",
    "Reset", "States", "Timing", "Values",
]  # fmt: skip

States = tuple[Tensor, ...]


class Neuron(nn.Module):
    """What all neurons share: going through time, whole or step by step.

    A potential among the states is the one before the reset of the step's spike: the next step begins with that.
    """

    names: tuple[str, ...] = ("v",)  # of the states
    firing: Firing = SILENT
    v_threshold: Values
    v_reset: Values

    def __init__(self, timing: Timing) -> None:
        super().__init__()
        self.timing = timing
        self.streams = False

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """Return a step's output, of the shape of ``x``, and the states after it."""
        raise NotImplementedError

    def begin(self, x: Tensor) -> States:
        """Return the states before the first step, whose input is like ``x``: zeros."""
        return tuple(torch.zeros_like(x) for _ in self.names)

    def keep(self, **values: Values) -> None:
        """Set what a step computes with: a number as it is, a tensor as a buffer."""
        for name, value in values.items():
            if isinstance(value, Tensor):
                self.register_buffer(name, value.to(torch.get_default_dtype()), persistent=False)
            else:
                setattr(self, name, value)

    def integrate(
        self,
        x: Tensor,
        v: Tensor,
        decay: Values,
        gain: Values,
        rest: Values = 0.0,
        rise: Tensor | None = None,
    ) -> Tensor:
        """Return the potential after a step; see ``toolkit.spiking.integrate``."""
        if self.firing is SILENT:
            return integrate(x, v, decay, gain, rest)
        own: dict[str, Any] = {"v_threshold": self.v_threshold, "v_reset": self.v_reset}
        return integrate(x, v, decay, gain, rest, firing=self.firing, rise=rise, **own)

    def spikes(self, v: Tensor, rise: Tensor | None = None) -> Tensor:
        """Return 1.0 where a potential has reached its threshold, which ``rise`` raises, else 0.0."""
        return spikes(v, self.firing, self.v_threshold, rise)

    def forward(self, x: Tensor, states: States | None = None) -> Any:
        """Return outputs ``(time, n, ...)`` for inputs of that shape; one step's, where the neuron streams.

        With ``states`` it is ``step``, under the layer's name in programs.
        """
        if states is not None:
            return self.step(x, states)
        if self.streams:
            kept = [getattr(self, name) for name in self.names]
            y, new = self.step(x, tuple(kept))
            for buffer, value in zip(kept, new, strict=True):
                buffer.copy_(value)
            return y
        states = self.begin(x[0])
        outputs = []
        for at in x:
            y, states = self.step(at, states)
            outputs.append(y)
        return torch.stack(outputs)

    def stream(self, x: Tensor) -> None:
        """From now on take one step a run, of inputs like ``x``; states begin at zero."""
        self.streams = True
        for name, state in zip(self.names, self.begin(x), strict=True):
            self.register_buffer(name, state)


class I(Neuron):  # noqa: E742  NIR's name
    """Integrator: ``dv/dt = r * x``; gives its potential."""

    gain: Values

    def __init__(self, timing: Timing, r: Values = 1.0) -> None:
        super().__init__(timing)
        self.r = r
        self.keep(gain=timing.dt * r)

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """See ``Neuron``."""
        v = self.integrate(x, states[0], 1.0, self.gain)
        return v, (v,)


class IF(I):
    """Integrate and fire: an integrator that spikes. Its potential begins at ``v_initial``."""

    v_threshold: Values
    v_reset: Values
    v_initial: Values

    def __init__(self, timing: Timing, firing: Firing, r: Values = 1.0, v_initial: Values = 0.0) -> None:
        super().__init__(timing, r)
        self.firing = firing
        self.keep(v_threshold=firing.v_threshold, v_reset=firing.v_reset, v_initial=v_initial)

    def begin(self, x: Tensor) -> States:
        """See ``Neuron``."""
        return (torch.zeros_like(x) + self.v_initial,)

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """See ``Neuron``."""
        v, states = super().step(x, states)
        return self.spikes(v), states


class LI(Neuron):
    """Leaky integrator, for read-outs: ``tau dv/dt = v_leak - v + r * x``; gives its potential."""

    decay: Values
    gain: Values
    rest: Values

    def __init__(self, timing: Timing, tau: Values, r: Values = 1.0, v_leak: Values = 0.0) -> None:
        super().__init__(timing)
        self.tau, self.r, self.v_leak = tau, r, v_leak
        decay = timing.decay(tau)
        self.keep(decay=decay, gain=(1.0 - decay) * r, rest=(1.0 - decay) * v_leak)

    def leak(self, x: Tensor, v: Tensor, rise: Tensor | None = None) -> Tensor:
        """Return the potential after a step, before the reset of its spike."""
        return self.integrate(x, v, self.decay, self.gain, self.rest, rise)

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """See ``Neuron``."""
        v = self.leak(x, states[0])
        return v, (v,)


class LIF(LI):
    """Leaky integrate and fire: a leaky integrator that spikes."""

    v_threshold: Values
    v_reset: Values

    def __init__(
        self, timing: Timing, firing: Firing, tau: Values, r: Values = 1.0, v_leak: Values = 0.0
    ) -> None:
        super().__init__(timing, tau, r, v_leak)
        self.firing = firing
        self.keep(v_threshold=firing.v_threshold, v_reset=firing.v_reset)

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """See ``Neuron``."""
        v, states = super().step(x, states)
        return self.spikes(v), states


class CubaLI(LI):
    """Current-based LI: ``tau_syn di/dt = w_in * x - i``, and the potential follows the step's new current ``i``."""

    names = ("i", "v")
    current_decay: Values
    current_gain: Values

    def __init__(
        self, timing: Timing, tau_syn: Values, tau_mem: Values, r: Values = 1.0, v_leak: Values = 0.0,
        w_in: Values = 1.0,
    ) -> None:  # fmt: skip
        super().__init__(timing, tau_mem, r, v_leak)
        self.tau_syn, self.w_in = tau_syn, w_in
        decay = timing.decay(tau_syn)
        self.keep(current_decay=decay, current_gain=(1.0 - decay) * w_in)

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """See ``Neuron``."""
        i = integrate(x, states[0], self.current_decay, self.current_gain)
        v = self.leak(i, states[1])
        return v, (i, v)


class CubaLIF(CubaLI):
    """Current-based LIF: a current-based LI that spikes."""

    v_threshold: Values
    v_reset: Values

    def __init__(
        self, timing: Timing, firing: Firing, tau_syn: Values, tau_mem: Values, r: Values = 1.0,
        v_leak: Values = 0.0, w_in: Values = 1.0,
    ) -> None:  # fmt: skip
        super().__init__(timing, tau_syn, tau_mem, r, v_leak, w_in)
        self.firing = firing
        self.keep(v_threshold=firing.v_threshold, v_reset=firing.v_reset)

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """See ``Neuron``."""
        v, states = super().step(x, states)
        return self.spikes(v), states


class AdaptiveLIF(LIF):
    """LIF whose threshold rises: ``tau_adaptation da/dt = strength * z - a`` (Bellec et al. 2018, arXiv 1803.09574)."""

    names = ("v", "rise")
    adaptation_decay: Values
    adaptation_gain: Values

    def __init__(
        self, timing: Timing, firing: Firing, tau: Values, tau_adaptation: Values, strength: Values,
        r: Values = 1.0, v_leak: Values = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(timing, firing, tau, r, v_leak)
        self.tau_adaptation, self.strength = tau_adaptation, strength
        decay = timing.decay(tau_adaptation)
        self.keep(adaptation_decay=decay, adaptation_gain=(1.0 - decay) * strength)

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """See ``Neuron``. ``rise`` is the one that the step's spikes were compared with."""
        v, rise = states
        last = self.spikes(v, rise)
        risen = integrate(last, rise, self.adaptation_decay, self.adaptation_gain)
        v = self.leak(x, v, rise)
        return self.spikes(v, risen), (v, risen)


class Recurrent(Neuron):
    """A layer whose neurons also take what they gave a step before, through ``weights``."""

    def __init__(self, neuron: Neuron, weights: nn.Module) -> None:
        super().__init__(neuron.timing)
        self.neuron, self.weights = neuron, weights
        self.names = (*neuron.names, "z")

    def begin(self, x: Tensor) -> States:
        """See ``Neuron``."""
        return (*self.neuron.begin(x), torch.zeros_like(x))

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """See ``Neuron``."""
        *own, z = states
        z, new = self.neuron.step(x + self.weights(z), tuple(own))
        return z, (*new, z)
