"""Test cases' activations: int8, int16 or float32 values, and samples from a seed that hit the ends of the range."""

from __future__ import annotations

import numpy as np

from toolkit.lower.ir import Value, per_tensor

KINDS = ("int8", "float32")
WITH_INT16 = ("int8", "int16", "float32")  # of operators that ``takes_int16``
STEPS_PER_INT8 = 150  # how much finer an int16 scale is than the int8 one it replaces


def activation(
    name: str,
    shape: tuple[int, ...],
    kind: str,
    scale: float = 0.05,
    zero_point: int = 3,
    dtype: str | None = None,
) -> Value:
    """Return an activation of ``kind``; integers carry a per-tensor quantization, int16 ones a symmetric one."""
    quant = per_tensor(scale, zero_point) if kind == "int8" else None
    if kind == "int16":
        quant = per_tensor(scale / STEPS_PER_INT8, 0, -(2**15), 2**15 - 1)
    return Value(name, shape, dtype or kind, quant)


def sample(value: Value, *seed: int, extreme: bool = False) -> np.ndarray:
    """Return data for ``value``: the whole range of integers or a normal distribution; ``extreme`` only its ends."""
    rng = np.random.default_rng([*value.shape, *seed])
    if value.dtype in ("int8", "int16"):
        limits = np.iinfo(value.dtype)
        choices = [limits.min, limits.max] if extreme else np.arange(limits.min, limits.max + 1)
        return rng.choice(choices, value.shape).astype(value.dtype)
    spread = 80.0 if extreme else 2.0
    return (rng.normal(size=value.shape) * spread).astype(np.float32)


def case_id(*parts: object) -> str:
    """Join ``parts`` to a case's name: tuples by x, all by a hyphen."""
    return "-".join("x".join(map(str, part)) if isinstance(part, tuple) else str(part) for part in parts)
