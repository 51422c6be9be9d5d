"""Ternary convolution whose weights are mostly zero: only the others are stored, and added, two pixels at a time."""

from __future__ import annotations

from collections.abc import Iterable

from toolkit.kernels.base import Kernel
from toolkit.kernels.fully_connected_columns5 import SETS
from toolkit.kernels.fully_connected_sparse_t2 import is_sparse
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.pack_ternary import pack_sparse
from toolkit.ops.ternary_cases import sparse_conv_cases
from toolkit.ops.weighted import fold, input_zero_point, packed_fields
from toolkit.ops.window import window_of


class Conv2dSparseT2(Kernel):
    """Additions only; weights packed by ``pack_sparse``."""

    name = "tk_conv2d_sparse_t2"
    op = "conv2d"
    sets = SETS
    rank = -1
    dense = True
    depends_on_values = True

    def takes(self, step: Step) -> bool:
        return is_sparse(step)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        packed = packed_fields(fold(step), pack_sparse, emitter)
        scratch = emitter.scratch("int32_t")
        return Call(self.name, [x, input_zero_point(step), *packed, scratch, y, window])

    def scratch_bytes(self, step: Step) -> int:
        window = window_of(step)
        return 4 * window.kernel_h * window.kernel_w * window.in_c + window.in_c

    def cases(self) -> Iterable[Case]:
        return sparse_conv_cases()


KERNEL = Conv2dSparseT2()
