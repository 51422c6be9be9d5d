"""Attention as one operator (opset 23), without a cache of keys and values."""

from __future__ import annotations

import math

import torch

from toolkit.program.onnx.node import Computed, Node, apply
from toolkit.program.onnx.refusal import UnsupportedError


def _attention(node: Node) -> Computed:
    if any(node.optional(i) is not None for i in (4, 5, 6)) or any(node.raw.outputs[1:]):
        raise UnsupportedError("a cache of keys and values")
    if node.number("softcap", 0.0):
        raise UnsupportedError("a soft cap")
    q, k, v, mask = node.x, node.input(1), node.input(2), node.optional(3)
    if mask is not None and mask.dtype == "bool":
        raise UnsupportedError("a mask of truth values; give it as numbers that are added")
    q_heads, kv_heads = node.integer("q_num_heads", 0), node.integer("kv_num_heads", 0)
    flat = len(q.shape) == 3
    if flat and (min(q_heads, kv_heads) < 1 or q.shape[2] % q_heads or k.shape[2] % kv_heads):
        raise UnsupportedError("three axes without numbers of heads")
    if not flat:
        q_heads, kv_heads = q.shape[1], k.shape[1]
    if q_heads % kv_heads:
        raise UnsupportedError(f"{q_heads} heads of queries for {kv_heads} of keys")
    width = q.shape[2] // q_heads if flat else q.shape[3]
    scale = node.number("scale", 0.0) or 1 / math.sqrt(width)
    causal = bool(node.integer("is_causal", 0))

    def heads(x: torch.Tensor, count: int) -> torch.Tensor:
        x = x.reshape(x.shape[0], x.shape[1], count, -1).permute(0, 2, 1, 3) if flat else x
        return x if count == q_heads else x.repeat_interleave(q_heads // count, 1)

    def compute(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        q, k, v = heads(q, q_heads), heads(k, kv_heads), heads(v, kv_heads)
        scores = torch.matmul(q * scale, k.transpose(-1, -2))
        if causal:
            shape = scores.shape[-2:]
            scores = scores + torch.full(shape, -1e4, device=scores.device).triu(1)
        if mask is not None:
            scores = scores + mask
        y = torch.matmul(torch.softmax(scores, -1), v)
        return y.permute(0, 2, 1, 3).reshape(y.shape[0], y.shape[2], -1) if flat else y

    return apply(compute, q, k, v, mask, names=("q", "k", "v", "mask"))


RULES = {"Attention": _attention}
