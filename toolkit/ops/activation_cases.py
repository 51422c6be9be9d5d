"""Test cases' activations: int8 or float32 values, and samples from a seed that hit the ends of the range."""

from __future__ import annotations

import numpy as np

from toolkit.lower.ir import Value, per_tensor

KINDS = ("int8", "float32")


def activation(
    name: str,
    shape: tuple[int, ...],
    kind: str,
    scale: float = 0.05,
    zero_point: int = 3,
    dtype: str | None = None,
) -> Value:
    """Return an activation of ``kind``; int8 ones carry a per-tensor quantization."""
    quant = per_tensor(scale, zero_point) if kind == "int8" else None
    return Value(name, shape, dtype or kind, quant)


def sample(value: Value, *seed: int, extreme: bool = False) -> np.ndarray:
    """Return data for ``value``: the whole int8 range or a normal distribution; ``extreme`` only its ends."""
    rng = np.random.default_rng([*value.shape, *seed])
    if value.dtype == "int8":
        choices = [-128, 127] if extreme else np.arange(-128, 128)
        return rng.choice(choices, value.shape).astype(np.int8)
    spread = 80.0 if extreme else 2.0
    return (rng.normal(size=value.shape) * spread).astype(np.float32)


def case_id(*parts: object) -> str:
    """Join ``parts`` to a case's name: tuples by x, all by a hyphen."""
    return "-".join("x".join(map(str, part)) if isinstance(part, tuple) else str(part) for part in parts)
