"""Float convolutions and their gradients, with every sum in the order in which the kernels add: equal to the bit.

Arrays are channels last: activations (1, H, W, C), weights (O, KH, KW, I / groups). A product is rounded before it is
added. Taps outside the input add nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from toolkit.ops.window import Window

_Pixels = tuple[slice, slice]


def convolved(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, w: Window, groups: int
) -> np.ndarray:
    """Return (OH, OW, O): the bias, then tap by tap, row by row, and channel by channel what each of them adds."""
    image, kernels = _grouped(x, w.in_h, w.in_w, groups), _by_group(weight, groups)
    out = np.zeros((w.out_h, w.out_w, groups, w.out_c // groups), np.float32)
    if bias is not None:
        out += bias.reshape(groups, -1)
    for (i, j), made, read in taps(w):
        for c in range(image.shape[-1]):
            out[made] += image[read][..., c, None] * kernels[:, :, i, j, c]
    return out.reshape(w.out_h, w.out_w, w.out_c)


def input_gradient(gradient: np.ndarray, weight: np.ndarray, w: Window, groups: int) -> np.ndarray:
    """Return (H, W, I): of each input value, tap by tap and output channel by output channel."""
    given, kernels = _grouped(gradient, w.out_h, w.out_w, groups), _by_group(weight, groups)
    out = np.zeros((w.in_h, w.in_w, groups, w.in_c // groups), np.float32)
    for (i, j), made, read in taps(w):
        for o in range(given.shape[-1]):
            out[read] += given[made][..., o, None] * kernels[:, o, i, j]
    return out.reshape(w.in_h, w.in_w, w.in_c)


def weight_gradient(x: np.ndarray, gradient: np.ndarray, w: Window, groups: int) -> np.ndarray:
    """Return (O, KH, KW, I / groups): of each weight, over the output's pixels row by row."""
    image, given = _grouped(x, w.in_h, w.in_w, groups), _grouped(gradient, w.out_h, w.out_w, groups)
    out = np.zeros((groups, given.shape[-1], w.kernel_h, w.kernel_w, image.shape[-1]), np.float32)
    for (i, j), made, read in taps(w):
        pixels = zip(
            given[made].reshape(-1, *given.shape[2:]), image[read].reshape(-1, *image.shape[2:]), strict=True
        )
        for from_output, from_input in pixels:
            out[:, :, i, j] += from_output[:, :, None] * from_input[:, None]
    return out.reshape(w.out_c, w.kernel_h, w.kernel_w, -1)


def taps(w: Window) -> Iterator[tuple[tuple[int, int], _Pixels, _Pixels]]:
    """Yield each tap of the kernel, the output pixels whose tap lies inside the input, and the pixels it lies on."""
    for i in range(w.kernel_h):
        rows = _inside(i * w.dilation_h - w.pad_top, w.stride_h, w.in_h, w.out_h)
        for j in range(w.kernel_w):
            columns = _inside(j * w.dilation_w - w.pad_left, w.stride_w, w.in_w, w.out_w)
            yield (i, j), (rows[0], columns[0]), (rows[1], columns[1])


def _inside(first: int, stride: int, size: int, count: int) -> tuple[slice, slice]:
    """Return the outputs of ``count`` for which ``first + output * stride`` is within ``size``, and those places."""
    begin = max(0, -(first // stride))
    end = min(count, (size - 1 - first) // stride + 1)
    if end <= begin:
        return slice(0, 0), slice(0, 0)
    return slice(begin, end), slice(first + begin * stride, first + end * stride - stride + 1, stride)


def _grouped(pixels: np.ndarray, height: int, width: int, groups: int) -> np.ndarray:
    return pixels.reshape(height, width, groups, -1)


def _by_group(weight: np.ndarray, groups: int) -> np.ndarray:
    return weight.reshape(groups, len(weight) // groups, *weight.shape[1:])
