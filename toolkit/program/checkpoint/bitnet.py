"""BitNet b1.58 checkpoints (Ma et al. 2025, arXiv 2504.12285), as microsoft/bitnet-b1.58-2B-4T is published.

The layout is that of the library transformers, ``integrations/bitnet.py``. ``pack_weights`` and ``unpack_weights``
there: the rows of a weight (outputs) are cut into four parts, one behind the other; a byte holds a row of each, the
first part's in the lowest two bits, as code = weight + 1. What ``weight_scale`` is depends on ``linear_class``:
``AutoBitLinear.forward``, which the published model names, multiplies by it; ``BitLinear.post_quant_process`` divides.
Weights that are no bytes are made ternary as ``WeightQuant`` does: the scale is the mean of ``|w|``, at least 1e-5.
Activations are int8 by each token's largest magnitude, at least 1e-5 (``ActQuant``). What surrounds the layers is in
``models/bitnet/modeling_bitnet.py``: two more norms than Llama has, before the last linear layer of each half, and
squared ReLU in the gate.

The linear layers of the blocks become ternary with activations quantized per token; embedding and head stay float32,
as do norms, attention, keys and values.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from quantize.int8 import TERNARY_RANGE
from toolkit.errors import ToolkitError
from toolkit.models.decoder import Decoder, DecoderStep
from toolkit.program.checkpoint.config import BitnetConfig
from toolkit.program.checkpoint.tensors import Tensors
from toolkit.program.per_token import PerTokenLinear, captured

_CODES = 4  # in a byte
_SMALLEST_MEAN = 1e-5
_MOST_BYTES = 1 << 30
_EMBEDDING, _NORM, _HEAD = "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"
# Ours by theirs, in a layer.
_NORMS = {
    "input_layernorm": "attention.norm",
    "self_attn.attn_sub_norm": "attention.inner_norm",
    "post_attention_layernorm": "feed_forward.norm",
    "mlp.ffn_sub_norm": "feed_forward.inner_norm",
}
_LINEAR = {
    "self_attn.q_proj": "attention.query",
    "self_attn.k_proj": "attention.key",
    "self_attn.v_proj": "attention.value",
    "self_attn.o_proj": "attention.out",
    "mlp.gate_proj": "feed_forward.gate",
    "mlp.up_proj": "feed_forward.up",
    "mlp.down_proj": "feed_forward.down",
}


def program(
    config: BitnetConfig, tensors: Tensors, positions: int | None = None
) -> tuple[ExportedProgram, dict[str, Any]]:
    """Return a program that takes a token a run, and what is to be kept beside it.

    Args:
        config: of the checkpoint.
        tensors: of the checkpoint.
        positions: how many tokens the model remembers; ``max_position_embeddings`` by default, at most that.

    Raises:
        ToolkitError: a tensor is missing, superfluous, of another shape than ``config`` says, or damaged.
    """
    longest = config.max_position_embeddings
    if positions is not None and not 1 <= positions <= longest:
        raise ToolkitError(
            f"{positions} positions cannot be",
            at=str(tensors.source),
            fix=f"the checkpoint was made for 1 to {longest:,}",
        )
    _check_memory(config, tensors, positions or longest)
    step = DecoderStep(decoder(config, tensors, positions or longest)).eval()
    info = {
        "model": {"family": "decoder", "preset": None},
        "method": "bitnet158",
        "vocabulary": config.vocab_size,
        "positions": step.positions,
    }
    return captured(step, torch.zeros(1, dtype=torch.int64)), info


def decoder(config: BitnetConfig, tensors: Tensors, positions: int) -> Decoder:
    """Return the decoder of a checkpoint for texts of at most ``positions`` tokens; raises as ``program``."""
    _check_names(config, tensors)
    with torch.device("meta"):  # no memory for weights that are replaced
        made = Decoder(
            (positions,),
            vocabulary=config.vocab_size,
            width=config.hidden_size,
            layers=config.num_hidden_layers,
            heads=config.num_attention_heads,
            hidden=config.intermediate_size,
            feed_forward="gated-squared-relu",
            key_value_heads=config.num_key_value_heads,
            eps=config.rms_norm_eps,
            rotary_base=config.rope_theta,
        )
    blocks = cast("list[Any]", made.blocks)
    for number, block in enumerate(blocks):
        at = f"model.layers.{number}"
        for theirs, ours in _NORMS.items():
            norm = block.get_submodule(ours)
            norm.weight = _constant(tensors.floats(f"{at}.{theirs}.weight", *norm.weight.shape))
        for theirs, ours in _LINEAR.items():
            owner, name = ours.split(".")
            rows, columns = block.get_submodule(ours).weight.shape
            layer = _linear(config, tensors, f"{at}.{theirs}", rows, columns)
            setattr(block.get_submodule(owner), name, layer)
        block.attention.rotary.fill(config.rope_theta)
    made.norm.weight = _constant(tensors.floats(_NORM, config.hidden_size))
    table = tensors.floats(_EMBEDDING, config.vocab_size, config.hidden_size)
    made.embedding.weight = _constant(table)
    made.head.weight = _constant(_head(config, tensors, table))
    return made


def unpack(packed: Tensor, rows: int) -> Tensor | None:
    """Return the int8 (rows, columns) weights of ``packed``, (ceil(rows / 4), columns); None where a code is 3."""
    codes = torch.cat([(packed >> 2 * part) & 3 for part in range(_CODES)])[:rows]
    return None if bool((codes == 3).any()) else codes.to(torch.int8) - 1


def absmean(weight: Tensor) -> tuple[Tensor, float]:
    """Return a float weight's int8 codes in -1..1 and their scale, the mean of its magnitudes."""
    inverse = 1.0 / weight.abs().mean().clamp_min(_SMALLEST_MEAN)
    return (weight * inverse).round().clamp(-1, 1).to(torch.int8), float(1.0 / inverse)


def _linear(config: BitnetConfig, tensors: Tensors, name: str, rows: int, columns: int) -> PerTokenLinear:
    weight, scale_name = f"{name}.weight", f"{name}.weight_scale"
    if tensors.is_packed(weight):
        if config.online:
            raise tensors.wrong("a weight is packed, but quantization_mode is online", weight)
        codes = unpack(tensors.packed(weight, -(-rows // _CODES), columns), rows)
        if codes is None:
            raise tensors.wrong("a weight holds the code 3, which is none of -1, 0 and 1", weight)
        scale = tensors.scalar(scale_name)
        scale = 1.0 / scale if config.scale_divides else scale
    else:
        if scale_name in tensors.names():
            raise tensors.wrong("a weight is float, but has a scale", weight)
        codes, scale = absmean(tensors.floats(weight, rows, columns))
    return PerTokenLinear(codes, torch.tensor([scale]), TERNARY_RANGE)


def _head(config: BitnetConfig, tensors: Tensors, table: Tensor) -> Tensor:
    if config.tie_word_embeddings and _HEAD not in tensors.names():
        return table
    head = tensors.floats(_HEAD, *table.shape)
    if config.tie_word_embeddings and not torch.equal(head, table):
        raise tensors.wrong("the head is not the embedding, but tie_word_embeddings is true", _HEAD)
    return head


def _check_memory(config: BitnetConfig, tensors: Tensors, positions: int) -> None:
    """Refuse texts whose keys, values, masks and rotary tables nothing here could hold."""
    size = config.hidden_size // config.num_attention_heads
    each = 2 * positions * (config.key_value_size + size) + positions**2
    if 4 * each * config.num_hidden_layers > _MOST_BYTES:
        raise ToolkitError(
            f"keys, values and masks of {positions:,} positions take more than {_MOST_BYTES >> 30} GiB",
            at=str(tensors.source),
            fix="ask for fewer: --positions 512",
        )


def _check_names(config: BitnetConfig, tensors: Tensors) -> None:
    """Refuse tensors that no layer takes: they would be part of another model."""
    known = {_EMBEDDING, _NORM, _HEAD}
    for number in range(config.num_hidden_layers):
        at = f"model.layers.{number}"
        known |= {f"{at}.{name}.weight" for name in (*_NORMS, *_LINEAR)}
        known |= {f"{at}.{name}.weight_scale" for name in _LINEAR}
    if superfluous := sorted(tensors.names() - known):
        raise tensors.wrong("a tensor belongs to no layer that config.json says", superfluous[0])


def _constant(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor, requires_grad=False)
