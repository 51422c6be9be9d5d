"""The graph of a ``.pt2`` file: a stranger's JSON, checked and rebuilt from known parts only.

torch turns this JSON into Python source text and runs it, resolves names with ``getattr``, gives symbolic
sizes to sympy's ``eval`` and guards to ``exec``. So nothing is passed on as found: every name becomes a plain
identifier, every operator one that torch knows as a tensor operator, every size an integer; stack traces,
guards and the like are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from toolkit.errors import ToolkitError
from toolkit.program.pt2_arguments import argument, result, tensor, tensor_name
from toolkit.program.pt2_errors import dynamic, malformed
from toolkit.program.pt2_json import each, identifier, integer, items, mapping, string
from toolkit.program.pt2_signature import calling_convention, input_spec, output_spec
from toolkit.program.pt2_tensors import Kept, clean_meta

MAX_NODES = 20_000

_NAMESPACES = ("aten", "quantized_decomposed", "toolkit")
_TARGET = re.compile(r"torch\.ops\.(\w+)\.(\w+)\.(\w+)", re.ASCII)
# aten, but they reach beyond their tensors: files, the terminal, foreign storage
_EFFECTS = {"from_file", "_print", "set", "set_", "set_data", "record_stream", "resize", "resize_"}
# notes of torch.export about dtypes and devices; with fixed sizes nothing depends on them
_NOTES = {"torch.ops.aten._assert_tensor_metadata.default"}
_SYMBOLIC = ("_operator.", "math.", "torch.sym_", "torch.ops.aten.sym_", "torch.ops.aten._assert_scalar.")
_STACK = re.compile(r"[\w ,.;:<>()\[\]'@\-]{0,4096}", re.ASCII)
_BRACKETS = re.compile(r"[(\[][^()\[\]]*[)\]]")


@dataclass(frozen=True)
class CleanGraph:
    """The program's JSON rebuilt, and the tensors that it keeps."""

    json: dict[str, Any]
    kept: list[Kept]


def clean_program(program: Any) -> CleanGraph:
    """Check the content of ``models/model.json`` and rebuild it.

    Raises:
        ToolkitError: malformed, from another schema version, dynamic shapes, unsupported dtypes, operators
            that are not tensor operators of torch (all listed), inputs or outputs that are not tensors.
    """
    top = mapping(program, "the program")
    version = _version(top)
    module = mapping(top.get("graph_module"), "graph_module")
    graph = mapping(module.get("graph"), "graph")
    inputs = [tensor_name(value, "an input") for value in items(graph.get("inputs"), "inputs")]
    outputs = [tensor_name(value, "an output") for value in items(graph.get("outputs"), "outputs")]
    metas = _metas(mapping(graph.get("tensor_values"), "tensor_values"), inputs)
    if graph.get("custom_obj_values"):
        raise ToolkitError("the program holds a custom object", fix="export a model of tensors only")
    nodes = _nodes(items(graph.get("nodes"), "nodes"))
    symbols = [graph.get(f"sym_{kind}_values") for kind in ("int", "float", "bool")]
    # range constraints alone do no harm (and are dropped): torch leaves those of an earlier tracing
    if any(symbols):
        raise dynamic()

    signature = mapping(module.get("signature"), "signature")
    input_specs = each(input_spec, signature.get("input_specs"), "input_specs")
    output_specs = each(output_spec, signature.get("output_specs"), "output_specs")
    if [spec.name for spec in input_specs] != inputs or [spec.name for spec in output_specs] != outputs:
        raise malformed("the signature")
    user_inputs = [spec.name for spec in input_specs if spec.path is None]
    if not user_inputs or not outputs:
        raise ToolkitError(
            "the program takes or returns no tensor", fix="export a model that maps tensors to tensors"
        )
    clean = {
        "graph_module": {
            "graph": {
                "inputs": [tensor(name) for name in inputs],
                "outputs": [tensor(name) for name in outputs],
                "nodes": nodes,
                "tensor_values": metas,
                "sym_int_values": {},
                "sym_bool_values": {},
                "sym_float_values": {},
                "custom_obj_values": {},
                "is_single_tensor_return": False,
            },
            "signature": {
                "input_specs": [spec.json for spec in input_specs],
                "output_specs": [spec.json for spec in output_specs],
            },
            "module_call_graph": [calling_convention(module.get("module_call_graph"), len(user_inputs))],
            "metadata": {},
            "treespec_namedtuple_fields": {},
        },
        "opset_version": {},
        "range_constraints": {},
        "schema_version": version,
        # the two sets of rules that torch checks graphs by; TRAINING allows operators that work in place
        "verifiers": ["TRAINING" if "TRAINING" in items(top.get("verifiers"), "verifiers") else "ATEN"],
        "torch_version": "",
        "guards_code": [],
    }
    kept = [
        Kept(spec.path, spec.is_constant, metas[spec.name]) for spec in input_specs if spec.path is not None
    ]
    return CleanGraph(clean, kept)


def _version(top: dict[str, Any]) -> dict[str, int]:
    from torch._export.serde.schema import SCHEMA_VERSION

    version = mapping(top.get("schema_version"), "schema_version")
    major, minor = (integer(version.get(part), "schema_version") for part in ("major", "minor"))
    if major != SCHEMA_VERSION[0]:
        raise ToolkitError(
            f"the program has schema version {major}.{minor}; this torch reads {SCHEMA_VERSION[0]}.x",
            fix="save it again with torch.export.save of the torch that is installed here",
        )
    return {"major": major, "minor": minor}


def _metas(tensors: dict[str, Any], inputs: list[str]) -> dict[str, Any]:
    # inputs first, the user's (which come last) before the program's own: an error about sizes shall name
    # them
    names = dict.fromkeys([*reversed(inputs), *tensors])
    metas = {identifier(name): clean_meta(tensors.get(name), name) for name in names}
    return dict(sorted(metas.items()))


def _nodes(nodes: list[Any]) -> list[dict[str, Any]]:
    if len(nodes) > MAX_NODES:
        raise ToolkitError(f"the program has more than {MAX_NODES} operations", fix="reduce the model")
    clean, foreign = [], []
    for node in nodes:
        target = string(mapping(node, "a node").get("target"), "a node's target")
        if target in _NOTES:
            continue
        if target.startswith(_SYMBOLIC):
            raise dynamic()
        operator = _operator(target)
        if operator is None:
            foreign.append(f"{target[:100]!r} in {_layer(node)}")
            continue
        clean.append(_node(node, target, {argument.name for argument in operator._schema.arguments}))
    if foreign:
        raise ToolkitError(
            f"{len(foreign)} operations are not tensor operators of torch",
            at=", ".join(dict.fromkeys(foreign)),
            fix="use torch's own operators (torch.ops.aten, torch.ops.quantized_decomposed), no control flow",
        )
    return clean


def _operator(target: str) -> Any:
    """Return torch's operator, or None when it is unknown or not allowed."""
    import torch

    match = _TARGET.fullmatch(target)
    if not match or match[1] not in _NAMESPACES or match[2] in _EFFECTS:
        return None
    packet = getattr(getattr(torch.ops, match[1]), match[2], None)
    if not isinstance(packet, torch._ops.OpOverloadPacket) or match[3] not in packet.overloads():
        return None
    return getattr(packet, match[3])


def _node(node: dict[str, Any], target: str, argument_names: set[str]) -> dict[str, Any]:
    inputs = []
    for value in items(node.get("inputs"), f"{target}: inputs"):
        value = mapping(value, f"{target}: an input")
        name, kind = value.get("name"), value.get("kind")
        if not isinstance(name, str) or name not in argument_names or kind not in (None, 0, 1, 2):
            raise malformed(f"{target}: the argument {str(name)[:40]!r}")
        inputs.append({"name": name, "arg": argument(value.get("arg"), target), "kind": kind})
    stack = _module_stack(node)
    name = node.get("name")
    return {
        "target": target,
        "inputs": inputs,
        "outputs": [result(value, target) for value in items(node.get("outputs"), f"{target}: outputs")],
        "metadata": {"nn_module_stack": stack} if stack else {},
        "is_hop_single_tensor_return": None,
        "name": None if name is None else identifier(name),
    }


def _module_stack(node: dict[str, Any]) -> str:
    """Return the modules around the node, ``key,path,type;…``, or nothing if torch could not read that."""
    metadata = node.get("metadata")
    stack = metadata.get("nn_module_stack") if isinstance(metadata, dict) else None
    if not isinstance(stack, str) or not _STACK.fullmatch(stack):
        return ""
    flat = stack  # without what stands in brackets, where commas do not count
    while flat != (flat := _BRACKETS.sub("", flat)):
        pass
    if re.search(r"[()\[\]]", flat) or any(item.count(",") != 2 for item in flat.split(";")):
        return ""
    # torch splits at every semicolon, also in brackets
    return stack if stack.count(";") == flat.count(";") else ""


def _layer(node: dict[str, Any]) -> str:
    """Return the layer's path, for a message."""
    stack = _module_stack(node)
    return (stack.rsplit(";", 1)[-1].rsplit(",", 2)[1] or "the model itself") if stack else "an unknown layer"
