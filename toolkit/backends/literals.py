"""Types, numbers and arrays as C writes them."""

from __future__ import annotations

import numpy as np

from toolkit.lower.ir import ITEMSIZE

CTYPES = {"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "uint16": "uint16_t", "int32": "int32_t",
          "uint32": "uint32_t", "int64": "int64_t", "float16": "uint16_t", "float32": "float",
          "bool": "uint8_t"}  # fmt: skip


def array(name: str, data: np.ndarray) -> str:
    """Return the definition of a constant array that may lie in flash."""
    return (
        f"static const TK_ROM {CTYPES[str(data.dtype)]} {name}[{data.size}] TK_WEIGHTS = "
        f"{{\n{numbers(data)}\n}};\n"
    )


def float_literal(value: float) -> str:
    """Return a float32 literal."""
    if np.isinf(
        value
    ):  # no math.h, and an overflowing literal is not portable: the largest float serves as bound
        return "3.40282347e+38f" if value > 0 else "-3.40282347e+38f"
    text = f"{np.float32(value):.9g}"
    return f"{text}f" if any(c in text for c in ".e") else f"{text}.0f"


def numbers(data: np.ndarray) -> str:
    """Return the elements of ``data`` in lines, each with a comma behind it."""
    flat = data.ravel()
    if data.dtype == np.float32:
        items = [float_literal(float(x)) for x in flat]
    elif data.dtype == np.float16:
        items = [f"0x{x:04x}u" for x in flat.view(np.uint16).tolist()]
    elif data.dtype == np.uint32:
        items = [f"0x{x:08x}u" for x in flat.tolist()]
    elif data.dtype == np.int32:
        items = [str(x) if x > -(2**31) else "-2147483647 - 1" for x in flat.tolist()]
    else:
        items = [str(x) for x in flat.tolist()]
    per_line = 8 if data.dtype.itemsize == ITEMSIZE["float32"] else 24
    return "\n".join(
        "    " + ", ".join(items[i : i + per_line]) + "," for i in range(0, len(items), per_line)
    )
