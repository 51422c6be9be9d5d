"""Whatever bytes a ``.tflite`` file has, reading it ends soon: in a program, or in an error that says what is wrong."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ops.litert_builder import options, schema
from tests.program import tflite_files as files
from tests.program.tflite_files import Node, constant, int8
from toolkit.errors import ToolkitError
from toolkit.lower.ir import Value
from toolkit.lower.passes import lower
from toolkit.program import tflite

SPECIAL = [
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    0xFFFFFFFE,
    0x7F800000,
]
LONGEST_S = 10.0  # for one file, on a busy machine


def _conv_options(kind: str, stride: int, **fields: int) -> Any:
    return options(
        kind,
        padding=schema.Padding.SAME,
        strideH=stride,
        strideW=stride,
        dilationHFactor=1,
        dilationWFactor=1,
        **fields,
    )


def network() -> bytes:
    """Return a file with convolutions, a pool, a reshape, a dense layer and a softmax."""
    rng = np.random.default_rng(0)
    x, a, b = int8("x", (1, 8, 8, 3)), int8("a", (1, 8, 8, 6)), int8("b", (1, 4, 4, 6))
    c, d, e, f = (
        int8("c", (1, 1, 1, 6)),
        int8("d", (1, 6)),
        int8("e", (1, 4), 0.2),
        int8("f", (1, 4), 1 / 256, -128),
    )
    scales = rng.uniform(0.001, 0.02, (2, 6))
    kernel, filters = (
        rng.integers(-127, 128, shape).astype(np.int8) for shape in ((6, 3, 3, 3), (1, 3, 3, 6))
    )
    w1 = files.per_channel_weight("w1", kernel, scales[0], 0)
    w2 = files.per_channel_weight("w2", filters, scales[1], 3)
    w3 = constant("w3", rng.integers(-127, 128, (4, 6)).astype(np.int8), 0.01)
    biases = [
        files.bias("b1", rng.integers(-99, 99, 6), x, w1),
        files.bias("b2", rng.integers(-99, 99, 6), a, w2),
        files.bias("b3", rng.integers(-99, 99, 4), d, w3),
    ]
    pool = options("Pool2D", padding=1, filterHeight=4, filterWidth=4, strideH=4, strideW=4)
    depthwise = _conv_options("DepthwiseConv2D", 2, depthMultiplier=1)
    shape = constant("shape", np.array([1, 6], np.int32))
    nodes = [
        Node("CONV_2D", [x, w1, biases[0]], [a], _conv_options("Conv2D", 1, fusedActivationFunction=1), 3),
        Node("DEPTHWISE_CONV_2D", [a, w2, biases[1]], [b], depthwise, 3),
        Node("AVERAGE_POOL_2D", [b], [c], pool, 2),
        Node("RESHAPE", [c, shape], [d], options("Reshape", newShape=[1, 6])),
        Node("FULLY_CONNECTED", [d, w3, biases[2]], [e], options("FullyConnected"), 4),
        Node("SOFTMAX", [e], [f], options("Softmax", beta=1.0), 2),
    ]
    return files.write(nodes, [x], [f])


NETWORK = network()


def read(data: bytes, folder: Path, compile_it: bool = False) -> str:
    """Return "" for a file that can be read (and compiled), else the error's text."""
    path = folder / "hostile.tflite"
    path.write_bytes(data)
    started = time.monotonic()
    try:
        graph = tflite.read(path)
        if compile_it:
            lower(graph.program())
    except ToolkitError as error:
        return str(error) if error.what and error.at else "an error that names nothing"
    finally:
        assert time.monotonic() - started < LONGEST_S
    return ""


@pytest.fixture(scope="module")
def _imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import all that reading and compiling need, which on a busy machine takes longer than any file may."""
    path = tmp_path_factory.mktemp("first") / "fine.tflite"
    path.write_bytes(NETWORK)
    lower(tflite.read(path).program())


@pytest.fixture(autouse=True)
def _little_memory(_imported: None) -> object:
    """Let no read allocate what a lying size asks for."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    used = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_DATA, (used + 2**30, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_DATA, before)


def test_the_network_itself_is_fine(tmp_path: Path) -> None:
    assert read(NETWORK, tmp_path, compile_it=True) == ""


@pytest.mark.parametrize("seed", range(6))
def test_changed_bytes(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    errors = 0
    for i in range(100):
        data = bytearray(NETWORK)
        for _ in range(rng.integers(1, 6)):
            at = int(rng.integers(0, len(data) - 4))
            if rng.random() < 0.5:
                data[at] = int(rng.integers(0, 256))
            else:  # an offset, a length or an index of another size
                at = at // 4 * 4
                value = int(rng.choice([*SPECIAL, len(data), len(data) // 4, int(rng.integers(0, 2**16))]))
                data[at : at + 4] = value.to_bytes(4, "little")
        errors += read(bytes(data), tmp_path, compile_it=i % 25 == 0) != ""
    assert errors > 10  # it was hostile enough


def test_every_truncation(tmp_path: Path) -> None:
    for end in [*range(40), *range(40, len(NETWORK), 61), len(NETWORK) - 1]:
        assert read(NETWORK[:end], tmp_path) != ""


def test_every_word_as_the_largest_number(tmp_path: Path) -> None:
    for at in range(0, min(len(NETWORK) - 4, 2400), 4):
        for value in (0x7FFFFFFF, 0xFFFFFFFF):
            read(NETWORK[:at] + value.to_bytes(4, "little") + NETWORK[at + 4 :], tmp_path)


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_behind_the_mark(tmp_path: Path, tail: bytes) -> None:
    assert read((16).to_bytes(4, "little") + b"TFL3" + tail, tmp_path) != ""


CHANGES = ("shape", "type", "buffer", "scale", "zero", "axis", "inputs", "outputs", "code", "options", "ends")
SHAPES = st.lists(st.sampled_from([-1, 0, 1, 2, 3, 8, 6, 4, 2**15, 2**31 - 1]), max_size=9)
NUMBERS = st.sampled_from([0.0, -1.0, 1e-30, 1e30, float("nan"), float("inf"), 0.05, 1 / 256])


@given(st.data())
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_structure_that_lies(tmp_path: Path, data: st.DataObject) -> None:
    """Change fields of the file instead of bytes: shapes, types, indices, scales, options."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(NETWORK, 0))
    graph = model.subgraphs[0]
    for _ in range(data.draw(st.integers(1, 3))):
        tensor = data.draw(st.sampled_from(graph.tensors))
        operator = data.draw(st.sampled_from(graph.operators))
        index = st.sampled_from([-2, -1, 0, 1, len(graph.tensors) - 1, len(graph.tensors), 2**31 - 1])
        change = data.draw(st.sampled_from(CHANGES))
        if change == "shape":
            tensor.shape = data.draw(SHAPES)
        elif change == "type":
            tensor.type = data.draw(st.integers(0, 20))
        elif change == "buffer":
            tensor.buffer = data.draw(st.sampled_from([0, 1, len(model.buffers), 2**32 - 1]))
        elif change == "scale" and tensor.quantization is not None:
            tensor.quantization.scale = data.draw(st.lists(NUMBERS, max_size=7))
        elif change == "zero" and tensor.quantization is not None:
            tensor.quantization.zeroPoint = data.draw(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=7))
        elif change == "axis" and tensor.quantization is not None:
            tensor.quantization.quantizedDimension = data.draw(st.integers(-2, 5))
        elif change == "inputs":
            operator.inputs = data.draw(st.lists(index, max_size=4))
        elif change == "outputs":
            operator.outputs = data.draw(st.lists(index, max_size=3))
        elif change == "code":
            model.operatorCodes[0].builtinCode = data.draw(st.integers(-2, 250))
        elif change == "ends":
            graph.inputs, graph.outputs = (data.draw(st.lists(index, max_size=2)) for _ in range(2))
        elif operator.builtinOptions is not None:
            name = data.draw(st.sampled_from(sorted(vars(operator.builtinOptions))))
            old = getattr(operator.builtinOptions, name)
            if isinstance(old, bool):
                setattr(operator.builtinOptions, name, not old)
            elif isinstance(old, (int, float)):
                setattr(operator.builtinOptions, name, data.draw(st.sampled_from([-1, 0, 1, 2, 100])))
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    read(bytes(builder.Output()), tmp_path)


def _dense(x: Value, y: Value) -> bytes:
    weight = constant("w", np.ones((4, 6), np.int8), 0.01)
    return files.one("FULLY_CONNECTED", [x, weight, None], y, options("FullyConnected"), 4)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no .tflite file"),
        (b"PK\x03\x04" + bytes(40), "no .tflite file"),
        (files.write([], [], []), "no outputs"),
        (_dense(Value("x", (1, 6)), Value("y", (1, 4))), "dynamic range"),
        (_dense(Value("x", (1, 6), "int8"), int8("y", (1, 4))), "no scale"),
        (_dense(Value("x", (1, 6), "int16", int8("q", ()).quant), int8("y", (1, 4))), "int16 and has a zero point"),
        (_dense(Value("x", (1, 6), "int16", int8("q", (), 0.05, 0).quant), int8("y", (1, 4))), "dynamic range"),
        (files.one("LEAKY_RELU", [Value("x", (1, 6), "int16", int8("q", (), 0.05, 0).quant)],
                   Value("y", (1, 6), "int16", int8("q", (), 0.05, 0).quant), options("LeakyRelu", alpha=0.1)),
         "int16 activations"),
        (_dense(Value("x", (1, 6), "uint8", int8("q", ()).quant), int8("y", (1, 4))), "uint8"),
        (_dense(int8("x", (1, 7)), int8("y", (1, 4))), "do not fit together"),
        (_dense(int8("x", (1, 6)), int8("y", (1, 5))), "do not fit together"),
        (files.one("RELU", [int8("x", (1, 6))], int8("y", (1, 5))), "but tensor 1 (y) is int8[1, 5]"),
        (_dense(int8("x", (1, 6), float("inf")), int8("y", (1, 4))), "not a positive number"),
        (_dense(int8("x", (1, 6), 0.05, 999), int8("y", (1, 4))), "zero points"),
        (files.one("RESHAPE", [int8("x", (1, 6))], int8("y", (1, 6), 0.07)), "different scales"),
        (files.one("AVERAGE_POOL_2D", [Value("x", (1, 4, 4, 6), "int32", int8("x", ()).quant)], int8("y", (1, 1, 1, 6)),
                   options("Pool2D", padding=1, filterHeight=4, filterWidth=4, strideH=4, strideW=4), 2),
         "do not fit together: Expecting input to have dtype torch.float32"),
        (files.one("WHERE", [int8("x", (1, 6))], int8("y", (1, 6))), "WHERE (where_0, which makes tensor 1 (y))"),
        (files.one("SOFTMAX", [int8("x", (1, 6))], int8("y", (1, 6), 1 / 256, -128), options("Softmax", beta=2.0)),
         "beta 2.0"),
        (files.one("ARG_MAX", [int8("x", (2, 6)), constant("a", np.array([1], np.int32))], Value("y", (2,), "int64"),
                   options("ArgMax", outputType=4)), "int64 indices"),
        (files.write([Node("RELU", [int8("x", (3, 6))], [y := int8("y", (3, 6))])], [], [y]), "nothing has written"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(data: bytes, says: str, tmp_path: Path) -> None:
    assert says in read(data, tmp_path)


def test_all_unsupported_operators_are_listed_at_once(tmp_path: Path) -> None:
    x, a, b = (int8(n, (1, 6)) for n in "xab")
    text = read(files.write([Node("WHERE", [x], [a]), Node("CUMSUM", [a], [b])], [x], [b]), tmp_path)
    assert "2 operators" in text
    assert "WHERE (where_0" in text
    assert "CUMSUM (cumsum_1" in text
    assert "docs/sources.md" in text


def test_an_open_size_other_than_the_batch(tmp_path: Path) -> None:
    x, y = int8("x", (1, 1, 6)), int8("y", (1, 1, 6))
    nodes = [Node("RELU", [x], [y])]
    open_batch = files.write(nodes, [x], [y], files.Tweaks(open_sizes={"x": [-1, 1, 6]}))
    assert read(open_batch, tmp_path, compile_it=True) == ""
    open_length = files.write(nodes, [x], [y], files.Tweaks(open_sizes={"x": [-1, -1, 6]}))
    assert "fixed input shape" in read(open_length, tmp_path)


def test_a_few_bytes_that_describe_a_monster(tmp_path: Path) -> None:
    huge, many = int8("x", (1, 2**25)), [int8(f"y{i}", (1, 1)) for i in range(300)]
    assert "smaller input" in read(files.one("RELU", [huge], int8("y", (1, 2**25))), tmp_path)
    unpacked = files.one("UNPACK", [int8("x", (300, 1, 1))], many, options("Unpack", axis=0, num=300))
    assert "300 outputs" in read(unpacked, tmp_path)
    x, y = int8("x", (1, 4000, 4000, 1)), int8("y", (1, 3001, 3001, 1))
    weight = files.per_channel_weight("w", np.ones((1, 1000, 1000, 1), np.int8), np.ones(1), 0)
    table = _conv_options("Conv2D", 1)
    table.padding = schema.Padding.VALID
    data = files.one("CONV_2D", [x, weight], y, table, 3)
    assert "its windows hold" in read(data, tmp_path)


def test_two_graphs(tmp_path: Path) -> None:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(NETWORK, 0))
    model.subgraphs = model.subgraphs * 2
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    assert "2 graphs" in read(bytes(builder.Output()), tmp_path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match="cannot be read"):
        tflite.read(tmp_path / "absent.tflite")
