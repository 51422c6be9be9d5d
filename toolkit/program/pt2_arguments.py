"""Arguments and results of operations in a ``.pt2`` file, rebuilt if they are tensors or plain values."""

from __future__ import annotations

import re
from typing import Any

from toolkit.errors import ToolkitError
from toolkit.program.pt2_errors import dynamic, malformed
from toolkit.program.pt2_json import boolean, each, identifier, integer, items, mapping, only

_TEXT = re.compile(r"[\w ,.>\-]{0,256}", re.ASCII)  # rounding modes, einsum equations


def tensor(name: str) -> dict[str, Any]:
    """Return the argument that refers to the tensor ``name``."""
    return {"as_tensor": {"name": name}}


def reference(value: Any) -> str:
    """Return the name in a reference to a tensor."""
    return identifier(mapping(value, "a tensor's name").get("name"))


def tensor_name(argument: Any, where: str) -> str:
    """Return the name in an argument that has to be a tensor."""
    kind, value = only(argument, where)
    if kind.startswith("as_sym"):
        raise dynamic()
    if kind != "as_tensor":
        raise ToolkitError(
            f"{where} is not a tensor but {kind.removeprefix('as_')[:40]!r}",
            fix="export a model whose inputs and outputs are tensors; fix other arguments inside the model",
        )
    return reference(value)


def result(value: Any, target: str) -> dict[str, Any]:
    """Rebuild one result of the operation ``target``."""
    kind, _ = only(value, f"{target}: a result")
    if kind.startswith("as_sym"):
        raise dynamic()
    if kind not in ("as_tensor", "as_tensors", "as_none"):
        raise malformed(f"{target}: a result")
    return argument(value, target)


def argument(value: Any, target: str) -> dict[str, Any]:
    """Rebuild one argument of the operation ``target``; raises on symbols, graphs, objects and operators."""
    where = f"{target}: an argument"
    kind, value = only(value, where)
    match kind:
        case "as_none":
            return {kind: True}
        case "as_tensor":
            return tensor(reference(value))
        case "as_tensors":
            return {kind: [{"name": name} for name in each(reference, value, where)]}
        case "as_optional_tensor":
            return {kind: _optional_tensor(value)}
        case "as_optional_tensors":
            return {kind: each(_optional_tensor, value, where)}
        case "as_int" | "as_scalar_type" | "as_memory_format" | "as_layout":
            return {kind: integer(value, where)}
        case "as_ints":
            return {kind: [integer(one, where) for one in items(value, where)]}
        case "as_float":
            return {kind: _number(value, where)}
        case "as_floats":
            return {kind: [_number(one, where) for one in items(value, where)]}
        case "as_bool":
            return {kind: boolean(value, where)}
        case "as_bools":
            return {kind: [boolean(one, where) for one in items(value, where)]}
        case "as_string":
            if not isinstance(value, str) or not _TEXT.fullmatch(value):
                raise malformed(where)
            return {kind: value}
        case "as_device":
            return {kind: {"type": "cpu", "index": None}}  # wherever it was exported, it is read here
        case "as_sym_int":
            return {kind: {"as_int": _fixed(value, where)}}
        case "as_sym_ints":
            return {kind: [{"as_int": _fixed(one, where)} for one in items(value, where)]}
        case "as_sym_float" | "as_sym_floats" | "as_sym_bool" | "as_sym_bools":
            raise dynamic()
    raise ToolkitError(
        f"{target} takes an argument of kind {kind.removeprefix('as_')[:40]!r}, which no device can run",
        fix="export a model without control flow, sub-graphs and custom objects",
    )


def _optional_tensor(value: Any) -> dict[str, Any]:
    kind, value = only(value, "an optional tensor")
    if kind == "as_none":
        return {kind: True}
    if kind != "as_tensor":
        raise malformed("an optional tensor")
    return tensor(reference(value))


def _fixed(value: Any, where: str) -> int:
    kind, value = only(value, where)
    if kind != "as_int":
        raise dynamic()
    return integer(value, where)


def _number(value: Any, where: str) -> float | str:
    if isinstance(value, str) and value in ("Infinity", "-Infinity", "NaN"):
        return value  # as torch writes them
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise malformed(where)
    try:
        return float(value)
    except OverflowError as error:
        raise malformed(where) from error
