"""On-device methods: layers that keep less for their gradients, or compute them for less; one file each."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor, fx

from quantize.method import Method, carried
from toolkit.errors import ToolkitError, suggestion

if TYPE_CHECKING:
    from toolkit.training.forward import Forward
    from toolkit.training.rules import Outputs, Step


class Layers:
    """A method made ready for a model; this one changes nothing.

    ``states`` is the first content of what it keeps from step to step, by name; most keep nothing.
    """

    def __init__(self) -> None:
        self.states: dict[str, Tensor] = {}

    def run(self, node: fx.Node, arguments: tuple[Any, ...], states: dict[str, Tensor]) -> Tensor | None:
        """Return what ``node`` gives, with a gradient of the method's own, or None where it leaves the node alone.

        Args:
            node: of the model's graph.
            arguments: its arguments, tensors in the place of nodes.
            states: all states at the start of the step, and weights that learn, by name.
        """
        return None

    def renew(self, states: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return those of its ``states`` that a step changes, as they are after it."""
        return {}


class DeviceMethod(Protocol):
    """A module of this package.

    One that needs batch normalizations as they are says so: ``KEEPS_NORMS = True``. One that keeps a step's states
    otherwise than the rule does has ``stored(step, layers) -> Step``, too.
    """

    METHOD: Method
    # A frozen dataclass, all fields with defaults.
    Options: type[Any]

    def make(self, forward: Forward, chosen: list[str], options: Any, seed: int) -> Layers:
        """Return the method for a model of which the weights ``chosen`` may change.

        Raises:
            ToolkitError: it would do nothing for this model.
        """
        ...


def stored(method: DeviceMethod, step: Step, layers: Layers) -> Step:
    """Return the step of a rule whose states are kept as ``method`` keeps them."""
    own: Any = getattr(method, "stored", None)
    return step if own is None else own(step, layers)  # type: ignore[no-any-return]


class WithMethod:
    """A rule's step whose layers run as a method says; see ``toolkit.training.rules.Step``."""

    def __init__(self, step: Step, layers: Layers) -> None:
        self.step, self.layers = step, layers
        self.states = {**step.states, **layers.states}

    def learn(self, states: dict[str, Tensor], sample: Tensor, target: Tensor, rate: Tensor) -> Outputs:
        """See ``toolkit.training.rules.Step``."""
        logits, error, new = self.step.learn(states, sample, target, rate)
        return logits, error, {**new, **self.layers.renew(states)}


@cache
def methods() -> dict[str, DeviceMethod]:
    """Return the on-device methods by slug."""
    return carried(__name__, __path__)


def find(slug: str) -> DeviceMethod:
    """Return the method called ``slug``.

    Raises:
        ToolkitError: there is none.
    """
    if slug not in methods():
        raise ToolkitError(f"no on-device method is called {slug!r}", fix=suggestion(slug, sorted(methods())))
    return methods()[slug]
