"""What a training step depends on besides the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from quantize.method import between

Optimizer = Literal["sgd", "momentum", "adam", "sign", "sign-momentum"]
Loss = Literal["cross-entropy", "mse"]
Only = Literal["weights and biases", "weights", "biases"]
Stored = Literal["float32", "int8"]


@dataclass(frozen=True)
class StepSettings:
    """The options of a training step on the device; the learning rate is an input of each step.

    Args:
        rule: one of ``toolkit.training.rules()``.
        optimizer: what turns a gradient into a change of the weights. "sign" takes the gradient's sign alone,
            "sign-momentum" that of its running mean (Bernstein et al. 2018, arXiv 1802.04434).
        momentum: of "momentum", "sign-momentum" and "adam".
        loss: of the logits against the target, which is one-hot for "cross-entropy".
        label_smoothing: share of the target that is spread over all classes.
        layers: names of the layers that may change, ``*`` and ``?`` as in file names; empty: all.
        only: what of them may change.
        channels: the share of a layer's input channels (or groups, where its channels come in groups) whose weights may
            change, by the layer's name, as in ``layers``; of other layers all may.
        weights: what int8 weights that may change are kept in. In "int8" there is no float32 copy: changes are rounded
            up as often as their fraction says.
        epsilon: how far ``zeroth-order`` moves the weights to compare.
        seed: of noise and of fixed or first matrices of a rule.
        method: one of ``toolkit.training.methods.methods()``, which changes how layers run; empty: none.
        options: the method's own, by name.
    """

    rule: str = "backprop"
    optimizer: Optimizer = "sgd"
    momentum: float = between(0.0, 0.9999, 0.9)
    loss: Loss = "cross-entropy"
    label_smoothing: float = between(0.0, 0.999, 0.0)
    layers: tuple[str, ...] = ()
    only: Only = "weights and biases"
    channels: Mapping[str, float] = field(default_factory=dict)
    weights: Stored = "float32"
    epsilon: float = between(1e-6, 1.0, 1e-3)
    seed: int = between(0, 2**31 - 1, 0)
    method: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
