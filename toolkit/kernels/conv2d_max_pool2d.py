"""A convolution pooled strip by strip, each of the two by the best kernel of a set."""

from __future__ import annotations

from collections.abc import Collection

from toolkit.kernels import PORTABLE, candidates, implementation, kernels
from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops import strips
from toolkit.ops.base import Emitter, Loop
from toolkit.ops.weighted import weight_type


class InStrips(Kernel):
    """Takes what has a tuned convolution or a tuned pool."""

    op = "conv2d_max_pool2d"

    def __init__(self, kernel_set: str, quick: Collection[str]) -> None:
        self.name = f"{self.op}_strips_{kernel_set}"
        self.sets = (kernel_set,)
        self.quick = quick

    def takes(self, step: Step) -> bool:
        return any(part.kernel != PORTABLE for part in self._parts(step))

    def pays(self, step: Step) -> bool:
        return weight_type(step) in self.quick

    def emit(self, step: Step, emitter: Emitter) -> Loop:
        conv, pool = self._parts(step)
        return strips.in_strips(step, implementation(conv), implementation(pool), emitter)

    def scratch_bytes(self, step: Step) -> int:
        conv, _ = self._parts(step)
        return strips.scratch_bytes(step, implementation(conv))

    def overlap(self, step: Step, index: int) -> int | None:
        return strips.overlap(step)

    def _parts(self, step: Step) -> tuple[Step, Step]:
        conv, pool = strips.parts(step)
        able = (name for name in candidates(conv, self.sets[0]) if name == PORTABLE or kernels()[name].strips)
        conv.kernel, pool.kernel = next(able), candidates(pool, self.sets[0])[0]
        return conv, pool


# The weights with which strips were counted to take at most 1 % more instructions than two layers, on LeNet-like
# networks (benchmarks/pooled_layers.py). Hosts have memory enough.
KERNELS = [
    InStrips("armv6m", ("ternary",)),
    InStrips("armv7em", ("int8",)),
    InStrips("helium", ("int8", "ternary")),
    InStrips("rv32im", ("int8",)),
]
