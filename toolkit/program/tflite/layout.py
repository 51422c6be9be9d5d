"""From the file's NHWC to torch's NCHW and back, and the padding of windows."""

from __future__ import annotations

import torch
from ai_edge_litert import schema_py_generated as schema

from toolkit.program.tflite.op import Op, Unsupported


def to_first(x: torch.Tensor) -> torch.Tensor:
    """NHWC to NCHW."""
    return x.permute(0, 3, 1, 2)


def to_last(x: torch.Tensor) -> torch.Tensor:
    """NCHW to NHWC."""
    return x.permute(0, 2, 3, 1)


def check_image(op: Op, index: int = 0) -> tuple[int, int]:
    """Return height and width of an input that must be one NHWC image."""
    tensor = op.input(index)
    if len(tensor.shape) != 4:
        raise op.damaged(f"{tensor} has {len(tensor.shape)} axes instead of 4")
    if tensor.shape[0] != 1:
        raise Unsupported(f"a batch of {tensor.shape[0]}: convert the model for batch size 1")
    return tensor.shape[1], tensor.shape[2]


def same_padding(op: Op) -> bool:
    """True when the operator pads so that stride alone decides the output's size."""
    return bool(op.option("Padding") == schema.Padding.SAME)


def before_and_after(size: int, kernel: int, stride: int, dilation: int, same: bool) -> tuple[int, int]:
    """Return the padding along one axis; SAME puts the odd one after."""
    if not same:
        return 0, 0
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2
