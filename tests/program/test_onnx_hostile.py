"""Files that lie, are damaged, or ask for too much end in an error that says what to do, quickly and without harm."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason='pip install "edge-toolkit[onnx]"')

import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.program import onnx_files as files
from toolkit.errors import MISSING, ToolkitError
from toolkit.program import onnx as reader
from toolkit.program.imported import ImportedGraph
from toolkit.program.onnx import file

RNG = np.random.default_rng(0)


def _weights(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def _conv_model() -> onnx.ModelProto:
    nodes = [files.node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]), files.node("Relu", ["c"], ["y"])]
    return files.model(nodes, {"x": [1, 3, 8, 8]}, ["y"], {"w": _weights(4, 3, 3, 3)})


def _quantized_model() -> onnx.ModelProto:
    constants = {
        "s": np.float32(0.1),
        "z": np.int8(3),
        "w": np.ones((4, 3, 1, 1), np.int8),
        "ws": np.full(4, 0.02, np.float32),
        "wz": np.zeros(4, np.int8),
        "shape": np.array([0, -1], np.int64),
    }
    nodes = [
        files.node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        files.node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        files.node("DequantizeLinear", ["w", "ws", "wz"], ["dw"], axis=0),
        files.node("Conv", ["d", "dw"], ["c"], strides=[2, 2]),
        files.node("QuantizeLinear", ["c", "s", "z"], ["cq"]),
        files.node("DequantizeLinear", ["cq", "s", "z"], ["cd"]),
        files.node("Reshape", ["cd", "shape"], ["r"]),
        files.node("Softmax", ["r"], ["y"], axis=1),
    ]
    return files.model(nodes, {"x": [1, 3, 4, 4]}, ["y"], constants)


def _shapes_model() -> onnx.ModelProto:
    """A model that computes a shape, as exporters write it."""
    nodes = [
        files.node("Shape", ["x"], ["s"]),
        files.node("Gather", ["s", "one"], ["c"], axis=0),
        files.node("Mul", ["c", "four"], ["n"]),
        files.node("Concat", ["minus", "n"], ["shape"], axis=0),
        files.node("Reshape", ["x", "shape"], ["r"]),
        files.node("ConstantOfShape", ["n"], ["ones"], value=numpy_helper.from_array(np.ones(1, np.float32))),
        files.node("Add", ["r", "ones"], ["y"]),
    ]
    constants = {"one": [1], "four": [4], "minus": [-1]}
    held = {name: np.array(value, np.int64) for name, value in constants.items()}
    return files.model(nodes, {"x": [1, 4, 2, 6]}, ["y"], held)


def read(model: onnx.ModelProto | bytes, folder: Path) -> ImportedGraph:
    path = folder / "model.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return reader.read(path)


def refused(model: onnx.ModelProto | bytes, folder: Path, message: str) -> ToolkitError:
    with pytest.raises(ToolkitError, match=message) as caught:
        read(model, folder)
    assert caught.value.fix
    assert str(folder / "model.onnx") in caught.value.at
    return caught.value


# --- files


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 100, b"not a model", b"\x0a\xff\xff\xff\xff\x7f", bytes(range(256))]
)
def test_garbage(data: bytes, tmp_path: Path) -> None:
    refused(data, tmp_path, "not a usable ONNX file")


@pytest.mark.parametrize("size", [10, 100, 300])
def test_a_truncated_file(size: int, tmp_path: Path) -> None:
    refused(_conv_model().SerializeToString()[:size], tmp_path, "not a usable ONNX file")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match="cannot be read"):
        reader.read(tmp_path / "model.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ToolkitError, match="no file"):
        reader.read(tmp_path / "folder.onnx")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with path.open("wb") as sparse:
        sparse.truncate(file.MAX_FILE_BYTES + 1)
    with pytest.raises(ToolkitError, match="MiB"):
        reader.read(path)


def test_the_package_is_named_when_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(ToolkitError) as caught:
        reader.read(tmp_path / "model.onnx")
    assert caught.value.exit_code == MISSING
    assert 'pip install "edge-toolkit[onnx]"' in caught.value.fix


def test_many_small_messages_are_counted_before_they_are_built(tmp_path: Path) -> None:
    nodes = b"\x0a\x00" * 5_000_000  # five million empty nodes: 10 MB here, hundreds in memory
    graph = b"\x3a" + _varint(len(nodes)) + nodes
    refused(graph, tmp_path, "parts")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def test_deeply_nested_graphs(tmp_path: Path) -> None:
    data = b""
    for _ in range(2000):  # graph in an attribute of a node of a graph …
        attribute = b"\x32" + _varint(len(data)) + data
        node = b"\x2a" + _varint(len(attribute)) + attribute
        data = b"\x0a" + _varint(len(node)) + node
    refused(b"\x3a" + _varint(len(data)) + data, tmp_path, "nested")


# --- tensors that lie


def _set(**fields: object) -> Callable[[TensorProto], None]:
    def change(tensor: TensorProto) -> None:
        for name, value in fields.items():
            if name == "dims":
                tensor.dims[:] = value  # type: ignore[index]
            else:
                setattr(tensor, name, value)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set(raw_data=b"1234"), "needs 432 bytes, but 4"),
        (_set(raw_data=b""), "needs 432 bytes, but 0"),
        (_set(dims=[4, 3, 3, -3]), "has the shape"),
        (_set(dims=[2**40, 2**40]), "larger than"),
        (_set(dims=[1] * 100), "has the shape"),
        (_set(dims=[4, 3, 3, 4]), "needs 576 bytes, but 432"),
        (_set(data_type=2), "needs 108 bytes"),
        (_set(data_type=8), "STRING"),
        (_set(data_type=77), "77"),
        (_set(raw_data=np.full(108, np.nan, np.float32).tobytes()), "NaN"),
        (lambda tensor: tensor.float_data.append(1), "two kinds"),
    ],
)
def test_a_tensor_that_lies_about_its_size(
    change: Callable[[TensorProto], None], message: str, tmp_path: Path
) -> None:
    model = _conv_model()
    change(model.graph.initializer[0])
    refused(model, tmp_path, message)


def test_values_in_typed_fields_are_counted(tmp_path: Path) -> None:
    model = _conv_model()
    tensor = model.graph.initializer[0]
    values = numpy_helper.to_array(tensor).ravel().tolist()
    tensor.ClearField("raw_data")
    tensor.float_data.extend(values[:-1])
    refused(model, tmp_path, "needs 108 values, but 107")
    tensor.float_data.append(values[-1])
    assert read(model, tmp_path).layers


# --- data in other files


def _with_external(location: str, **entries: object) -> onnx.ModelProto:
    model = _conv_model()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return model


def test_external_data_beside_the_model(tmp_path: Path) -> None:
    data = _weights(4, 3, 3, 3)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "w.bin").write_bytes(b"head" + data.tobytes())
    graph = read(_with_external("data/w.bin", offset=4, length=432), tmp_path)
    np.testing.assert_array_equal(graph.layers[0].constants["weight"], data)


@pytest.mark.parametrize(
    "location", ["/etc/passwd", "../secret.bin", "a/../../secret.bin", "C:\\secret.bin", "..\\secret.bin", "",
                 "link.bin", "linked/secret.bin"],
)  # fmt: skip
def test_external_data_elsewhere_is_not_read(location: str, tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (tmp_path / "secret.bin").write_bytes(_weights(4, 3, 3, 3).tobytes())
    (outside / "secret.bin").write_bytes(_weights(4, 3, 3, 3).tobytes())
    (inside / "link.bin").symlink_to(tmp_path / "secret.bin")
    (inside / "linked").symlink_to(outside, target_is_directory=True)
    refused(_with_external(location), inside, "outside the model's folder")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"offset": 1}, "needs 432 bytes"),
        ({"offset": -1}, "needs 432 bytes"),
        ({"length": 10}, "needs 432 bytes"),
        ({"length": 2**60}, "needs 432 bytes"),
        ({"offset": "many"}, "no number"),
    ],
)
def test_external_data_of_another_size(entries: dict[str, object], message: str, tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(432))
    refused(_with_external("w.bin", **entries), tmp_path, message)


def test_external_data_that_is_missing(tmp_path: Path) -> None:
    refused(_with_external("w.bin"), tmp_path, "no file w.bin")


def test_external_data_of_a_constant_node(tmp_path: Path) -> None:
    value = _with_external("/etc/passwd").graph.initializer[0]
    node = helper.make_node("Constant", [], ["w"], value=value)
    model = files.model([node, files.node("Add", ["x", "w"], ["y"])], {"x": [1, 4]}, ["y"])
    refused(model, tmp_path, "another file")


# --- shapes


def _with_input(*shape: object, data_type: int = TensorProto.FLOAT) -> onnx.ModelProto:
    return files.model([files.node("Relu", ["x"], ["y"])], {"x": shape}, ["y"], types={"x": data_type})


@pytest.mark.parametrize("batch", ["N", None])
def test_an_open_batch_becomes_1(batch: str | None, tmp_path: Path) -> None:
    model = _with_input(1, 3, 4)
    dim = model.graph.input[0].type.tensor_type.shape.dim[0]
    dim.Clear()
    if batch:
        dim.dim_param = batch
    graph = read(model, tmp_path)
    assert graph.inputs[0].shape == (1, 3, 4)
    assert graph.notes == ["the open batch of the input x is taken as 1"]


def test_other_open_sizes_are_named(tmp_path: Path) -> None:
    error = refused(_with_input("N", 3, "width"), tmp_path, r"axis 2 \('width'\) of the input x")
    assert "--input_name x" in error.fix


@pytest.mark.parametrize("size", [0, -1, 2**50])
def test_sizes_that_are_none(size: int, tmp_path: Path) -> None:
    refused(_with_input(1, size), tmp_path, f"{size} elements")


def test_an_input_without_shape(tmp_path: Path) -> None:
    model = _with_input(1, 2)
    model.graph.input[0].type.tensor_type.ClearField("shape")
    refused(model, tmp_path, "no shape")


def test_64_bit_inputs(tmp_path: Path) -> None:
    error = refused(_with_input(1, 2, data_type=TensorProto.INT64), tmp_path, "int64")
    assert "int32" in error.fix


def test_inputs_that_are_no_tensors(tmp_path: Path) -> None:
    model = _with_input(1, 2)
    model.graph.input[0].type.sequence_type.elem_type.tensor_type.elem_type = 1
    refused(model, tmp_path, "input x is no tensor")


def test_shapes_that_do_not_fit(tmp_path: Path) -> None:
    nodes = [files.node("Add", ["x", "c"], ["a"]), files.node("MatMul", ["a", "m"], ["y"])]
    model = files.model(nodes, {"x": [1, 3]}, ["y"], {"c": _weights(4), "m": _weights(3, 3)})
    assert "node_a" in refused(model, tmp_path, "cannot be imported").at


# --- constants that grow

ENDLESS = {
    "fill": [files.node("ConstantOfShape", ["huge"], ["c"])],
    "expand": [files.node("Expand", ["one", "huge"], ["c"])],
    "tile": [files.node("Tile", ["pair", "huge"], ["c"])],
    "range": [files.node("Range", ["r0", "r1", "r2"], ["c"])],
    "doubling": [
        *(files.node("Concat", [f"d{i}", f"d{i}"], [f"d{i + 1}"], axis=0) for i in range(60)),
        files.node("Identity", ["d60"], ["c"]),
    ],
    "pad": [files.node("Pad", ["pair", "pads"], ["c"])],
}


@pytest.mark.parametrize("nodes", ENDLESS.values(), ids=ENDLESS)
def test_constants_that_would_fill_the_memory(nodes: list[onnx.NodeProto], tmp_path: Path) -> None:
    constants = {
        "huge": np.array([2**40, 2**20], np.int64), "one": np.float32(1), "pair": np.ones((1, 2), np.float32),
        "d0": np.ones(2, np.float32), "r0": np.float32(0), "r1": np.float32(1e30), "r2": np.float32(1),
        "pads": np.array([0, 0, 2**40, 2**40], np.int64),
    }  # fmt: skip
    model = files.model([*nodes, files.node("Add", ["x", "c"], ["y"])], {"x": [1, 2]}, ["y"], constants)
    started = time.monotonic()
    refused(model, tmp_path, "cannot be imported")
    assert time.monotonic() - started < 5


GROWING = {
    "expand": files.node("Expand", ["x", "expanded"], ["y"]),
    "overflow": files.node("Expand", ["x", "overflowing"], ["y"]),
    "tile": files.node("Tile", ["x", "expanded"], ["y"]),
    "pad": files.node("Pad", ["x", "pads"], ["y"]),
    "resize": files.node("Resize", ["x", "", "scales"], ["y"], mode="nearest"),
    "pool": files.node("MaxPool", ["x"], ["y"], kernel_shape=[1, 1], pads=[2**40] * 4),
    "window": files.node("MaxPool", ["x"], ["y"], kernel_shape=[2**31, 3], auto_pad="SAME_UPPER"),
    "transposed": files.node("ConvTranspose", ["x", "w"], ["y"], strides=[2**30, 2**30]),
    "lstm": files.node("LSTM", ["sequence", "w", "w"], ["y"], hidden_size=2**40),
}


@pytest.mark.parametrize("node", GROWING.values(), ids=GROWING)
def test_activations_that_would_fill_the_memory(node: onnx.NodeProto, tmp_path: Path) -> None:
    constants = {
        "expanded": np.array([1, 1, 2**20, 2**20]),
        "overflowing": np.array([1, 1, 2**62, 4]),
        "pads": np.array([0, 0, 0, 0, 0, 0, 2**40, 2**40]),
        "scales": np.array([1, 1, 60000, 60000], np.float32),
        "w": np.ones((1, 1, 3, 3), np.float32),
    }
    shapes = {"x": [1, 1, 8, 8]} if "x" in node.input else {"sequence": [2, 1, 3]}
    if node.op_type == "Expand":
        shapes = {"x": [1, 1, 1, 1]}
    if node.op_type == "LSTM":
        constants["w"] = np.ones((1, 4, 3), np.float32)
    started = time.monotonic()
    refused(files.model([node], shapes, ["y"], constants), tmp_path, "cannot be imported")
    assert time.monotonic() - started < 5


def test_sequences_are_unrolled_only_so_far(tmp_path: Path) -> None:
    constants = {"w": _weights(1, 20, 3), "r": _weights(1, 20, 5)}
    node = files.node("LSTM", ["x", "w", "r"], ["y"], hidden_size=5)
    refused(files.model([node], {"x": [100_000, 1, 3]}, ["y"], constants), tmp_path, "steps")


# --- operators


def test_everything_unsupported_is_listed_at_once(tmp_path: Path) -> None:
    nodes = [
        files.node("TopK", ["x", "k"], ["v", "i"]),
        files.node("Relu", ["v"], ["r"]),
        files.node("Secret", ["r"], ["s"], domain="com.example"),
        files.node("NonMaxSuppression", ["s", "s"], ["y"]),
    ]
    model = files.model(nodes, {"x": [1, 4]}, ["y"], {"k": np.array([2])})
    error = refused(model, tmp_path, "3 nodes of the ONNX model cannot be imported")
    assert "TopK in node_v" in error.at
    assert "unknown domain com.example" in error.at
    assert "NonMaxSuppression in node_y" in error.at


def test_what_nobody_needs_is_not_looked_at(tmp_path: Path) -> None:
    nodes = [files.node("TopK", ["x", "k"], ["v", "i"]), files.node("Relu", ["x"], ["y"])]
    model = files.model(nodes, {"x": [1, 4]}, ["y"], {"k": np.array([2])})
    assert len(read(model, tmp_path).layers) == 1


@pytest.mark.parametrize("op", ["If", "Loop", "Scan"])
def test_graphs_in_graphs(op: str, tmp_path: Path) -> None:
    inner = helper.make_graph([helper.make_node("Relu", ["x"], ["z"])], "inner", [], [])
    names = {"If": ("then_branch", "else_branch"), "Loop": ("body",), "Scan": ("body",)}[op]
    model = files.model([files.node(op, ["x"], ["y"], **dict.fromkeys(names, inner))], {"x": [1, 4]}, ["y"])
    assert f"{op} in node_y" in refused(model, tmp_path, "cannot be imported").at


@pytest.mark.parametrize("op", ["DynamicQuantizeLinear", "MatMulInteger", "ConvInteger"])
def test_dynamic_quantization(op: str, tmp_path: Path) -> None:
    model = files.model([files.node(op, ["x"], ["y"])], {"x": [1, 4]}, ["y"])
    assert "quantize_static" in refused(_made_valid(model, op), tmp_path, "cannot be imported").at


def _made_valid(model: onnx.ModelProto, op: str) -> onnx.ModelProto:
    node = model.graph.node[0]
    if op == "DynamicQuantizeLinear":
        node.output.extend(["scale", "zero_point"])
    else:
        node.input.append("x")
    return model


def test_missing_attributes_are_the_checkers_to_find(tmp_path: Path) -> None:
    model = files.model([files.node("DepthToSpace", ["x"], ["y"])], {"x": [1, 4, 2, 2]}, ["y"])
    refused(model, tmp_path, "ONNX checker says: .*blocksize")


def test_tensors_out_of_order_and_made_twice(tmp_path: Path) -> None:
    early = files.model(
        [files.node("Relu", ["z"], ["y"]), files.node("Relu", ["x"], ["z"])], {"x": [1, 4]}, ["y"]
    )
    refused(early, tmp_path, "topologically sorted|nothing before it makes")
    twice = files.model(
        [files.node("Relu", ["x"], ["y"]), files.node("Abs", ["x"], ["y"])], {"x": [1, 4]}, ["y"]
    )
    refused(twice, tmp_path, "two nodes make the tensor y")


# --- versions and functions


def test_newer_than_the_package(tmp_path: Path) -> None:
    newest = onnx.defs.onnx_opset_version()
    model = _conv_model()
    model.opset_import[0].version = newest + 1
    assert "upgrade" in refused(model, tmp_path, f"opset {newest + 1}").fix
    model.opset_import[0].version = newest
    assert read(model, tmp_path).layers


def test_no_version(tmp_path: Path) -> None:
    model = _conv_model()
    del model.opset_import[:]
    refused(model, tmp_path, "which opset")


def test_old_models_are_converted(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason='pip install "edge-toolkit[onnx]"')
    nodes = [
        files.node("Unsqueeze", ["x"], ["u"], axes=[0]),
        files.node("Upsample", ["u", "scales"], ["up"], mode="nearest"),
        files.node("Softmax", ["up"], ["y"], axis=1),
    ]
    constants = {"scales": np.array([1, 1, 2, 2], np.float32)}
    model = files.model(nodes, {"x": [2, 3, 4]}, ["y"], constants, opset=9)
    x = _weights(2, 3, 4)
    graph = read(model, tmp_path)
    wanted = files.run_original(tmp_path / "model.onnx", {"x": x})
    np.testing.assert_allclose(files.run_program(graph.program(), [x])[0], wanted[0], rtol=1e-5, atol=1e-6)


def test_old_models_that_cannot_be_converted(tmp_path: Path) -> None:
    nodes = [files.node("Scan", ["x"], ["y"])]
    error = refused(files.model(nodes, {"x": [1, 4]}, ["y"], opset=7), tmp_path, "cannot be converted")
    assert "opset 13" in error.fix


def _with_function(*calls: str) -> onnx.ModelProto:
    body = [helper.make_node(op, ["a"], ["b"], domain="mine" if op == "Twice" else "") for op in calls]
    imports = [helper.make_opsetid("", files.OPSET), helper.make_opsetid("mine", 1)]
    function = helper.make_function("mine", "Twice", ["a"], ["b"], body, imports)
    model = files.model([files.node("Twice", ["x"], ["y"], domain="mine")], {"x": [1, 4]}, ["y"])
    model.opset_import.append(helper.make_opsetid("mine", 1))
    model.functions.append(function)
    return model


def test_functions_are_inlined(tmp_path: Path) -> None:
    assert len(read(_with_function("Relu"), tmp_path).layers) == 1


def test_functions_that_call_themselves(tmp_path: Path) -> None:
    refused(_with_function("Twice"), tmp_path, "functions cannot be inlined")


# --- anything


def _mutated(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        at, kind = rng.randrange(len(changed)), rng.random()
        if kind < 0.5:
            changed[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        elif kind < 0.7:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind < 0.85:
            del changed[at : at + rng.randrange(1, 9)]
        else:
            source = rng.randrange(len(changed))
            changed[at:at] = changed[source : source + rng.randrange(1, 60)]
    return bytes(changed)


@pytest.mark.parametrize("make", [_conv_model, _quantized_model, _shapes_model])
def test_damaged_models_are_read_or_refused(make: Callable[[], onnx.ModelProto], tmp_path: Path) -> None:
    data, rng = make().SerializeToString(), random.Random(7)
    assert read(data, tmp_path).layers
    kept = 0
    started = time.monotonic()
    for _ in range(1000):
        with contextlib.suppress(ToolkitError):
            kept += bool(read(_mutated(data, rng), tmp_path))
    assert kept > 10  # damage to weights and names is no error
    assert time.monotonic() - started < 60


ODD = [0, 1, -1, 2, 3, -2, 7, -100, 2**31 - 1, 2**31, -(2**31), 2**62, -(2**63), 65536]


def _recurrent_model() -> onnx.ModelProto:
    nodes = [
        files.node("LSTM", ["x", "w", "r"], ["s"], hidden_size=2),
        files.node("Slice", ["s", "start", "end"], ["t"]),
        files.node("Pad", ["t", "pads"], ["p"], mode="edge"),
        files.node("Resize", ["p", "", "scales"], ["z"], mode="linear"),
        files.node("Split", ["z", "parts"], ["y", "v"], axis=3),
    ]
    constants = {
        "w": _weights(1, 8, 2), "r": _weights(1, 8, 2), "start": np.array([0]), "end": np.array([2]),
        "pads": np.array([0, 0, 1, 0, 0, 0, 0, 1]), "scales": np.array([1, 1, 2, 2], np.float32),
        "parts": np.array([2, 4]),
    }  # fmt: skip
    return files.model(nodes, {"x": [3, 1, 2]}, ["y", "v"], constants)


def _change_field(model: onnx.ModelProto, rng: random.Random) -> None:
    """Change an attribute, a constant, a connection or a shape."""
    graph, kind = model.graph, rng.random()
    node = rng.choice(graph.node)
    if kind < 0.3 and node.attribute:
        attribute = rng.choice(node.attribute)
        attribute.i = rng.choice(ODD)
        attribute.f = rng.choice([0.0, -1.0, float("nan"), float("inf"), 1e38])
        if attribute.ints:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(ODD)
    elif kind < 0.6:
        tensor = rng.choice(graph.initializer)
        data = numpy_helper.to_array(tensor).copy()
        with np.errstate(all="ignore"):
            data.reshape(-1)[rng.randrange(data.size)] = np.array(rng.choice(ODD)).astype(data.dtype)
        data = rng.choice(
            [data, data, data.reshape(-1), data[None], data.astype(np.int64), data.astype(np.float32)]
        )
        tensor.CopyFrom(numpy_helper.from_array(data, tensor.name))
    elif kind < 0.85:
        names = [name for each in graph.node for name in (*each.input, *each.output)]
        node.input[rng.randrange(len(node.input))] = rng.choice(["", *names])
    else:
        dims = graph.input[0].type.tensor_type.shape.dim
        if rng.random() < 0.7:
            rng.choice(dims).dim_value = rng.choice([1, 2, 5, 100, 2**20, 2**28])
        else:
            del dims[0]


@pytest.mark.parametrize("make", [_conv_model, _quantized_model, _shapes_model, _recurrent_model])
def test_models_with_wrong_fields_are_read_or_refused(
    make: Callable[[], onnx.ModelProto], tmp_path: Path
) -> None:
    rng, kept = random.Random(3), 0
    assert read(make(), tmp_path).layers
    started = time.monotonic()
    for _ in range(300):
        model = make()
        for _ in range(rng.choice([1, 1, 2])):
            _change_field(model, rng)
        with contextlib.suppress(ToolkitError):
            kept += bool(read(model, tmp_path))
    assert 5 < kept < 300
    assert time.monotonic() - started < 120
