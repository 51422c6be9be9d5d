"""Layers from int8 to int16 with SMLAD: two output rows in one multiply."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.kernels.fully_connected_s8_dsp import part_groups, rest_of_group
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack import pack_two_rows
from toolkit.ops.weighted import input_zero_point, matrix_sizes
from toolkit.ops.wide import fold_wide, wide_fields
from toolkit.ops.window import window_of


class WideDsp(Kernel):
    """Four rows by four columns at a time, weights packed by ``pack_two_rows``; a window is gathered first."""

    sets = ("armv7em",)

    def __init__(self, op: str) -> None:
        self.op = op  # type: ignore[misc]
        self.name = f"tk_{op}_dsp"

    def takes(self, step: Step) -> bool:
        wide = fold_wide(step)
        return part_groups(wide.matrix, wide.start) > 0

    def emit(self, step: Step, emitter: Emitter) -> Call:
        wide = fold_wide(step)
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        packed = pack_two_rows(wide.matrix, wide.start)
        constants = [emitter.constant("weight", packed["weight"]), emitter.constant("start", packed["bias"])]
        requant = wide_fields(wide, emitter)
        part = str(part_groups(wide.matrix, wide.start))
        if self.op == "fully_connected_wide":
            rest = [y, *matrix_sizes(step), part]
            return Call(self.name, [x, *constants, requant, *rest], "tk_wide_dsp")
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        zero, scratch = input_zero_point(step), emitter.scratch()
        arguments = [x, zero, *constants, requant, scratch, y, part, window]
        return Call(self.name, arguments, "tk_wide_dsp")

    def scratch_bytes(self, step: Step) -> int:
        if self.op == "fully_connected_wide":
            return 0
        window = window_of(step)
        return -(-window.kernel_h * window.kernel_w * window.in_c // 4) * 4

    def reads_behind(self, step: Step) -> int:
        return rest_of_group(step) if self.op == "fully_connected_wide" else 0


KERNELS = [WideDsp("fully_connected_wide"), WideDsp("conv2d_wide")]
