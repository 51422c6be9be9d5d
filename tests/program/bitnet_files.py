"""A small BitNet b1.58 checkpoint as it is published, and the published forward pass in plain torch.

The forward follows transformers' ``models/bitnet/modeling_bitnet.py`` and ``integrations/bitnet.py``
(``AutoBitLinear``), in float32, for one text of any length.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

VOCABULARY, HIDDEN, INNER, LAYERS, HEADS, SHARED, POSITIONS = 64, 32, 46, 2, 4, 2, 24
SIZE = HIDDEN // HEADS
CONFIG = {
    "architectures": ["BitNetForCausalLM"],
    "model_type": "bitnet",
    "hidden_act": "relu2",
    "hidden_size": HIDDEN,
    "intermediate_size": INNER,
    "max_position_embeddings": POSITIONS,
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "num_key_value_heads": SHARED,
    "quantization_config": {
        "linear_class": "autobitlinear",
        "quant_method": "bitnet",
        "quantization_mode": "offline",
    },
    "rms_norm_eps": 1e-5,
    "rope_theta": 500000.0,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "vocab_size": VOCABULARY,
}
LINEAR = {
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (SHARED * SIZE, HIDDEN),
    "self_attn.v_proj": (SHARED * SIZE, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (INNER, HIDDEN),
    "mlp.up_proj": (INNER, HIDDEN),
    "mlp.down_proj": (HIDDEN, INNER),
}
NORMS = {"input_layernorm": HIDDEN, "self_attn.attn_sub_norm": HIDDEN, "post_attention_layernorm": HIDDEN,
         "mlp.ffn_sub_norm": INNER}  # fmt: skip


def master_weights(seed: int = 0) -> dict[str, Tensor]:
    """Return a random model's tensors in bfloat16, as the variant for training has them."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, scale: float = 1.0, mean: float = 0.0) -> Tensor:
        return (mean + scale * torch.randn(shape, generator=generator)).bfloat16()

    tensors = {"model.embed_tokens.weight": normal(VOCABULARY, HIDDEN, scale=0.05)}
    for layer in range(LAYERS):
        at = f"model.layers.{layer}"
        for name, shape in LINEAR.items():
            tensors[f"{at}.{name}.weight"] = normal(*shape, scale=0.3)
        for name, size in NORMS.items():
            tensors[f"{at}.{name}.weight"] = normal(size, scale=0.2, mean=1.0)
    tensors["model.norm.weight"] = normal(HIDDEN, scale=0.2, mean=1.0)
    return tensors


def packed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the same model with packed ternary weights and their scales, rounded to bfloat16."""
    found = {}
    for name, tensor in tensors.items():
        found[name] = tensor
        if "_proj" in name:
            scale = tensor.float().abs().mean().bfloat16()
            codes = (tensor.float() / scale.float()).round().clamp(-1, 1).to(torch.uint8) + 1
            rows = -(-len(codes) // 4)
            byte = torch.zeros(rows, codes.shape[1], dtype=torch.uint8)
            for row, values in enumerate(codes + 0):
                byte[row % rows] |= values << 2 * (row // rows)
            found[name], found[f"{name}_scale"] = byte, scale.reshape(1)
    return found


def write(folder: Path, tensors: dict[str, Tensor], **changed: Any) -> Path:
    """Write a checkpoint; ``changed`` are settings of ``config.json``, None leaves one out."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = {key: value for key, value in {**CONFIG, **changed}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
    return folder


def published_forward(tensors: dict[str, Tensor], text: Tensor) -> Tensor:
    """Return the logits (positions, vocabulary) that the published code computes for ``text`` (positions,)."""
    real = {name: t if t.dtype == torch.uint8 else t.float() for name, t in tensors.items()}
    angle = torch.arange(len(text))[:, None] / 500000.0 ** (torch.arange(0, SIZE, 2) / SIZE)
    turn = torch.polar(torch.ones_like(angle), angle)
    x = real["model.embed_tokens.weight"][text]
    for layer in range(LAYERS):
        part = {n.removeprefix(f"model.layers.{layer}."): t for n, t in real.items() if f".{layer}." in n}
        x = x + _attention(part, _norm(x, part["input_layernorm.weight"]), turn)
        x = x + _feed_forward(part, _norm(x, part["post_attention_layernorm.weight"]))
    return _norm(x, real["model.norm.weight"]) @ real["model.embed_tokens.weight"].T


def _attention(part: dict[str, Tensor], x: Tensor, turn: Tensor) -> Tensor:
    query, key, value = (_linear(part, f"self_attn.{n}_proj", x) for n in "qkv")
    heads = []
    for head in range(HEADS):
        shared = head // (HEADS // SHARED)
        q = _rotated(query[:, head * SIZE : (head + 1) * SIZE], turn)
        k = _rotated(key[:, shared * SIZE : (shared + 1) * SIZE], turn)
        scores = (q @ k.T / SIZE**0.5).masked_fill(torch.ones(len(x), len(x)).triu(1).bool(), -torch.inf)
        heads.append(scores.softmax(-1) @ value[:, shared * SIZE : (shared + 1) * SIZE])
    return _linear(
        part, "self_attn.o_proj", _norm(torch.cat(heads, -1), part["self_attn.attn_sub_norm.weight"])
    )


def _feed_forward(part: dict[str, Tensor], x: Tensor) -> Tensor:
    inner = torch.relu(_linear(part, "mlp.gate_proj", x)) ** 2 * _linear(part, "mlp.up_proj", x)
    return _linear(part, "mlp.down_proj", _norm(inner, part["mlp.ffn_sub_norm.weight"]))


def _rotated(x: Tensor, turn: Tensor) -> Tensor:
    """Turn pairs of a value of the first half and one of the second, as complex numbers."""
    turned = torch.complex(*x.chunk(2, -1)) * turn
    return torch.cat([turned.real, turned.imag], -1)


def _norm(x: Tensor, weight: Tensor) -> Tensor:
    return weight * (x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt())


def _linear(part: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    weight, scale = part[f"{name}.weight"], part.get(f"{name}.weight_scale")
    if scale is None:
        s = 1.0 / weight.abs().mean().clamp(min=1e-5)
        weight = (weight * s).round().clamp(-1, 1) / s
    else:
        rows = LINEAR[name][0]
        weight = torch.cat([weight >> shift & 3 for shift in (0, 2, 4, 6)])[:rows].float() - 1
    s = 127 / x.abs().max(dim=-1, keepdim=True).values.clamp(min=1e-5)
    y = ((x * s).round().clamp(-128, 127) / s) @ weight.T
    return y if scale is None else y * scale
