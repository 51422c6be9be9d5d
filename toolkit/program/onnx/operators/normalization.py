"""Normalizations."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from toolkit.program.onnx.node import Computed, Node, Tensor, apply, axis_of, real
from toolkit.program.onnx.refusal import UnsupportedError

_NAMES = ("x", "weight", "bias", "mean", "variance")


def _batch_norm(node: Node) -> Computed:
    """Batch normalization that `toolkit.program.onnx.patterns` did not fold: a scale and an offset per channel."""
    if node.integer("training_mode", 0):
        raise UnsupportedError("training mode; export the model with model.eval()")
    eps, channels = node.number("epsilon", 1e-5), node.x.shape[1:2]
    constants = [node.constant(i, name).astype(np.float64) for i, name in enumerate(_NAMES) if i]
    if any(c.shape != channels for c in constants):
        raise UnsupportedError(f"parameters that do not fit {channels} channels")
    gamma, beta, mean, var = constants
    with np.errstate(all="ignore"):
        factor = gamma / np.sqrt(var + eps)
    if not np.isfinite(factor).all():
        raise UnsupportedError("a variance that is none")
    shape = (channels[0], *[1] * (len(node.x.shape) - 2))
    scale = factor.reshape(shape).astype(np.float32)
    offset = (beta - mean * factor).reshape(shape).astype(np.float32)
    return apply(
        lambda x, s, o: x * s + o, node.x, _constant(scale), _constant(offset), names=("x", "scale", "offset")
    )


def _constant(data: np.ndarray) -> Tensor:
    return Tensor("", data.shape, data=data)


def _layer_norm(node: Node) -> Computed:
    if any(node.raw.outputs[1:]):
        raise UnsupportedError("the mean or deviation as an output")
    shape, eps = _normalized(node), node.number("epsilon", 1e-5)
    scale, bias = _full(node, 1, shape), _full(node, 2, shape)
    return apply(lambda x, w, b: F.layer_norm(x, shape, w, b, eps), node.x, scale, bias, names=_NAMES)


def _rms_norm(node: Node) -> Computed:
    shape, eps = _normalized(node), node.number("epsilon", 1e-5)
    return apply(lambda x, w: F.rms_norm(x, shape, w, eps), node.x, _full(node, 1, shape), names=_NAMES)


def _skip_layer_norm(node: Node) -> Computed:
    """ONNX Runtime's fusion of an addition with the LayerNorm behind it."""
    if any(node.raw.outputs[1:]):
        raise UnsupportedError("more than one output")
    shape, eps = node.x.shape[-1:], node.number("epsilon", 1e-12)

    def compute(x: torch.Tensor, skip: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None,
                added: torch.Tensor | None) -> torch.Tensor:  # fmt: skip
        x = x + skip
        return F.layer_norm(x if added is None else x + added, shape, w, b, eps)

    names = ("x", "skip", "weight", "bias", "added")
    tensors = (node.x, node.input(1), node.input(2), node.optional(3), node.optional(4))
    return apply(compute, *tensors, names=names)


def _normalized(node: Node) -> tuple[int, ...]:
    return node.x.shape[axis_of(node.integer("axis", -1), len(node.x.shape)) :]


def _full(node: Node, index: int, shape: tuple[int, ...]) -> Tensor | None:
    """Return a parameter in the shape that is normalized over."""
    tensor = node.optional(index)
    if tensor is None:
        return None
    if tensor.data is None:
        raise UnsupportedError("a scale or bias that is computed at run time")
    try:
        data = np.array(np.broadcast_to(real(tensor), shape))
    except ValueError as error:
        raise UnsupportedError(f"a scale or bias of shape {list(tensor.shape)} for {list(shape)}") from error
    return Tensor(tensor.name, shape, data=data)


def _instance_norm(node: Node) -> Computed:
    eps = node.number("epsilon", 1e-5)
    return apply(
        lambda x, w, b: F.instance_norm(x, weight=w, bias=b, eps=eps),
        node.x,
        node.input(1),
        node.input(2),
        names=_NAMES,
    )


def _group_norm(node: Node) -> Computed:
    groups, eps, channels = node.integer("num_groups", 0), node.number("epsilon", 1e-5), node.x.shape[1]
    if groups < 1 or channels % groups:
        raise UnsupportedError(f"{groups} groups of {channels} channels")
    scale, bias = (_per_channel(node, i, channels) for i in (1, 2))
    return apply(lambda x, w, b: F.group_norm(x, groups, w, b, eps), node.x, scale, bias, names=_NAMES)


def _per_channel(node: Node, index: int, channels: int) -> Tensor:
    data = node.constant(index, "a scale or bias")
    if data.shape != (channels,):
        raise UnsupportedError(f"a scale or bias of shape {list(data.shape)} for {channels} channels")
    return _constant(data)


RULES = {
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "RMSNormalization": _rms_norm,
    "SimplifiedLayerNormalization": _rms_norm,
    "com.microsoft::SkipLayerNormalization": _skip_layer_norm,
    "InstanceNormalization": _instance_norm,
    "GroupNormalization": _group_norm,
}
