"""Training rules: one module each, found by being here, all with the protocol ``toolkit.learn.rule.Rule``."""

from __future__ import annotations

from functools import cache
from typing import Any

from quantize.method import carried
from toolkit.errors import ToolkitError, suggestion
from toolkit.learn.rule import Rule
from toolkit.learn.settings import Epoch, TrainResult, TrainSettings

__all__ = ["Epoch", "Rule", "TrainResult", "TrainSettings", "find", "network", "rules"]


@cache
def rules() -> dict[str, Rule]:
    """Return every training rule by slug: the modules of this package that carry ``METHOD``."""
    return carried(__name__, __path__)


def find(slug: str) -> Rule:
    """Return the training rule called ``slug``.

    Raises:
        ToolkitError: there is none.
    """
    if slug not in rules():
        raise ToolkitError(f"no training rule is called {slug!r}", fix=suggestion(slug, sorted(rules())))
    return rules()[slug]


def network(slug: str) -> dict[str, Any]:
    """Return the settings of ``toolkit.models.build`` that the rule ``slug`` insists on; none for most.

    Raises:
        ToolkitError: there is no such rule.
    """
    return dict(getattr(find(slug), "NETWORK", {}))
