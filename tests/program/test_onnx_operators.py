"""Every float operator that is read computes what ONNX Runtime computes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason='pip install "edge-toolkit[onnx]"')

from tests.program import onnx_files as files
from toolkit.program import onnx as reader

X4 = (1, 4, 7, 6)
INT64 = np.int64


@dataclass(frozen=True)
class Case:
    """One operator: the shape of its run-time input ``x``, its other inputs, its attributes."""

    op: str
    shape: tuple[int, ...] = X4
    constants: dict[str, np.ndarray | None] = field(default_factory=dict)  # in order; None: left out
    attributes: dict[str, Any] = field(default_factory=dict)
    label: str = ""
    opset: int = files.OPSET
    outputs: int = 1
    positive: bool = False
    second: tuple[int, ...] | None = None  # another run-time input, behind x
    x_at: int = 0

    @property
    def id(self) -> str:
        return f"{self.op}-{self.label}" if self.label else self.op


def _normal(*shape: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _above_0(*shape: int) -> np.ndarray:
    return np.abs(_normal(*shape)) + np.float32(0.5)


def _ints(*values: int) -> np.ndarray:
    return np.array(values, INT64)


def _f32(value: float) -> np.ndarray:
    return np.float32(value)


def _conv(label: str, weight: tuple[int, ...], shape: tuple[int, ...] = X4, bias: bool = True, op: str = "Conv",
          out: int | None = None, **attributes: Any) -> Case:  # fmt: skip
    constants: dict[str, np.ndarray | None] = {"w": _normal(*weight)}
    if bias:
        constants["b"] = _normal(out if out is not None else weight[0])
    return Case(op, shape, constants, attributes, label)


def _resize(label: str, scales: tuple[float, ...] | None, sizes: tuple[int, ...] | None = None,
            shape: tuple[int, ...] = X4, **attributes: Any) -> Case:  # fmt: skip
    constants: dict[str, np.ndarray | None] = {"roi": None}
    constants["scales"] = np.array(scales, np.float32) if scales else None
    if sizes:
        constants["sizes"] = _ints(*sizes)
    return Case("Resize", shape, constants, attributes, label)


def _recurrent(op: str, label: str = "", directions: int = 1, **attributes: Any) -> Case:
    gates, hidden, inputs = {"LSTM": 4, "GRU": 3, "RNN": 1}[op], 5, 3
    constants = {
        "w": _normal(directions, gates * hidden, inputs, seed=1) * np.float32(0.5),
        "r": _normal(directions, gates * hidden, hidden, seed=2) * np.float32(0.5),
        "b": _normal(directions, 2 * gates * hidden, seed=4),
    }
    outputs = 3 if op == "LSTM" else 2
    return Case(op, (6, 1, inputs), constants, {"hidden_size": hidden, **attributes}, label, outputs=outputs)


CASES = [
    _conv("pads", (8, 4, 3, 3), pads=[1, 1, 1, 1]),
    _conv("uneven", (8, 4, 3, 3), pads=[0, 1, 2, 0], strides=[2, 1]),
    _conv("groups", (8, 2, 3, 3), group=2, dilations=[2, 1], bias=False),
    _conv("depthwise", (8, 1, 3, 3), group=4),
    _conv("same-upper", (8, 4, 3, 2), auto_pad="SAME_UPPER", strides=[2, 2]),
    _conv("same-lower", (8, 4, 2, 3), auto_pad="SAME_LOWER", strides=[2, 2]),
    _conv("valid", (8, 4, 3, 3), auto_pad="VALID"),
    _conv("one-axis", (8, 4, 3), (1, 4, 10), dilations=[2], pads=[4, 0]),
    _conv("transposed", (4, 3, 3, 3), op="ConvTranspose", out=3, strides=[2, 2], pads=[1, 1, 1, 1],
          output_padding=[1, 1]),
    _conv("transposed-uneven", (4, 3, 2, 3), op="ConvTranspose", out=3, strides=[2, 1], pads=[0, 1, 1, 0]),
    _conv("transposed-same", (4, 3, 3, 3), op="ConvTranspose", out=3, strides=[2, 2], auto_pad="SAME_UPPER"),
    _conv("transposed-shape", (4, 3, 3, 3), op="ConvTranspose", out=3, strides=[2, 2], output_shape=[14, 12]),
    _conv("transposed-one-axis", (4, 2, 3), (1, 4, 6), op="ConvTranspose", out=4, group=2, strides=[2]),
    Case("Gemm", (1, 6), {"w": _normal(5, 6), "b": _normal(5)}, {"transB": 1, "alpha": 0.5, "beta": 2.0}),
    Case("Gemm", (1, 6), {"w": _normal(6, 5)}, label="no-bias"),
    Case("Gemm", (6, 1), {"w": _normal(6, 5), "b": _normal(1, 5)}, {"transA": 1}, "turned"),
    Case("MatMul", (1, 3, 6), {"w": _normal(6, 5)}),
    Case("MatMul", (1, 2, 3, 4), {}, {}, "two", second=(1, 2, 4, 5)),
    Case("Einsum", (1, 3, 4), {}, {"equation": "bij,bjk->bik"}, second=(1, 4, 2)),
    *(Case(op, second=(1, 4, 7, 6)) for op in ("Add", "Sub", "Mul", "Min", "Max", "Mean", "Sum")),
    *(Case(op, constants={"c": _above_0(4, 1, 1)}, label="constant") for op in ("Add", "Sub", "Mul", "Div", "Max")),
    *(Case(op, constants={"c": _f32(0.5)}, label="number") for op in ("Add", "Sub", "Mul", "Div", "Min", "Max")),
    Case("Div", constants={"c": _f32(1.5)}, label="number-first", x_at=1, positive=True),
    *(Case("Pow", constants={"c": _f32(e)}, label=str(e), positive=True) for e in (2.0, 0.5, 3.0, 1.7)),
    *(Case(op) for op in ("Abs", "Neg", "Exp", "Erf", "Sign", "Floor", "Ceil", "Round", "Sin", "Cos", "Atan")),
    *(Case(op, positive=True) for op in ("Sqrt", "Log", "Reciprocal")),
    *(Case(op) for op in ("Relu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "LeakyRelu", "Elu", "Selu", "Celu",
                          "Softplus", "Softsign", "Mish", "Gelu", "ThresholdedRelu")),
    Case("Gelu", attributes={"approximate": "tanh"}, label="tanh"),
    Case("Swish", opset=24),
    Case("HardSigmoid", attributes={"alpha": 1 / 6, "beta": 0.5}, label="sixth"),
    Case("Clip", constants={"low": _f32(0), "high": _f32(6)}, label="relu6"),
    Case("Clip", constants={"low": None, "high": _f32(0.5)}, label="above"),
    Case("PRelu", constants={"slope": _above_0(4, 1, 1)}),
    Case("PRelu", constants={"slope": _above_0(6)}, label="last-axis"),
    *(Case(op, attributes={"axis": axis}, label=str(axis)) for op in ("Softmax", "LogSoftmax") for axis in (1, -1)),
    Case("BatchNormalization", constants={n: _above_0(4) for n in ("g", "b", "m", "v")}),
    Case("BatchNormalization", (1, 4), {n: _above_0(4) for n in ("g", "b", "m", "v")}, label="flat"),
    Case("LayerNormalization", constants={"g": _normal(6), "b": _normal(6)}),
    Case("LayerNormalization", constants={"g": _normal(7, 6)}, attributes={"axis": 2, "epsilon": 0.01},
         label="two-axes"),
    Case("RMSNormalization", constants={"g": _normal(6)}, opset=23),
    Case("InstanceNormalization", constants={"g": _normal(4), "b": _normal(4)}),
    Case("GroupNormalization", constants={"g": _normal(4), "b": _normal(4)}, attributes={"num_groups": 2}),
    Case("MaxPool", attributes={"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    Case("MaxPool", attributes={"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}, label="ceil"),
    Case("MaxPool", attributes={"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}, label="same"),
    Case("MaxPool", attributes={"kernel_shape": [2, 2], "dilations": [2, 3]}, label="dilated"),
    Case("MaxPool", (1, 4, 9), attributes={"kernel_shape": [3], "strides": [2]}, label="one-axis"),
    Case("AveragePool", attributes={"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    Case("AveragePool", attributes={"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}, label="all"),
    Case("AveragePool", attributes={"kernel_shape": [2, 2], "pads": [0, 0, 1, 1], "strides": [2, 2]}, label="uneven"),
    Case("AveragePool", attributes={"kernel_shape": [2, 4], "strides": [2, 2], "ceil_mode": 1}, label="ceil"),
    Case("GlobalAveragePool"), Case("GlobalMaxPool"), Case("GlobalAveragePool", (1, 3, 8), label="one-axis"),
    *(Case(op, constants={"axes": _ints(-1, 1)}, attributes={"keepdims": 0}, label="input")
      for op in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare",
                 "ReduceLogSumExp")),
    Case("ReduceMean", attributes={"axes": [2, 3]}, label="attribute", opset=13),
    Case("ReduceSum", label="all"), Case("ReduceSum", attributes={"noop_with_empty_axes": 1}, label="none"),
    *(Case(op, attributes={"axis": 1, "keepdims": keep}, label=str(keep)) for op in ("ArgMax", "ArgMin")
      for keep in (0, 1)),
    Case("ArgMax", attributes={"axis": 2, "select_last_index": 1}, label="last"),
    Case("Reshape", constants={"shape": _ints(0, 2, -1)}), Case("Flatten", attributes={"axis": 2}),
    Case("Flatten", attributes={"axis": -4}, label="first"),
    Case("Squeeze", (1, 4, 1, 5), {"axes": _ints(-2)}), Case("Squeeze", (1, 4, 1, 5), label="all"),
    Case("Unsqueeze", constants={"axes": _ints(0, -1)}), Case("Transpose", attributes={"perm": [0, 2, 3, 1]}),
    Case("Transpose", label="reversed"), Case("Concat", second=(1, 2, 7, 6), attributes={"axis": 1}),
    Case("Concat", constants={"c": _normal(1, 3, 7, 6)}, attributes={"axis": -3}, label="constant"),
    Case("Split", constants={"sizes": _ints(1, 3)}, attributes={"axis": 1}, outputs=2),
    Case("Split", attributes={"axis": 2, "num_outputs": 2}, outputs=2, label="uneven"),
    Case("Slice", constants={"starts": _ints(1, -4), "ends": _ints(3, 2**62), "axes": _ints(1, 3),
                             "steps": _ints(1, 2)}),
    Case("Slice", constants={"starts": _ints(-1), "ends": _ints(-(2**62)), "axes": _ints(2),
                             "steps": _ints(-2)}, label="back"),
    Case("Gather", constants={"i": np.array(2, INT64)}, attributes={"axis": 1}, label="one"),
    Case("Gather", constants={"i": _ints(0, 2)}, attributes={"axis": 1}, label="steps"),
    Case("Gather", constants={"i": np.array([[3, 0], [-1, 1]], INT64)}, attributes={"axis": 2}, label="any"),
    Case("Expand", (1, 4, 1, 6), {"shape": _ints(4, 7, 1)}), Case("Tile", constants={"repeats": _ints(1, 2, 1, 3)}),
    *(Case("Pad", constants={"pads": _ints(0, 0, 2, 1, 0, 0, 1, 3)}, attributes={"mode": mode}, label=mode)
      for mode in ("constant", "reflect", "edge", "wrap")),
    Case("Pad", constants={"pads": _ints(1, 2), "value": _f32(-3), "axes": _ints(-1)}, label="value"),
    Case("DepthToSpace", attributes={"blocksize": 2}), Case("SpaceToDepth", (1, 3, 4, 6), attributes={"blocksize": 2}),
    Case("DepthToSpace", (1, 8, 2, 3), attributes={"blocksize": 2, "mode": "CRD"}, label="crd"),
    Case("Identity"), Case("Dropout", constants={"ratio": _f32(0.5)}),
    *(_resize(f"nearest-{t}-{r}", (1, 1, 2, 3), mode="nearest", coordinate_transformation_mode=t, nearest_mode=r)
      for t in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
      for r in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")),
    *(_resize(f"linear-{t}", None, (1, 4, 11, 9), mode="linear", coordinate_transformation_mode=t)
      for t in ("half_pixel", "align_corners", "pytorch_half_pixel")),
    _resize("down", (1, 1, 0.5, 0.5), shape=(1, 4, 8, 6), mode="nearest"),
    _resize("one-axis", (1, 1, 2), shape=(1, 4, 8), mode="nearest", coordinate_transformation_mode="asymmetric"),
    _resize("axes", (2.0, 2.0), axes=[2, 3], mode="linear"),
    _recurrent("LSTM"), _recurrent("LSTM", "both", 2, direction="bidirectional"),
    _recurrent("GRU"), _recurrent("GRU", "before", linear_before_reset=1),
    _recurrent("GRU", "back", direction="reverse"),
    _recurrent("RNN"),
    Case("Attention", (1, 4, 8), {"k": _normal(1, 5, 8), "v": _normal(1, 5, 6)},
         {"q_num_heads": 2, "kv_num_heads": 2}, opset=23),
    Case("Attention", (1, 2, 4, 8), {"k": _normal(1, 2, 4, 8), "v": _normal(1, 2, 4, 8)}, {"is_causal": 1},
         "causal", 23),
]  # fmt: skip


def _write(case: Case, path: Path) -> list[np.ndarray]:
    """Write the case's model; return its inputs."""
    inputs = {"x": case.shape} | ({"x2": case.second} if case.second else {})
    names = [*inputs, *(name if data is not None else "" for name, data in case.constants.items())]
    if case.x_at:
        names.insert(case.x_at, names.pop(0))
    outputs = [f"y{i}" for i in range(case.outputs)]
    types = {"y0": files.TensorProto.INT64} if case.op.startswith("Arg") else {}
    held = {name: data for name, data in case.constants.items() if data is not None}
    node = files.node(case.op, names, outputs, **case.attributes)
    files.onnx.save(files.model([node], inputs, outputs, held, opset=case.opset, types=types), path)
    made = [
        _above_0(*shape) if case.positive else _normal(*shape, seed=i)
        for i, shape in enumerate(inputs.values())
    ]
    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_computes_what_onnx_runtime_computes(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    inputs = _write(case, path)
    wanted = files.run_original(path, dict(zip(("x", "x2"), inputs, strict=False)))
    graph = reader.read(path)
    if not graph.layers:  # the output is the input
        assert graph.outputs == ["x"]
        np.testing.assert_array_equal(wanted[0], inputs[0])
        return
    got = files.run_program(graph.program(), inputs)
    assert len(got) == len(wanted)
    for have, want in zip(got, wanted, strict=True):
        assert have.shape == want.shape
        assert have.dtype == want.dtype
        np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-5)


def test_indices_that_come_at_run_time_look_up_a_table(tmp_path: Path) -> None:
    path, table = tmp_path / "model.onnx", _normal(10, 4)
    model = files.model(
        [files.node("Gather", ["table", "x"], ["y"])],
        {"x": [1, 5]},
        ["y"],
        {"table": table},
        types={"x": files.TensorProto.INT32},
    )
    files.onnx.save(model, path)
    x = np.array([[3, 0, 9, 9, 1]], np.int32)
    np.testing.assert_array_equal(files.run_program(reader.read(path).program(), [x])[0], table[x])
