"""Which weights of a model may change."""

from __future__ import annotations

from fnmatch import fnmatchcase

from toolkit.errors import ToolkitError
from toolkit.training.forward import Forward
from toolkit.training.settings import StepSettings


def chosen_weights(forward: Forward, settings: StepSettings) -> list[str]:
    """Return the names of the weights and biases that may change, in the order of the layers.

    Raises:
        ToolkitError: a pattern names no layer, or nothing is left to change.
    """
    layers = {name: name.rpartition(".")[0] for name in forward.weights}
    for pattern in settings.layers:
        if not any(fnmatchcase(layer, pattern) for layer in layers.values()):
            raise ToolkitError(
                f"no layer with weights is called {pattern!r}",
                at="layers",
                fix=f"layers are: {', '.join(dict.fromkeys(layers.values()))}",
            )
    patterns = settings.layers or ("*",)
    last = {"weights and biases": ("weight", "bias"), "weights": ("weight",), "biases": ("bias",)}[
        settings.only
    ]
    found = [
        name
        for name, layer in layers.items()
        if any(fnmatchcase(layer, pattern) for pattern in patterns) and name.rpartition(".")[2] in last
    ]
    if not found:
        raise ToolkitError(
            f"nothing may change: the chosen layers have no {settings.only}",
            at="only",
            fix='choose other layers, or only = "weights and biases"',
        )
    return found
