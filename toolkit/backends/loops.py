"""A layer computed strip by strip: a loop around the calls of its kernels."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.ops.base import Loop


@dataclass(frozen=True)
class Looped:
    """The C of a layer that works in strips."""

    parts: list[str]  # a function for each call
    body: str


def loop_over_strips(loop: Loop, name: str, calls: list[str]) -> Looped:
    """Return the calls once for every strip. Each is a function of its own, compiled as a whole layer would be."""
    functions = [f"{name}_{number}" for number in range(len(calls))]
    parts = [
        f"static TK_NOINLINE void {function}(int32_t row, int32_t rows) {{\n    (void)rows;\n{call}}}\n"
        for function, call in zip(functions, calls, strict=True)
    ]
    runs = "".join(f"        {function}(row, rows);\n" for function in functions)
    rows = f"        const int32_t rows = tk_min({loop.step}, {loop.count} - row);\n"
    head = f"    for (int32_t row = 0; row < {loop.count}; row += {loop.step}) {{\n"
    return Looped(parts, f"{head}{rows}{runs}    }}\n")
