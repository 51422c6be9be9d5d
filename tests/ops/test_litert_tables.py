"""int8 functions of one number against LiteRT's reference kernels: every code, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")

from ai_edge_litert.interpreter import OpResolverType

from tests.ops import litert_builder as litert
from toolkit.lower.ir import Step, Value, per_tensor
from toolkit.lower.rounding import ONCE_IN_LITERT
from toolkit.ops import operators

CODES = np.arange(-128, 128, dtype=np.int8)[None]
FIXED = {"sigmoid": (1 / 256, -128), "tanh": (1 / 128, 0)}
KERNELS = {
    "sigmoid": ("LOGISTIC", None, ()),
    "tanh": ("TANH", None, ()),
    "hardswish": ("HARD_SWISH", None, ()),
    "gelu": ("GELU", ("Gelu", {"approximate": False}), ()),
    "gelu_tanh": ("GELU", ("Gelu", {"approximate": True}), ()),
    "elu": ("ELU", None, (1.0, 1.0, 1.0)),
    "leaky_relu": ("LEAKY_RELU", ("LeakyRelu", {"alpha": 0.1}), (0.1,)),
    "exp": ("EXP", None, ()),
    "log": ("LOG", None, ()),
    "abs": ("ABS", None, ()),
}


def _value(name: str, scale: float, zero_point: int) -> Value:
    return Value(name, CODES.shape, "int8", per_tensor(float(np.float32(scale)), zero_point))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("function", KERNELS)
def test_every_code(function: str, seed: int) -> None:
    rng = np.random.default_rng([seed, len(function)])
    scale = [0.05, 0.1, 1e-3, 0.5, 2.0, 1 / 16][seed] if seed < 6 else float(np.exp(rng.uniform(-7, 0)))
    zero_point = [0, 3, -128, 127][seed] if seed < 4 else int(rng.integers(-128, 128))
    if function == "log":
        zero_point = -128  # LiteRT's kernel wants no negative numbers
    operator, table, parameters = KERNELS[function]
    out = FIXED.get(function) or (scale * float(rng.uniform(0.5, 1.3)), int(rng.integers(-128, 60)))
    x, y = _value("x", scale, zero_point), _value("y", *out)
    op = function if function in FIXED else "table"
    attrs = {"function": function, "parameters": parameters}
    step = Step(op, "f", [x], y, attrs, rounding="single" if op in ONCE_IN_LITERT else "double")
    options = litert.options(table[0], **table[1]) if table else None
    version = 1 if operator in ("HARD_SWISH", "ELU") else 2
    kernels = OpResolverType.BUILTIN if operator == "ELU" else OpResolverType.BUILTIN_REF  # which has no ELU
    expected = litert.run_reference(litert.one_op(operator, [x], y, options, version), [CODES], kernels)
    np.testing.assert_array_equal(operators()[op].reference(step, [CODES]), expected)


@pytest.mark.parametrize("function", ["sigmoid", "tanh", "hardswish"])
def test_rounded_once_is_within_one_of_litert(function: str) -> None:
    x, y = _value("x", 0.04, 5), _value("y", *(FIXED.get(function) or (0.03, -100)))
    op = function if function in FIXED else "table"
    attrs = {"function": function, "parameters": ()}
    once, twice = (
        operators()[op].reference(Step(op, "f", [x], y, attrs, rounding=rounding), [CODES]).astype(int)
        for rounding in ("single", "double")
    )
    assert np.abs(once - twice).max() <= 1
