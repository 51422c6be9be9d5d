"""One copy of a kernel for all layers that call it.

What all calls have in common stays a literal inside that copy, and specialises it as a layer's own copy would be; what
differs goes into a small constant struct for each call, every number in the narrowest type that holds it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_INTEGER = re.compile(r"-?\d+", re.ASCII)
_RANGES = (
    ("uint8_t", 0, 2**8 - 1),
    ("int8_t", -(2**7), 2**7 - 1),
    ("uint16_t", 0, 2**16 - 1),
    ("int16_t", -(2**15), 2**15 - 1),
    ("int32_t", -(2**31) + 1, 2**31 - 1),
)
_BYTES = {"uint8_t": 1, "int8_t": 1, "uint16_t": 2, "int16_t": 2}  # all others have 4 or more


@dataclass(frozen=True)
class Local:
    """A constant struct of a layer: ``const ctype name = initialiser;``, passed to the kernel as ``&name``."""

    ctype: str
    name: str
    initialiser: str

    @property
    def declaration(self) -> str:
        """The struct in C: static unless it is that of one strip (``ops.base.Loop``)."""
        varies = re.search(r"\brows?\b", self.initialiser, re.ASCII)
        return f"{'' if varies else 'static '}const {self.ctype} {self.name} = {self.initialiser};"


@dataclass(frozen=True)
class LayerCall:
    """A kernel call in C, with the constant structs that its arguments point to."""

    kernel: str
    args: tuple[str, ...]
    locals: tuple[Local, ...]

    def text(self) -> str:
        """Return the call as statements of its own: declarations first."""
        declared = "".join(f"    {x.declaration}\n" for x in self.locals)
        return f"{declared}    {self.kernel}({', '.join(self.args)});\n"


@dataclass(frozen=True)
class Shared:
    """The one copy of a kernel, and how each layer calls it."""

    definition: str  # of the struct type and the function
    constants: list[str]  # a struct for each call
    calls: list[str]  # a statement for each call


def share(
    prefix: str, calls: Sequence[LayerCall], pointer_types: Mapping[str, str], start: int
) -> Shared | None:
    """Return one function for all ``calls`` of a kernel, or None where they differ in more than numbers and pointers.

    Args:
        prefix: what the C names begin with.
        calls: of one kernel.
        pointer_types: the C type of each expression that is an address.
        start: number of the first call, for names.
    """
    kernel = calls[0].kernel
    if len({(len(call.args), tuple(_form(x) for x in call.locals)) for call in calls}) > 1:
        return None
    rows = [_leaves(call) for call in calls]
    columns = list(zip(*rows, strict=True))
    fields: dict[int, str] = {}  # column -> type
    for index, column in enumerate(columns):
        if len(set(column)) > 1:
            ctype = _type(column, pointer_types)
            if ctype is None:
                return None
            fields[index] = ctype
    order = sorted(fields, key=lambda i: (-_BYTES.get(fields[i], 4), i))
    leaf = [f"c->f{i}" if i in fields else column[0] for i, column in enumerate(columns)]
    remaining = iter(leaf)
    body = "".join(
        f"    const {x.ctype} {x.name} = {_LEAF.sub(lambda _: next(remaining), x.initialiser)};\n"
        for x in calls[0].locals
    )
    body += f"    {kernel}({', '.join(remaining)});\n"
    name, ctype = f"{prefix}_{kernel}_{start}", f"{prefix}_{kernel}_{start}_call"
    if not fields:  # all calls are the same
        return Shared(
            f"static TK_NOINLINE void {name}(void) {{\n{body}}}\n", [], [f"    {name}();\n"] * len(calls)
        )
    members = "".join(f"    {_declare(fields[i], f'f{i}')};\n" for i in order)
    definition = (
        f"typedef struct {{\n{members}}} {ctype};\n\n"
        f"static TK_NOINLINE void {name}(const {ctype} *c) {{\n{body}}}\n"
    )
    constants, statements = [], []
    for number, row in enumerate(rows, start):
        constant = f"{prefix}_call_{number}"
        constants.append(f"static const {ctype} {constant} = {{{', '.join(row[i] for i in order)}}};\n")
        statements.append(f"    {name}(&{constant});\n")
    return Shared(definition, constants, statements)


_LEAF = re.compile(r"[^{},\s][^{},]*", re.ASCII)  # of a brace initialiser


def _form(local: Local) -> tuple[str, str, str]:
    return local.ctype, local.name, _LEAF.sub("x", local.initialiser)


def _leaves(call: LayerCall) -> list[str]:
    found = [leaf.strip() for local in call.locals for leaf in _LEAF.findall(local.initialiser)]
    return [*found, *call.args]


def _type(values: Sequence[str], pointer_types: Mapping[str, str]) -> str | None:
    """Return the narrowest C type for all ``values``, or None."""
    types = {pointer_types.get(value) for value in values}
    if len(types) == 1 and None not in types:
        return types.pop()
    if not all(_INTEGER.fullmatch(value) for value in values):
        return None
    numbers = [int(value) for value in values]
    for ctype, low, high in _RANGES:
        if low <= min(numbers) and max(numbers) <= high:
            return ctype
    return None


def _declare(ctype: str, name: str) -> str:
    return f"{ctype}{name}" if ctype.endswith("*") else f"{ctype} {name}"
