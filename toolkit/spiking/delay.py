"""Signals as they were some steps ago."""

from __future__ import annotations

import torch
from torch import Tensor

from toolkit.errors import ToolkitError
from toolkit.spiking.neurons import Neuron, States
from toolkit.spiking.timing import Timing, Values

MAX_STEPS = 4096


class Delay(Neuron):
    """``y(t) = x(t - delay)``, zero before anything came.

    Args:
        timing: of the network.
        delay: seconds, whole steps; for all values, or for each in the shape of a step's input.

    Raises:
        ToolkitError: a delay is negative, no whole number of steps, or of more than ``MAX_STEPS``.
    """

    names: tuple[str, ...] = ("past",)  # (longest, values of a step), the newest first

    def __init__(self, timing: Timing, delay: Values) -> None:
        super().__init__(timing)
        self.delay = delay
        given = torch.as_tensor(delay, dtype=torch.float64) / timing.dt
        steps = given.round()
        wrong = (given < 0) | ((given - steps).abs() > 1e-3) | (steps > MAX_STEPS) | ~given.isfinite()
        if wrong.any():
            found = float(given[wrong].flatten()[0])
            raise ToolkitError(
                f"a delay of {found:g} steps of {timing.dt:g} s",
                fix=f"give delays, or a dt, that make whole steps from 0 to {MAX_STEPS}",
            )
        counts = sorted({int(count) for count in steps.flatten()})
        self.shortest, self.longest = counts[0], counts[-1]
        self.counts = counts
        for count in counts if len(counts) > 1 else []:
            self.keep(**{f"of_{count}": (steps == count).float()})
        if not self.longest:
            self.names = ()

    def begin(self, x: Tensor) -> States:
        """See ``Neuron``."""
        return (x.new_zeros(self.longest, x.numel()),) if self.longest else ()

    def read(self, states: States, like: Tensor) -> Tensor:
        """Return what comes out in this step, of the shape of ``like``, where no delay is shorter than a step."""
        return self._at([states[0][count - 1].reshape(like.shape) for count in self.counts])

    def push(self, x: Tensor, states: States) -> States:
        """Return the states after a step whose input is ``x``."""
        newest = x.reshape(1, -1)
        return (newest if self.longest == 1 else torch.cat([newest, states[0][:-1]]),)

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """See ``Neuron``."""
        if not self.longest:
            return x, ()
        if self.shortest:
            return self.read(states, x), self.push(x, states)
        past = states[0]
        ago = [past[count - 1].reshape(x.shape) if count else x for count in self.counts]
        return self._at(ago), self.push(x, states)

    def _at(self, ago: list[Tensor]) -> Tensor:
        """Return each value as old as it has to be; ``ago`` holds all values at each of ``counts``."""
        if len(ago) == 1:
            return ago[0].clone()  # not the buffer itself, which a step overwrites
        total = ago[0] * getattr(self, f"of_{self.counts[0]}")
        for count, values in zip(self.counts[1:], ago[1:], strict=True):
            total = total + values * getattr(self, f"of_{count}")
        return total
