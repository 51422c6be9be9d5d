"""Products of two activations' matrices, one per index of the axes before the last two."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any, ClassVar, Literal

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.half import bytes_of_output, halved, suffix, widened
from toolkit.ops.int8_value import scale_of, zero_point_of
from toolkit.ops.reading import real_input
from toolkit.ops.requantize import output_bounds, quantize_multiplier, requantize
from toolkit.ops.weighted import apply_bounds, exact_matmul

BATCH_AXES = 2  # that a kernel call loops over, after merging


class BatchMatmul(Operator):
    """``output[..., m, n] = alpha * sum_k a[..., m, k] * b[..., k, n]``; the axes before the last two broadcast.

    ``attrs["batch"]``, ``"rows"``, ``"depth"`` and ``"columns"`` are the sizes; ``"a"`` and ``"b"`` say where each
    operand lies in its input: offset and element strides of (batch axes..., rows, depth) and (batch axes..., depth,
    columns). So a permuted or sliced input needs no copy; see ``lower.views``.

    int8 equals LiteRT's reference kernel bit for bit where sums round twice.
    """

    name = "batch_matmul"
    aten: ClassVar[tuple[str, ...]] = ("aten.bmm.default", "aten.matmul.default", "aten.mm.default")
    quantization = "io"
    fuses_scale = True
    half_operands = 2

    def read(self, node: Any, reader: Reader) -> Step:
        a, b = (real_input(arg, reader) for arg in node.args[:2])
        if len(a.shape) < 2 or len(b.shape) < 2:
            raise reader.unsupported("a vector operand; unsqueeze it")
        return matmul_step(self.name, a, b)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        a, b = matmul_operands(step, inputs)
        if step.output.quant is None:
            out = product_f32(widened(a), widened(b)) * np.float32(step.attrs.get("alpha", 1.0))
            return apply_bounds(out, step).reshape(step.output.shape)
        x, y = (
            d.astype(np.int64) - zero_point_of(value) for d, value in zip((a, b), step.inputs, strict=True)
        )
        out = requantize(exact_matmul(x, y), *_multiplier(step), step.rounding) + zero_point_of(step.output)
        return np.clip(out, *output_bounds(step.output, None)).astype(np.int8).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        pointers = [
            emitter.pointer(value) if value.data is None else emitter.constant(name, value.data)
            for name, value in zip(("a", "weight"), step.inputs, strict=True)
        ]
        shape = emitter.local("tk_matmul", "shape", f"{{{matmul_fields(step)}}}")
        if step.output.quant is None:
            alpha = emitter.float_literal(step.attrs.get("alpha", 1.0))
            arguments = [*pointers, alpha, emitter.pointer(step.output), shape, *bytes_of_output(step)]
            return Call(f"tk_batch_matmul_{suffix(step)}", arguments, "tk_batch_matmul_f32")
        multiplier, shift = _multiplier(step)
        names = [
            emitter.constant("multiplier", np.array([multiplier], np.int32)),
            emitter.constant("shift", np.array([shift], np.uint8)),
        ]
        low, high = output_bounds(step.output, None)
        rest = [0, zero_point_of(step.output), low, high, int(step.rounding == "double")]
        requant = emitter.local("tk_requant_s8", "requant", f"{{{', '.join([*names, *map(str, rest)])}}}")
        zeros = [str(zero_point_of(value)) for value in step.inputs]
        arguments = [
            pointers[0],
            zeros[0],
            pointers[1],
            zeros[1],
            requant,
            emitter.pointer(step.output),
            shape,
        ]
        return Call("tk_batch_matmul_s8", arguments)

    def macs(self, step: Step) -> int:
        return step.output.size * int(step.attrs["depth"])

    def cases(self) -> Iterable[Case]:
        shapes: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
            ((3, 5), (5, 4)),
            ((2, 3, 7), (2, 7, 5)),
            ((1, 2, 4, 9), (1, 2, 9, 6)),
            ((2, 3, 2, 5), (2, 1, 5, 3)),
            ((4, 3, 8), (8, 2)),
            ((1, 1, 1), (1, 1, 1)),
            ((1, 4, 130), (1, 130, 3)),
        ]
        for kind in KINDS:
            for a, b in shapes:
                yield _case(a, b, kind)
            yield _turned(kind)
        for a, b in (shapes[0], shapes[2]):
            yield halved(_case(a, b, "float32"), 2)
        yield halved(_turned("float32"), 2, output=False)
        yield _case((2, 6, 20), (2, 20, 7), "int8", rounding="double")
        yield _case((1, 4, 300), (1, 300, 3), "int8", extreme=True)


def matmul_step(name: str, a: Value, b: Value) -> Step:
    """Return the step for two dense operands."""
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    views = [(0, _broadcast_strides(v.shape[:-2], v.shape[-2:], batch)) for v in (a, b)]
    attrs = {"batch": batch, "rows": a.shape[-2], "depth": a.shape[-1], "columns": b.shape[-1]}
    return Step(name, "", [a, b], Value("", ()), {**attrs, "a": views[0], "b": views[1]})


def _broadcast_strides(
    own: tuple[int, ...], matrix: tuple[int, ...], batch: tuple[int, ...]
) -> tuple[int, ...]:
    shape = (*own, *matrix)
    strides = [prod(shape[i + 1 :]) for i in range(len(shape))]
    leading = [0 if size == 1 else stride for size, stride in zip(own, strides, strict=False)]
    return (*[0] * (len(batch) - len(own)), *leading, *strides[-2:])


def matmul_operands(step: Step, inputs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return both operands as dense arrays (batch, rows, depth) and (batch, depth, columns)."""
    given, found = iter(inputs), []
    batch, rows, depth, columns = (step.attrs[n] for n in ("batch", "rows", "depth", "columns"))
    for key, value, matrix in zip("ab", step.inputs, ((rows, depth), (depth, columns)), strict=False):
        data = np.ascontiguousarray(next(given) if value.data is None else value.data).ravel()
        offset, strides = step.attrs[key]
        sizes = [s * data.itemsize for s in strides]
        view = np.lib.stride_tricks.as_strided(data[offset:], (*batch, *matrix), sizes, writeable=False)
        found.append(np.ascontiguousarray(view).reshape(-1, *matrix))
    return found[0], found[1]


def product_f32(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the product with every sum in order, as the kernel adds."""
    out = np.zeros((a.shape[0], a.shape[1], b.shape[2]), np.float32)
    for k in range(a.shape[2]):
        out = out + a[:, :, k, None] * b[:, k, None, :]
    return out


def _multiplier(step: Step) -> tuple[int, int]:
    a, b = (scale_of(value) for value in step.inputs)
    real = a * b * step.attrs.get("alpha", 1.0) / scale_of(step.output)
    return quantize_multiplier(min(real, 2.0**16))


def merged_axes(attrs: dict[str, Any]) -> list[tuple[int, int, int]]:
    """Return (size, stride of a, stride of b) of the batch axes, neighbours merged where both operands allow it."""
    merged: list[tuple[int, int, int]] = []
    for axis, size in enumerate(attrs["batch"]):
        a, b = attrs["a"][1][axis], attrs["b"][1][axis]
        if size == 1:
            continue
        if merged and merged[-1][1] == a * size and merged[-1][2] == b * size:
            merged[-1] = (merged[-1][0] * size, a, b)
        else:
            merged.append((size, a, b))
    return merged


def matmul_fields(step: Step) -> str:
    """Return the fields of a ``tk_matmul``: sizes, then offsets and strides of both operands."""
    strides, merged = [list(step.attrs[key][1]) for key in "ab"], merged_axes(step.attrs)
    if len(merged) > BATCH_AXES:
        raise ToolkitError(f"a matrix product over {len(merged)} batch axes that do not merge", at=step.name)
    merged = [(1, 0, 0)] * (BATCH_AXES - len(merged)) + merged
    sizes = [step.attrs[n] for n in ("rows", "columns", "depth")]
    (a_offset, _), (b_offset, _) = step.attrs["a"], step.attrs["b"]
    a_strides = [*(m[1] for m in merged), strides[0][-2], strides[0][-1]]
    b_strides = [*(m[2] for m in merged), strides[1][-1], strides[1][-2]]
    fields = [[m[0] for m in merged], *sizes, a_offset, a_strides, b_offset, b_strides]
    return ", ".join(str(f) if isinstance(f, int) else f"{{{', '.join(map(str, f))}}}" for f in fields)


def _case(
    a_shape: tuple[int, ...],
    b_shape: tuple[int, ...],
    kind: str,
    rounding: Literal["single", "double"] = "single",
    extreme: bool = False,
) -> Case:
    a, b = activation("a", a_shape, kind, 0.05, 7), activation("b", b_shape, kind, 0.02, -11)
    step = matmul_step("batch_matmul", a, b)
    batch = step.attrs["batch"]
    out_scale = 0.05 * 0.02 * 40 * a_shape[-1] ** 0.5
    step.output = activation("y", (*batch, a_shape[-2], b_shape[-1]), kind, out_scale, 3)
    step.name, step.rounding = "matmul", rounding
    if extreme:
        step.attrs["alpha"] = 0.3
    data = [sample(a, 1, extreme=extreme), sample(b, 2, extreme=extreme)]
    return Case(case_id(a_shape, b_shape, rounding, kind), step, data)


def _turned(kind: str) -> Case:
    """Attention as heads lie in memory: a (tokens, heads, width) and b alike, read as (heads, tokens, width)."""
    tokens, heads, width = 5, 3, 4
    a = activation("a", (tokens, heads, width), kind, 0.05, 7)
    b = activation("b", (tokens, 2 * heads, width), kind, 0.02, -11)
    y = activation("y", (heads, tokens, tokens), kind, 0.03, 3)
    attrs = {"batch": (heads,), "rows": tokens, "depth": width, "columns": tokens, "alpha": 0.5}
    attrs["a"] = (0, (width, heads * width, 1))
    attrs["b"] = (heads * width, (width, 1, 2 * heads * width))
    return Case(f"turned-{kind}", Step("batch_matmul", "qk", [a, b], y, attrs), [sample(a, 1), sample(b, 2)])


OPERATOR = BatchMatmul()
