"""Ways for a board to learn, by name: a rule of ``toolkit.training`` with settings and a learning rate that suit it."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.errors import ToolkitError, suggestion

LAST_LAYER = "last"  # stands for the name of the model's last layer with weights


@dataclass(frozen=True)
class Method:
    """One way to learn.

    Args:
        name: what it is called here.
        rule: of ``toolkit.training.rules``.
        rate: learning rate of every step on the board.
        layers: names of the layers that may change; ``LAST_LAYER`` is one; empty: all.
        rehearsal: learning rate of one step here for each sample of the old world, before the board gets the model: for
            what a rule needs besides the trained weights. 0: none.
        epsilon: how far ``zeroth-order`` moves the weights: enough to move integers, too.
    """

    name: str
    rule: str
    rate: float
    layers: tuple[str, ...] = ()
    rehearsal: float = 0.0
    epsilon: float = 0.01


# The rates are those that benchmarks/finetune_rates.py finds, on other samples than `toolkit finetune` reports.
METHODS = {
    method.name: method
    for method in (
        Method("backprop", "backprop", 0.04),
        Method("sparse-backprop", "backprop", 0.04, (LAST_LAYER,)),
        Method("mono-forward", "mono-forward", 0.05, rehearsal=0.01),
        Method("zeroth-order", "zeroth-order", 0.0003),
        Method("nearest-mean", "nearest-mean", 15.0, rehearsal=1.0),
    )
}
_RATE = 0.05  # of rules that nothing is known about


def available() -> list[str]:
    """Return the names of all methods whose rules are there: those above, and every other rule by its own name."""
    from toolkit.training.rules import rules

    there = rules()
    named = [name for name, known in METHODS.items() if known.rule in there]
    return named + [rule for rule in there if rule not in METHODS]


def side_by_side() -> list[str]:
    """Return the methods to compare: all that need less than full backpropagation."""
    return [name for name in available() if name in METHODS and name != "backprop"]


def method(name: str) -> Method:
    """Return the method called ``name``.

    Raises:
        ToolkitError: there is none.
    """
    names = available()
    if name not in names:
        raise ToolkitError(f"no method is called {name!r}", fix=suggestion(name, names))
    return METHODS.get(name) or Method(name, name, _RATE)
