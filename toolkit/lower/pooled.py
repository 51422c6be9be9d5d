"""Convolutions and the pools behind them as one step: the convolution's output never lies in memory whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from toolkit.lower.ir import Model, Step
from toolkit.ops.strips import strip_rows

OP = "conv2d_max_pool2d"


def fuse_pools(model: Model, wanted: Callable[[Step], bool] = lambda _: True) -> Model:
    """Return a copy of ``model`` with every convolution and the max pool behind it as one step, where that is exact.

    The convolution has no other reader, the pool's windows lie side by side within its output, and there are more of
    them than one strip computes. ``wanted`` is asked about every step that could be made. ``model`` is not changed.
    """
    steps = list(model.steps)
    for pool in model.steps:
        conv = model.producer(pool.inputs[0]) if pool.op == "max_pool2d" else None
        if conv is None or not _can_fuse(model, conv, pool):
            continue
        attrs = {**conv.attrs, "pool": pool.attrs["kernel"]}
        fused = replace(conv, op=OP, output=pool.output, attrs=attrs, kernel="")
        if strip_rows(fused) < fused.output.shape[1] and wanted(fused):
            steps[steps.index(pool)] = fused
            steps.remove(conv)
    return replace(model, steps=steps)


def can_join(model: Model, first: Step, second: Step) -> bool:
    """True when only ``second`` needs the output of ``first``, which may run as late as that.

    Steps between the two may write over a state that ``first`` reads, so models with states have none there.
    """
    between = first.output
    ends = [*model.outputs, *(state.after for state in model.states)]
    late = model.steps.index(second) - model.steps.index(first) > 1
    return (
        len(model.consumers(between)) == 1
        and not any(value is between for value in ends)
        and not (late and model.states)
    )


def _can_fuse(model: Model, conv: Step, pool: Step) -> bool:
    between, kernel = conv.output, pool.attrs["kernel"]
    return (
        conv.op == "conv2d"
        and between.dtype != "float16"
        and len(conv.activations) == 1  # its weights are constants
        and can_join(model, conv, pool)
        and pool.attrs["stride"] == kernel
        and pool.attrs["pad"] == (0, 0)
        and len(pool.output.shape) == 4
        and all(
            n * k <= size
            for n, k, size in zip(pool.output.shape[1:3], kernel, between.shape[1:3], strict=True)
        )
        and (between.quant is None or between.quant.same_as(pool.output.quant))
    )
