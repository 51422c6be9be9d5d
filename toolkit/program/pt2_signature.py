"""The signature of a ``.pt2`` program: what its inputs and outputs are, and how a caller passes them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from toolkit.errors import ToolkitError
from toolkit.program.pt2_arguments import reference, tensor, tensor_name
from toolkit.program.pt2_errors import malformed
from toolkit.program.pt2_json import (
    boolean,
    each,
    identifier,
    items,
    mapping,
    only,
    parse,
    string,
    tensor_path,
)

_MAX_DEPTH = 16  # of tuples in tuples


class Input(NamedTuple):
    """An input of the graph: the user's, or a tensor that the program keeps."""

    json: dict[str, Any]
    name: str
    path: str | None  # in the model; None for the user's
    is_constant: bool  # kept among the archive's constants, not its weights


class Output(NamedTuple):
    """A result of the graph: the user's, a new value of a buffer, or a gradient."""

    json: dict[str, Any]
    name: str


def input_spec(spec: Any) -> Input:
    """Rebuild the description of one input; raises ToolkitError unless it is a tensor."""
    kind, value = only(spec, "an input")
    value = mapping(value, "an input")
    if kind == "user_input":
        name = tensor_name(value.get("arg"), "an input")
        return Input({kind: {"arg": tensor(name)}}, name, None, False)
    if kind not in ("parameter", "buffer", "tensor_constant"):
        raise ToolkitError(
            f"the program has an input of kind {kind[:40]!r}", fix="export a model of tensors only"
        )
    name, path = reference(value.get("arg")), tensor_path(value.get(f"{kind}_name"))
    clean: dict[str, Any] = {"arg": {"name": name}, f"{kind}_name": path}
    is_constant = kind == "tensor_constant"
    if kind == "buffer":
        clean["persistent"] = boolean(value.get("persistent"), f"the buffer {path}")
        is_constant = not clean["persistent"]
    return Input({kind: clean}, name, path, is_constant)


# what each kind of output belongs to, by the name of that field
_OUTPUT_TARGETS = {
    "loss_output": None,
    "buffer_mutation": "buffer_name",
    "parameter_mutation": "parameter_name",
    "gradient_to_parameter": "parameter_name",
    "gradient_to_user_input": "user_input_name",
    "user_input_mutation": "user_input_name",
}


def output_spec(spec: Any) -> Output:
    """Rebuild the description of one output; raises ToolkitError unless it is a tensor."""
    kind, value = only(spec, "an output")
    value = mapping(value, "an output")
    if kind == "user_output":
        name = tensor_name(value.get("arg"), "an output")
        return Output({kind: {"arg": tensor(name)}}, name)
    if kind not in _OUTPUT_TARGETS:
        raise ToolkitError(
            f"the program has an output of kind {kind[:40]!r}", fix="export a model of tensors only"
        )
    name = reference(value.get("arg"))
    clean: dict[str, Any] = {"arg": {"name": name}}
    target = _OUTPUT_TARGETS[kind]
    if target:
        clean[target] = tensor_path(value.get(target))
    return Output({kind: clean}, name)


def calling_convention(entries: Any, input_count: int) -> dict[str, Any]:
    """Rebuild the root entry of torch's list of modules: the containers around inputs and outputs."""
    where = "module_call_graph"
    roots = [entry for entry in items(entries, where) if mapping(entry, where).get("fqn") == ""]
    if not roots:
        raise malformed(where)
    signature = mapping(roots[0].get("signature"), where)
    names = signature.get("forward_arg_names")
    in_spec, leaves = containers(signature.get("in_spec"))
    if leaves != input_count:
        raise malformed(where)
    return {
        "fqn": "",
        "signature": {
            "inputs": [],
            "outputs": [],
            "in_spec": in_spec,
            "out_spec": containers(signature.get("out_spec"))[0],
            "forward_arg_names": None if names is None else each(identifier, names, where),
        },
    }


def containers(text: Any) -> tuple[str, int]:
    """Rebuild a description of nested tuples, lists and dicts (torch's treespec), and count its leaves.

    Left to torch, such a description may name any registered class and import enumerations.
    """
    version, spec = items(_parse(text), "a treespec", count=2)
    if version != 1:
        raise malformed("a treespec")
    clean, leaves = _container(spec, 0)
    return json.dumps([1, clean]), leaves


def _container(spec: Any, depth: int) -> tuple[dict[str, Any], int]:
    spec = mapping(spec, "a treespec")
    kind, context = spec.get("type"), spec.get("context")
    parts = items(spec.get("children_spec"), "a treespec")
    if depth > _MAX_DEPTH:
        raise malformed("a treespec")
    if kind is None and not parts:
        return {"type": None, "context": None, "children_spec": []}, 1
    if kind in ("builtins.tuple", "builtins.list"):
        context = "null"
    elif kind == "builtins.dict":
        keys = items(_parse(context), "a treespec", count=len(parts))
        context = json.dumps([identifier(key) for key in keys])
    else:
        raise ToolkitError(
            f"an input or output of the program is a {str(kind)[:60]!r}",
            fix="let the model take and return tensors, tuples, lists or dicts with plain names",
        )
    children = [_container(part, depth + 1) for part in parts]
    clean = {"type": kind, "context": context, "children_spec": [child for child, _ in children]}
    return clean, sum(leaves for _, leaves in children)


def _parse(text: Any) -> Any:
    return parse(string(text, "a treespec").encode(errors="replace"), "a treespec")
