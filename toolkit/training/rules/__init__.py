"""Learning rules as formulas for one step on a device, one file each."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Protocol

from torch import Tensor

from toolkit.errors import ToolkitError
from toolkit.training.forward import Forward
from toolkit.training.settings import StepSettings

Outputs = tuple[Tensor, Tensor, dict[str, Tensor]]


class Step(Protocol):
    """A rule made ready for a model. All it does is traced, so that the device can do it.

    ``states`` is the first content of all that steps change or keep, by name; ``answer`` makes the logits of a sample;
    ``learn`` also gives the loss, shape (1,), and the states that change.
    """

    states: dict[str, Tensor]

    def learn(self, states: dict[str, Tensor], sample: Tensor, target: Tensor, rate: Tensor) -> Outputs:
        """Return logits (before the change), loss and new states.

        Args:
            states: the present content, by name, and the model's other constants.
            sample: one input.
            target: of the logits' shape.
            rate: the learning rate, (1,).
        """
        ...


class Rule(Protocol):
    """A module of this package. One that takes no gradients says so: ``GRADIENTS = False``."""

    def make(self, forward: Forward, chosen: list[str], settings: StepSettings, classes: int) -> Step:
        """Return the rule for a model of which the weights ``chosen`` may change.

        Raises:
            ToolkitError: the rule cannot train one of them; it is named.
        """
        ...


def rules() -> list[str]:
    """Return the rules' names, sorted."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def find(name: str) -> Rule:
    """Return the rule called ``name``.

    Raises:
        ToolkitError: there is none.
    """
    if name not in rules():
        raise ToolkitError(f"no rule {name!r} trains on a device", fix=f"use one of: {', '.join(rules())}")
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")  # type: ignore[return-value]
