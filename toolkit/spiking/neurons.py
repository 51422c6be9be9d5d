"""Neurons in discrete time. How time is cut up and what a spike resets are fields of every neuron, never left open.

A layer of neurons takes ``(time, n, ...)`` and gives the same shape. With ``stream`` it takes one step ``(n, ...)`` a
run and keeps its states in buffers. Equations and names of parameters are those of NIR (Pedersen et al. 2024, Nature
Communications 15, 8122); input is constant within a step, and states begin at zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from toolkit.errors import ToolkitError
from toolkit.spiking.surrogate import Surrogate, spike

Discretisation = Literal["exact", "euler"]
Reset = Literal["zero", "subtract", "none"]
States = tuple[Tensor, ...]


@dataclass(frozen=True)
class Timing:
    """How a differential equation becomes steps.

    Args:
        dt: length of a step, seconds.
        discretisation: "exact" solves the equation over a step, "euler" follows its slope at the step's beginning.
    """

    dt: float = 1e-3
    discretisation: Discretisation = "exact"

    def __post_init__(self) -> None:
        if not 0 < self.dt < math.inf:
            raise ToolkitError(
                f"a time step of {self.dt} s", fix="give dt as a number of seconds greater than 0"
            )

    def decay(self, tau: float) -> float:
        """Return what is left after a step of what decays with the time constant ``tau``, seconds.

        Raises:
            ToolkitError: ``tau`` is not positive, or Euler's steps overshoot.
        """
        if not tau > 0:
            raise ToolkitError(f"a time constant of {tau} s", fix="give tau as a number greater than 0")
        if self.discretisation == "exact":
            return math.exp(-self.dt / tau)
        if self.dt > tau:
            raise ToolkitError(
                f"Euler steps of {self.dt} s overshoot a time constant of {tau} s",
                fix='take a smaller dt, or discretisation = "exact"',
            )
        return 1.0 - self.dt / tau


@dataclass(frozen=True)
class Firing:
    """When a neuron spikes, and what of its potential is left.

    Args:
        v_threshold: potential at which it spikes.
        reset: "zero" sets the potential to ``v_reset``, "subtract" takes the threshold away from it, "none" leaves it.
        v_reset: potential after a spike.
        surrogate: gradient of a spike while training.
        slope: of the surrogate; None: its own.
    """

    v_threshold: float = 1.0
    reset: Reset = "subtract"
    v_reset: float = 0.0
    surrogate: Surrogate = "arctan"
    slope: float | None = None

    def fire(self, v: Tensor, threshold: Tensor | float) -> tuple[Tensor, Tensor]:
        """Return spikes (0.0 or 1.0) and the potential after them."""
        z = spike(v - threshold, self.surrogate, self.slope)
        spiked = z.detach()  # the reset is no way for gradients
        if self.reset == "zero":
            return z, v + spiked * (self.v_reset - v)
        if self.reset == "subtract":
            return z, v - spiked * threshold
        return z, v


class Neuron(nn.Module):
    """What all neurons share: going through time, whole or step by step."""

    names: tuple[str, ...] = ("v",)  # of the states

    def __init__(self, timing: Timing) -> None:
        super().__init__()
        self.timing = timing
        self.streams = False

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """Return a step's output and the states after it, all of the shape of ``x``."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs ``(time, n, ...)`` for inputs of that shape; one step's, where the neuron streams."""
        if self.streams:
            kept = [getattr(self, name) for name in self.names]
            y, new = self.step(x, tuple(kept))
            for buffer, value in zip(kept, new, strict=True):
                buffer.copy_(value)
            return y
        states: States = tuple(torch.zeros_like(x[0]) for _ in self.names)
        outputs = []
        for at in x:
            y, states = self.step(at, states)
            outputs.append(y)
        return torch.stack(outputs)

    def stream(self, x: Tensor) -> None:
        """From now on take one step a run, of inputs like ``x``; states begin at zero."""
        self.streams = True
        for name in self.names:
            self.register_buffer(name, torch.zeros_like(x))


class IF(Neuron):
    """Integrate and fire: ``dv/dt = r * x``."""

    def __init__(self, timing: Timing, firing: Firing, r: float = 1.0) -> None:
        super().__init__(timing)
        self.firing, self.r = firing, r

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """See ``Neuron``."""
        z, v = self.firing.fire(states[0] + x * (self.timing.dt * self.r), self.firing.v_threshold)
        return z, (v,)


class LI(Neuron):
    """Leaky integrator, for read-outs: ``tau dv/dt = v_leak - v + r * x``; gives its potential."""

    def __init__(self, timing: Timing, tau: float, r: float = 1.0, v_leak: float = 0.0) -> None:
        super().__init__(timing)
        self.tau, self.r, self.v_leak = tau, r, v_leak
        self.decay = timing.decay(tau)

    def leak(self, x: Tensor, v: Tensor) -> Tensor:
        """Return the potential after a step, before any spike."""
        moved = v * self.decay + x * ((1.0 - self.decay) * self.r)
        return moved + (1.0 - self.decay) * self.v_leak if self.v_leak else moved

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """See ``Neuron``."""
        v = self.leak(x, states[0])
        return v, (v,)


class LIF(LI):
    """Leaky integrate and fire: a leaky integrator that spikes."""

    def __init__(
        self, timing: Timing, firing: Firing, tau: float, r: float = 1.0, v_leak: float = 0.0
    ) -> None:
        super().__init__(timing, tau, r, v_leak)
        self.firing = firing

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """See ``Neuron``."""
        z, v = self.firing.fire(self.leak(x, states[0]), self.firing.v_threshold)
        return z, (v,)


class CubaLIF(LIF):
    """Current-based LIF: ``tau_syn di/dt = w_in * x - i``, and the potential follows the step's new current ``i``."""

    names = ("i", "v")

    def __init__(
        self, timing: Timing, firing: Firing, tau_syn: float, tau_mem: float, r: float = 1.0,
        v_leak: float = 0.0, w_in: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__(timing, firing, tau_mem, r, v_leak)
        self.tau_syn, self.w_in = tau_syn, w_in
        self.current_decay = timing.decay(tau_syn)

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """See ``Neuron``."""
        i, v = states
        i = i * self.current_decay + x * ((1.0 - self.current_decay) * self.w_in)
        z, v = self.firing.fire(self.leak(i, v), self.firing.v_threshold)
        return z, (i, v)


class AdaptiveLIF(LIF):
    """LIF whose threshold rises by ``strength * a`` (Bellec et al. 2018, arXiv 1803.09574)."""

    names = ("v", "a")

    def __init__(
        self, timing: Timing, firing: Firing, tau: float, tau_adaptation: float, strength: float,
        r: float = 1.0, v_leak: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(timing, firing, tau, r, v_leak)
        self.tau_adaptation, self.strength = tau_adaptation, strength
        self.adaptation_decay = timing.decay(tau_adaptation)

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """See ``Neuron``."""
        v, a = states
        z, v = self.firing.fire(self.leak(x, v), self.firing.v_threshold + a * self.strength)
        return z, (v, a * self.adaptation_decay + z * (1.0 - self.adaptation_decay))


class Recurrent(Neuron):
    """A layer whose neurons also take what they gave a step before, through ``weights``."""

    def __init__(self, neuron: Neuron, weights: nn.Module) -> None:
        super().__init__(neuron.timing)
        self.neuron, self.weights = neuron, weights
        self.names = (*neuron.names, "z")

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """See ``Neuron``."""
        *own, z = states
        z, new = self.neuron.step(x + self.weights(z), tuple(own))
        return z, (*new, z)
