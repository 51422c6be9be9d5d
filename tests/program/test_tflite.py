"""Whole ``.tflite`` files: the two of MLPerf Tiny, to the bit; names, batches, constants, floats."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")

from tests.ops.litert_builder import options
from tests.program import tflite_files as files
from tests.program.tflite_files import Node, Tweaks, constant, int8
from toolkit.errors import MISSING, ToolkitError
from toolkit.lower.ir import Value
from toolkit.lower.passes import lower
from toolkit.program import source, tflite

MODELS = ("ad01_int8", "kws_ref_model")
TFLM_OUTPUTS = Path(__file__).with_name("tflm_outputs.npz")  # by TensorFlow Lite Micro 0.dev20261023182759


def mlperf(name: str) -> Path:
    """Return a file of MLPerf Tiny, or skip."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("TOOLKIT_DATA") or beside).parent / "models" / "mlperf_tiny"
    if not (folder / f"{name}.tflite").is_file():
        pytest.skip(f"no {name}.tflite in {folder}: it lies beside the data that TOOLKIT_DATA names")
    return folder / f"{name}.tflite"


@pytest.mark.parametrize("name", MODELS)
def test_mlperf_models_equal_litert(name: str, tmp_path: Path) -> None:
    path = mlperf(name)
    steps, interpreter = (
        lower(tflite.read(path).program(), rounding="litert"),
        files.LiteRT(path.read_bytes()),
    )
    assert not any(step.op in ("quantize", "dequantize", "permute", "relu") for step in steps.steps)
    for x in files.mlperf_inputs(steps.inputs[0].shape, 1000):
        np.testing.assert_array_equal(files.ours(steps, [x])[0], interpreter([x])[0])


@pytest.mark.parametrize("name", MODELS)
def test_mlperf_models_rounded_twice_equal_tflm(name: str) -> None:
    steps = lower(tflite.read(mlperf(name)).program(), rounding="double")
    expected = np.load(TFLM_OUTPUTS)[name]
    for x, want in zip(files.mlperf_inputs(steps.inputs[0].shape, len(expected)), expected, strict=True):
        np.testing.assert_array_equal(files.ours(steps, [x])[0].ravel(), want)


def test_names_are_the_signatures(tmp_path: Path) -> None:
    x, y = int8("serving_default_x:0", (1, 6)), int8("StatefulPartitionedCall:0", (1, 6))
    data = files.write(
        [Node("RELU", [x], [y])], [x], [y], Tweaks(signature={"image": x.name, "label": y.name})
    )
    (tmp_path / "m.tflite").write_bytes(data)
    graph = tflite.read(tmp_path / "m.tflite")
    assert ([t.name for t in graph.inputs], graph.outputs) == (["image"], ["label"])
    assert [layer.name for layer in graph.layers] == ["relu_0"]


def test_a_shape_computed_in_the_file_costs_nothing(tmp_path: Path) -> None:
    """What a converter writes for a reshape of an open batch: its operators feed nothing that is computed."""
    x, y = int8("x", (1, 2, 3)), int8("y", (1, 6))
    sizes, batch = Value("sizes", (3,), "int32"), Value("batch", (), "int32")
    shape, six = Value("shape", (2,), "int32"), constant("six", np.array(6, np.int32))
    zero, one = (constant(f"c{n}", np.array([n], np.int32)) for n in (0, 1))
    nodes = [
        Node("SHAPE", [x], [sizes], options("Shape", outType=2)),
        Node("STRIDED_SLICE", [sizes, zero, one, one], [batch], options("StridedSlice", shrinkAxisMask=1)),
        Node("PACK", [batch, six], [shape], options("Pack", axis=0, valuesCount=2)),
        Node("RESHAPE", [x, shape], [y], options("Reshape", newShape=None)),
    ]
    steps = files.assert_equal_to_litert(files.write(nodes, [x], [y]), tmp_path, files.samples([x], 3))
    assert [step.op for step in steps.steps] == ["reshape"]


def test_an_int32_bias_is_kept_as_it_is(tmp_path: Path) -> None:
    x, y = int8("x", (1, 6)), int8("y", (1, 4))
    weight = constant("w", np.ones((4, 6), np.int8), 0.01)
    numbers = np.array([2**24 + 1, -(2**30) - 7, 1, -1], np.int32)  # not all of them are float32 numbers
    data = files.one(
        "FULLY_CONNECTED", [x, weight, files.bias("b", numbers, x, weight)], y, options("FullyConnected"), 4
    )
    (step,) = files.lowered(data, tmp_path).steps
    kept = step.inputs[2].data
    assert kept is not None
    np.testing.assert_array_equal(kept, numbers)


def float_network() -> tuple[bytes, Value]:
    """Return a float file with a float16 weight, and its input."""
    rng = np.random.default_rng(1)
    x, a, b, c = (
        Value(n, s) for n, s in zip("xabc", [(1, 8, 6, 3), (1, 4, 3, 5), (1, 60), (1, 4)], strict=True)
    )
    kernel = Value("k", (5, 3, 3, 3), "float16", data=rng.normal(0, 0.3, (5, 3, 3, 3)).astype(np.float16))
    wide = Value("wide", kernel.shape)
    weight = Value("w", (4, 60), data=rng.normal(0, 0.3, (4, 60)).astype(np.float32))
    biases = [Value(f"b{n}", (n,), data=rng.normal(0, 0.3, n).astype(np.float32)) for n in (5, 4)]
    conv = options(
        "Conv2D",
        padding=0,
        strideH=2,
        strideW=2,
        dilationHFactor=1,
        dilationWFactor=1,
        fusedActivationFunction=1,
    )
    nodes = [
        Node("DEQUANTIZE", [kernel], [wide], options("Dequantize"), 3),
        Node("CONV_2D", [x, wide, biases[0]], [a], conv),
        Node("RESHAPE", [a], [b], options("Reshape", newShape=[1, 60])),
        Node("FULLY_CONNECTED", [b, weight, biases[1]], [c], options("FullyConnected")),
    ]  # fmt: skip
    return files.write(nodes, [x], [c]), x


def test_a_float_file_in_float(tmp_path: Path) -> None:
    data, x = float_network()
    files.assert_equal_to_litert(data, tmp_path, files.samples([x], 4))


def test_a_float_file_quantized_with_samples_of_its_own_layout(tmp_path: Path) -> None:
    data, _ = float_network()
    path = tmp_path / "float.tflite"
    path.write_bytes(data)
    samples = np.random.default_rng(0).normal(0, 1, (64, 8, 6, 3)).astype(np.float32)
    loaded = source.load(path, calibration=samples)
    assert (loaded.rounding, loaded.quantized_here, loaded.inputs, loaded.outputs) == (
        "single",
        True,
        ["x"],
        ["c"],
    )
    steps = lower(loaded.program)
    assert {v.dtype for step in steps.steps for v in (*step.activations, step.output)} == {"int8"}
    interpreter, quant = files.LiteRT(data), steps.outputs[0].quant
    assert quant is not None
    for x in samples[:8, None]:
        real = (files.ours(steps, [x])[0].astype(float) - quant.zero_point[0]) * quant.scale[0]
        assert np.abs(real - interpreter([x])[0]).max() < 0.15


def test_a_float_file_without_samples(tmp_path: Path) -> None:
    (tmp_path / "float.tflite").write_bytes(float_network()[0])
    with pytest.raises(ToolkitError, match="no data to quantize") as error:
        source.load(tmp_path / "float.tflite")
    assert "--calibration" in error.value.fix
    assert source.load(tmp_path / "float.tflite", keep_float=True).kind == "tflite"


def test_samples_for_a_file_that_is_quantized(tmp_path: Path) -> None:
    (tmp_path / "int8.tflite").write_bytes(files.one("RELU", [int8("x", (1, 6))], int8("y", (1, 6))))
    with pytest.raises(ToolkitError, match="quantized already"):
        source.load(tmp_path / "int8.tflite", calibration=np.zeros((4, 6), np.float32))


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ai_edge_litert.schema_py_generated", None)
    with pytest.raises(ToolkitError) as error:
        tflite.read(tmp_path / "m.tflite")
    assert error.value.exit_code == MISSING
    assert 'pip install "edge-toolkit[litert]"' in error.value.fix


def test_a_float_lstm(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    units, depth, time = 4, 3, 5
    x, y = Value("x", (1, time, depth)), Value("y", (1, time, units))

    def floats(name: str, *shape: int) -> Value:
        return Value(name, shape, data=rng.normal(0, 0.5, shape).astype(np.float32))

    of_input = [floats(f"i{n}", units, depth) for n in range(4)]
    of_state = [floats(f"r{n}", units, units) for n in range(4)]
    biases = [floats(f"b{n}", units) for n in range(4)]
    state, cell = Value("state", (1, units)), Value("cell", (1, units))
    inputs = [x, *of_input, *of_state, None, None, None, *biases, None, None, state, cell, *[None] * 4]
    table = options("UnidirectionalSequenceLSTM", fusedActivationFunction=4, timeMajor=False)
    data = files.write(
        [Node("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [y], table)],
        [x],
        [y],
        Tweaks(variables={"state", "cell"}),
    )
    files.assert_equal_to_litert(data, tmp_path, files.samples([x], 4))
