"""``config.json`` of a BitNet b1.58 checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.errors import ToolkitError

_MAX_BYTES = 1 << 20
_FIX = "give the folder of a BitNet b1.58 checkpoint, as microsoft/bitnet-b1.58-2B-4T is published"


@dataclass(frozen=True)
class BitnetConfig:
    """What of ``config.json`` says how the model computes; the names are the file's.

    ``scale_divides`` says what ``weight_scale`` is: a weight is its code by the scale, or times the scale. ``online``
    says that the weights are float, to be made ternary.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    max_position_embeddings: int
    rms_norm_eps: float
    rope_theta: float
    tie_word_embeddings: bool
    scale_divides: bool
    online: bool

    @property
    def key_value_size(self) -> int:
        """Values of all heads of keys."""
        return self.hidden_size // self.num_attention_heads * self.num_key_value_heads


def read_config(file: Path) -> BitnetConfig:
    """Read and check the file.

    Raises:
        ToolkitError: it is missing or damaged, or describes a model that is computed in another way.
    """
    said = _parse(file)
    _choice(said, "model_type", ("bitnet",), file)
    _choice(said, "hidden_act", ("relu2",), file)
    for key in ("attention_bias", "mlp_bias", "rope_scaling"):
        _choice(said, key, (None, False), file)
    quantization = said.get("quantization_config")
    if not isinstance(quantization, dict):
        raise _wrong("quantization_config", quantization, "an object with quant_method", file)
    _choice(quantization, "quant_method", ("bitnet",), file)
    _choice(quantization, "use_rms_norm", (None, False), file)
    kind = _choice(quantization, "linear_class", ("autobitlinear", "bitlinear", None), file)
    mode = _choice(quantization, "quantization_mode", ("offline", "online", None), file)
    heads = _count(said, "num_attention_heads", 1024, file)
    rotary = said.get("rope_parameters")  # where newer files have what older ones have beside it
    if rotary is not None:
        if not isinstance(rotary, dict):
            raise _wrong("rope_parameters", rotary, "an object", file)
        _choice(rotary, "rope_type", (None, "default"), file)
        said = {**rotary, **said}
    config = BitnetConfig(
        vocab_size=_count(said, "vocab_size", 1 << 20, file),
        hidden_size=_count(said, "hidden_size", 1 << 16, file),
        intermediate_size=_count(said, "intermediate_size", 1 << 18, file),
        num_hidden_layers=_count(said, "num_hidden_layers", 1024, file),
        num_attention_heads=heads,
        num_key_value_heads=_count(
            {"num_key_value_heads": heads, **said}, "num_key_value_heads", heads, file
        ),
        max_position_embeddings=_count(said, "max_position_embeddings", 1 << 20, file),
        rms_norm_eps=_real(said, "rms_norm_eps", file),
        rope_theta=_real(said, "rope_theta", file),
        tie_word_embeddings=_choice(said, "tie_word_embeddings", (True, False, None), file) is True,
        scale_divides=kind != "autobitlinear",
        online=mode == "online",
    )
    if config.hidden_size % heads or (config.hidden_size // heads) % 2:
        raise _wrong("num_attention_heads", heads, f"an even share of {config.hidden_size}, two by two", file)
    if heads % config.num_key_value_heads:
        raise _wrong("num_key_value_heads", config.num_key_value_heads, f"a divisor of {heads}", file)
    if config.online and config.scale_divides:
        raise _wrong("linear_class", kind, "autobitlinear, where quantization_mode is online", file)
    _choice(said, "head_dim", (None, config.hidden_size // heads), file)
    return config


def _parse(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise ToolkitError("the file is larger than 1 MiB", at=str(file), fix=_FIX)
        said = json.loads(file.read_bytes().decode())
    except OSError as error:
        raise ToolkitError(f"{file.name} cannot be read: {error.strerror}", at=str(file), fix=_FIX) from error
    except (ValueError, RecursionError) as error:
        raise ToolkitError(f"{file.name} is damaged: it is no JSON", at=str(file), fix=_FIX) from error
    if not isinstance(said, dict):
        raise ToolkitError(f"{file.name} is damaged: it is no JSON object", at=str(file), fix=_FIX)
    return said


def _choice(said: dict[str, Any], key: str, allowed: tuple[Any, ...], file: Path) -> Any:
    value = said.get(key)
    if not any(type(value) is type(each) and value == each for each in allowed):
        known = " or ".join(json.dumps(each) for each in allowed if each is not None)
        raise _wrong(key, value, known or "left out", file)
    return value


def _count(said: dict[str, Any], key: str, largest: int, file: Path) -> int:
    value = said.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= largest:
        raise _wrong(key, value, f"a whole number from 1 to {largest:,}", file)
    return value


def _real(said: dict[str, Any], key: str, file: Path) -> float:
    value = said.get(key)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < 1e12:
        raise _wrong(key, value, "a positive number", file)
    return float(value)


def _wrong(key: str, value: Any, expected: str, file: Path) -> ToolkitError:
    shown = "missing" if value is None else json.dumps(value)[:60]
    return ToolkitError(
        f"{key} is {shown}, which cannot be imported", at=str(file), fix=f"it has to be {expected}; {_FIX}"
    )
