"""Images of another size."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from toolkit.program.tflite.layout import check_image, to_first, to_last
from toolkit.program.tflite.op import Layer, Op, Unsupported


def resize_nearest_neighbor(op: Op) -> Layer:
    """The nearest pixel, corners or centers aligned as the file says."""
    if op.option("AlignCorners", False):
        raise Unsupported("align_corners")
    return _resize(op, "nearest-exact" if op.option("HalfPixelCenters", False) else "nearest", None)


def resize_bilinear(op: Op) -> Layer:
    """Between four pixels."""
    corners = bool(op.option("AlignCorners", False))
    if not corners and not op.option("HalfPixelCenters", False):
        raise Unsupported("neither align_corners nor half_pixel_centers")
    return _resize(op, "bilinear", corners)


def _resize(op: Op, mode: str, corners: bool | None) -> Layer:
    check_image(op)
    op.demand_one_scale()
    size = list(op.output.shape[1:3])

    def compute(x: torch.Tensor) -> torch.Tensor:
        return to_last(op.stored(F.interpolate(to_first(x), size, mode=mode, align_corners=corners)))

    return op.layer(compute, op.input(0))
