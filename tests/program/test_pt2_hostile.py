"""Nothing in a ``.pt2`` file runs: tampered files are refused or read without what was planted in them.

Each planted piece of code would make the file ``marker``; no test may leave one there.
"""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.program import pt2_files as files
from toolkit.errors import ToolkitError
from toolkit.program import pt2


@pytest.fixture(scope="module")
def original() -> bytes:
    return files.saved_by_torch(files.float_program())


@pytest.fixture(scope="module")
def wanted() -> torch.Tensor:
    return files.float_program().module()(files.sample())


@pytest.fixture
def marker(tmp_path: Path):
    path = tmp_path / "marker"
    yield path
    assert not path.exists()


def load(data: bytes, folder: Path) -> torch.export.ExportedProgram:
    path = folder / "model.pt2"
    path.write_bytes(data)
    return pt2.load(path)[0]


def refused(data: bytes, folder: Path, message: str = ".") -> None:
    with pytest.raises(ToolkitError, match=message) as caught:
        load(data, folder)
    assert caught.value.fix


# --- pickles


def test_the_planted_pickle_would_run(original: bytes, tmp_path: Path) -> None:
    """torch itself does run it: what the other tests plant is live."""
    marker = tmp_path / "marker"
    path = tmp_path / "model.pt2"
    path.write_bytes(files.with_entry(original, files.SAMPLE_INPUTS, files.pickled((files.Touch(marker),))))
    with pytest.raises(Exception):  # noqa: B017, PT011  what torch makes of the result is of no interest
        torch.export.load(path).module()()
    assert marker.exists()


def test_sample_inputs_are_not_unpickled(
    original: bytes, wanted: torch.Tensor, marker: Path, tmp_path: Path
) -> None:
    data = files.with_entry(original, files.SAMPLE_INPUTS, files.pickled((files.Touch(marker),)))
    assert torch.equal(load(data, tmp_path).module()(files.sample()), wanted)


@pytest.mark.parametrize(
    ("config", "folder", "tensor"),
    [(files.WEIGHTS, "weights", "fc.weight"), (files.CONSTANTS, "constants", "lifted_tensor_0")],
)
def test_pickled_tensors_are_refused(
    config: str, folder: str, tensor: str, original: bytes, marker: Path, tmp_path: Path
) -> None:
    parts = files.entries(original)
    content = json.loads(parts[config])
    content["config"][tensor]["use_pickle"] = True
    parts[config] = json.dumps(content).encode()
    parts[f"data/{folder}/{content['config'][tensor]['path_name']}"] = files.pickled(files.Touch(marker))
    refused(files.archive(parts), tmp_path, "pickle")


@pytest.mark.parametrize(
    "name",
    [
        "data/constants/custom_obj_0",
        "data/constants/opaque_obj_0",
        "data/weights/model.pt",
        "data/constants/model.pt",
        "data/aotinductor/model/lib.so",
    ],
)
def test_objects_and_libraries_are_refused(name: str, original: bytes, marker: Path, tmp_path: Path) -> None:
    refused(files.with_entry(original, name, files.pickled(files.Touch(marker))), tmp_path, "run")


# --- text that torch evaluates


def code(marker: Path) -> str:
    return f"__import__('pathlib').Path({str(marker)!r}).touch()"


def graph_of(model: dict[str, Any]) -> dict[str, Any]:
    return model["graph_module"]["graph"]


def symbol(marker: Path) -> dict[str, Any]:
    return {"as_expr": {"expr_str": code(marker), "hint": None}}


@pytest.mark.parametrize("place", ["size", "stride", "weight", "value", "argument"])
def test_symbolic_expressions_are_not_evaluated(
    place: str, original: bytes, marker: Path, tmp_path: Path
) -> None:
    def plant(model: dict[str, Any]) -> None:
        graph = graph_of(model) if "graph_module" in model else {}
        if place == "size":
            graph["tensor_values"]["x"]["sizes"][0] = symbol(marker)
        elif place == "stride":
            graph["tensor_values"]["relu"]["strides"][0] = symbol(marker)
        elif place == "value":
            graph["sym_int_values"]["s0"] = symbol(marker)
        elif place == "argument":
            graph["nodes"][0]["inputs"][0]["arg"] = {"as_sym_int": {"as_name": code(marker)}}
        else:
            model["sizes"][0] = symbol(marker)

    if place == "weight":
        config = json.loads(files.entries(original)[files.WEIGHTS])
        plant(config["config"]["fc.weight"]["tensor_meta"])
        data = files.with_entry(original, files.WEIGHTS, json.dumps(config).encode())
    else:
        data = files.with_json(original, files.MODEL, plant)
    refused(data, tmp_path, "dynamic shape")


def test_guards_and_metadata_are_not_run(
    original: bytes, wanted: torch.Tensor, marker: Path, tmp_path: Path
) -> None:
    def plant(model: dict[str, Any]) -> None:
        model["guards_code"] = [code(marker)]
        model["range_constraints"] = {code(marker): {"min_val": code(marker), "max_val": 2}}
        model["verifiers"] = ["TRAINING", code(marker)]
        model["torch_version"] = code(marker)
        model["graph_module"]["metadata"] = {"custom": code(marker)}
        model["graph_module"]["module_call_graph"].append({"fqn": code(marker), "signature": None})
        for node in graph_of(model)["nodes"]:
            node["metadata"] = {
                "nn_module_stack": f"L__self__,,{code(marker)}\n{code(marker)}",
                "source_fn_stack": f"conv,torch.hub.{code(marker)}",
                "stack_trace": f"\n{code(marker)}\n",
                "torch_fn": code(marker),
                "from_node": "[]",
                "custom": "{",
            }

    program = load(files.with_json(original, files.MODEL, plant), tmp_path)
    assert torch.equal(program.module()(files.sample()), wanted)


def rename(value: Any, old: str, new: str) -> Any:
    """Return the JSON with the string ``old`` replaced wherever it is a whole key or value."""
    if isinstance(value, dict):
        return {rename(key, old, new): rename(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [rename(item, old, new) for item in value]
    return new if value == old else value


@pytest.mark.parametrize("name", ["x", "conv2d", "p_fc_weight", "fc.weight"])
@pytest.mark.parametrize(
    "form",
    [
        "x={}",
        "x\n    {}",
        "x: ({})",
        "{}",
        "lambda",
        "self",
        "torch",
        "",
        "é",
        "x'",
        'a" + str({}) + "',
        "__class__",
    ],
)
def test_names_cannot_carry_code(name: str, form: str, original: bytes, marker: Path, tmp_path: Path) -> None:
    parts = files.entries(original)
    new = form.format(code(marker))
    for config in (files.MODEL, files.WEIGHTS):
        parts[config] = json.dumps(rename(json.loads(parts[config]), name, new)).encode()
    try:
        program = load(files.archive(parts), tmp_path)
    except ToolkitError:
        return
    # a plain name, if an odd one: it must not matter
    assert new.isidentifier() or name == "fc.weight"
    assert "touch" not in new
    program.module()(files.sample())


@pytest.mark.parametrize(
    "target",
    [
        "torch.hub.load",
        "torch.load",
        "torch.ops.load_library",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten._print.default",
        "torch.ops.aten.__class__.mro",
        "torch.ops.aten.relu.__init__",
        "torch.ops.aten.relu.overloads",
        "torch.ops.aten.relu",
        "torch.ops.aten.relu.default.__class__",
        "torch.ops.prim.Print.default",
        "torch.ops.mylib.run.default",
        "torch.ops.higher_order.cond",
        "torch.ops.quantized_decomposed.nothing.default",
        "builtins.eval",
        "#toolkit:run",
        "relu",
        "",
        "_operator.attrgetter",
        "math.sin",
    ],
)
def test_only_tensor_operators_are_resolved(target: str, original: bytes, tmp_path: Path) -> None:
    def plant(model: dict[str, Any]) -> None:
        node = next(node for node in graph_of(model)["nodes"] if node["name"] == "relu")
        node["target"] = target

    refused(files.with_json(original, files.MODEL, plant), tmp_path, "not tensor operators|dynamic")


def test_all_foreign_operators_are_listed(original: bytes, tmp_path: Path) -> None:
    def plant(model: dict[str, Any]) -> None:
        for node in graph_of(model)["nodes"]:
            if node["name"] in ("conv2d", "linear"):
                node["target"] = f"torch.ops.mylib.{node['name']}.default"

    with pytest.raises(ToolkitError, match="2 operations are not tensor operators") as caught:
        load(files.with_json(original, files.MODEL, plant), tmp_path)
    assert (
        "'torch.ops.mylib.conv2d.default' in conv, 'torch.ops.mylib.linear.default' in fc" in caught.value.at
    )


@pytest.mark.parametrize(
    "argument",
    [
        {"as_operator": "torch.hub.load"},
        {"as_custom_obj": {"name": "x", "class_fqn": "os.system"}},
        {"as_graph": {"name": "g", "graph": {}}},
        {"as_string": "'); {code} #"},
        {"as_string_to_argument": {"a": {"as_int": 1}}},
        {"as_complex": {"real": 1, "imag": 1}},
        {"as_int": "{code}"},
        {"as_float": "{code}"},
        {"as_ints": ["{code}"]},
        {"as_int": 1 << 70},
        {"as_float": 10**400},
        {"as_tensor": {"name": ["x"]}},
        {"as_tensor": {"name": "absent"}},
        {"as_scalar_type": 99},
        {"unknown": 1},
        {},
        None,
    ],
)
def test_strange_arguments_are_refused(argument: Any, original: bytes, marker: Path, tmp_path: Path) -> None:
    text = json.dumps(argument).replace("{code}", code(marker))

    def plant(model: dict[str, Any]) -> None:
        graph_of(model)["nodes"][0]["inputs"][0]["arg"] = json.loads(text)

    refused(files.with_json(original, files.MODEL, plant), tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("sizes", [{"as_int": 1}, {"as_int": 2}, {"as_int": 1}, {"as_int": 1}]), ("dtype", 2)],
)
def test_shapes_and_dtypes_that_lie_are_refused(
    field: str, value: Any, original: bytes, tmp_path: Path
) -> None:
    def plant(model: dict[str, Any]) -> None:
        graph_of(model)["tensor_values"]["relu"][field] = value

    refused(files.with_json(original, files.MODEL, plant), tmp_path, "relu computes another shape or dtype")


def test_operators_that_cannot_run_are_refused(original: bytes, tmp_path: Path) -> None:
    def plant(model: dict[str, Any]) -> None:
        node = next(node for node in graph_of(model)["nodes"] if node["name"] == "relu")
        node["target"] = "torch.ops.aten.t.default"

    refused(files.with_json(original, files.MODEL, plant), tmp_path, "relu cannot run .*2 dimensions")


LEAF = {"type": None, "context": None, "children_spec": []}


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "collections.OrderedDict", "context": '["a"]', "children_spec": [LEAF]},
        {
            "type": "builtins.dict",
            "context": '[{"__enum__": true, "fqn": "os:system", "name": "a"}]',
            "children_spec": [LEAF],
        },
        {"type": "builtins.dict", "context": "[\"x'] or __import__('os')\"]", "children_spec": [LEAF]},
        {"type": "builtins.dict", "context": "[]", "children_spec": [LEAF]},
        {"type": "builtins.tuple", "context": "null", "children_spec": "x"},
        {"type": "builtins.eval", "context": "null", "children_spec": []},
        {"type": ["a"], "context": "null", "children_spec": []},
    ],
)
def test_strange_containers_are_refused(spec: dict[str, Any], original: bytes, tmp_path: Path) -> None:
    def plant(model: dict[str, Any]) -> None:
        model["graph_module"]["module_call_graph"][0]["signature"]["out_spec"] = json.dumps([1, spec])

    refused(files.with_json(original, files.MODEL, plant), tmp_path)


def test_argument_names_are_plain(original: bytes, marker: Path, tmp_path: Path) -> None:
    def plant(model: dict[str, Any]) -> None:
        signature = model["graph_module"]["module_call_graph"][0]["signature"]
        signature["forward_arg_names"] = [f"x={code(marker)}"]

    refused(files.with_json(original, files.MODEL, plant), tmp_path, "name")


# --- damage


@given(data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_flipped_bits_are_found_or_harmless(
    data: st.DataObject, original: bytes, wanted: torch.Tensor, tmp_path: Path
) -> None:
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(original) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        program = load(bytes(damaged), tmp_path)
    except ToolkitError as error:
        refusal = error
    else:
        refusal = None
        assert torch.equal(program.module()(files.sample()), wanted)
    assert refusal is None or refusal.fix


@given(keep=st.integers(0, 40_000))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_truncated_files_are_refused(keep: int, original: bytes, tmp_path: Path) -> None:
    refused(original[: keep % len(original)], tmp_path)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) in the JSON."""
    keys: Any = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in [(value, key), *places(value[key])]]


STRANGE = [
    None,
    True,
    -1,
    7,
    1 << 62,
    1 << 70,
    1.5,
    "",
    "x",
    "as_expr",
    [],
    {},
    [None],
    {"as_int": 3},
    {"as_name": "s0"},
]


@pytest.mark.parametrize("entry", [files.MODEL, files.WEIGHTS, files.CONSTANTS])
@pytest.mark.parametrize("seed", range(60))
def test_tampered_json_never_breaks_the_reader(
    entry: str, seed: int, original: bytes, tmp_path: Path
) -> None:
    rng = random.Random(seed)

    def tamper(content: Any) -> None:
        for _ in range(rng.randint(1, 2)):
            container, key = rng.choice(places(content))
            kind = rng.randrange(4)
            if kind == 0 and isinstance(container, dict):
                del container[key]
            elif kind == 1 and isinstance(container, dict):
                container["unknown"] = container.pop(key)
            elif kind == 2:
                other, name = rng.choice(places(content))
                container[key] = copy.deepcopy(other[name])
            else:
                container[key] = copy.deepcopy(rng.choice(STRANGE))

    try:
        program = load(files.with_json(original, entry, tamper), tmp_path)
    except ToolkitError as error:
        refusal = error
    else:
        refusal = None
        assert isinstance(program, torch.export.ExportedProgram)
    assert refusal is None or refusal.fix
