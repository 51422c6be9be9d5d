"""int8 ONNX files keep their integers: what they become is held against ONNX Runtime's own integer kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

pytest.importorskip("onnxruntime", reason='pip install "edge-toolkit[onnx]"')

from tests.program import onnx_files as files
from tests.program import onnx_nets as nets
from toolkit import bundle as bundles
from toolkit.errors import ToolkitError
from toolkit.golden import golden_samples
from toolkit.lower.passes import lower
from toolkit.program import onnx as reader
from toolkit.program import source
from toolkit.verify import framework
from toolkit.verify.verify import verify

UINT8, INT8 = onnx.TensorProto.UINT8, onnx.TensorProto.INT8
NETS: dict[str, Callable[[], onnx.ModelProto]] = {
    "residual": nets.residual,
    "image": nets.image_to_image,
    "mobilenet": nets.mobilenet,
    "temporal": nets.temporal,
    "mlp": nets.mlp,
    "mixer": nets.mixer,
    "transformer": nets.transformer,
    "lstm": lambda: nets.recurrent("LSTM"),
    "gru": lambda: nets.recurrent("GRU"),
}


@dataclass(frozen=True)
class Difference:
    """Our outputs against ONNX Runtime's, in integer steps."""

    values: int
    differing: int
    largest: float


def differences(path: Path, folder: Path, count: int = 20) -> Difference:
    """Compile a model for this machine, and compare the golden outputs with those of ONNX Runtime."""
    manifest = bundles.export(path, "host", folder / "bundle", golden_count=count)
    inputs, ours = golden_samples(folder / "bundle", manifest)
    answer = framework.ask(folder / "bundle", manifest, inputs)
    assert answer is not None
    assert answer.outputs is not None, answer.note
    steps = [
        np.abs(a.astype(np.float64) - b.reshape(a.shape)) for a, b in zip(ours, answer.outputs, strict=True)
    ]
    flat = np.concatenate([s.ravel() for s in steps])
    return Difference(flat.size, int((flat > 0).sum()), float(flat.max()))


@pytest.mark.parametrize(("form", "activations"), [("QDQ", "QInt8"), ("QOperator", "QUInt8")])
@pytest.mark.parametrize("name", ["residual", "image", "mobilenet", "temporal"])
def test_convolutional_networks(name: str, activations: str, form: str, tmp_path: Path) -> None:
    per_channel = activations == "QInt8"
    model = NETS[name]()
    path = nets.quantized(
        model, tmp_path / "model.onnx", form=form, activations=activations, per_channel=per_channel
    )
    found = differences(path, tmp_path)
    assert found.largest <= 1
    assert found.differing <= 0.005 * found.values


@pytest.mark.parametrize("name", ["mlp", "mixer", "transformer", "lstm", "gru"])
def test_other_networks(name: str, tmp_path: Path) -> None:
    path = nets.quantized(
        NETS[name](), tmp_path / "model.onnx", form="QDQ", activations="QInt8", per_channel=True
    )
    found = differences(path, tmp_path)
    # softmax is computed in steps of 1/256 and then brought to the file's scale; attention multiplies by the result
    assert found.largest <= (2 if name == "transformer" else 1)


@pytest.mark.parametrize("name", ["residual", "mobilenet"])
def test_nothing_stays_float(name: str, tmp_path: Path) -> None:
    path = nets.quantized(
        NETS[name](), tmp_path / "model.onnx", form="QDQ", activations="QUInt8", per_channel=True
    )
    model = lower(reader.read(path).program())
    assert {value.dtype for value in model.values() if value.data is None} == {"int8"}


def test_the_whole_way_to_the_device(tmp_path: Path) -> None:
    path = nets.quantized(
        nets.residual(), tmp_path / "model.onnx", form="QOperator", activations="QUInt8", per_channel=True
    )
    manifest = bundles.export(path, "host", tmp_path / "bundle")
    assert manifest["rounding"] == "single"
    result = verify(tmp_path / "bundle", fresh=4)
    assert result.ok
    assert [told.device for told in result.information] == ["ONNX Runtime"]
    assert result.information[0].largest <= 1


def test_another_model_than_the_bundles_is_found_out(tmp_path: Path) -> None:
    """What a wrong import would look like: ONNX Runtime computes something else."""
    made = [
        nets.quantized(
            nets.residual(seed), tmp_path / f"{seed}.onnx", form="QDQ", activations="QInt8", per_channel=True
        )
        for seed in (0, 1)
    ]
    bundles.export(made[0], "host", tmp_path / "bundle")
    (tmp_path / "bundle" / "model.onnx").write_bytes(made[1].read_bytes())
    result = verify(tmp_path / "bundle", fresh=4)
    assert not result.ok
    assert any("more than one step from ONNX Runtime" in note for note in result.notes)


# --- operators on integers, by hand

# Not round: where a product lies half-way, ONNX Runtime rounds to even and our integers up.
SCALES = {
    "s1": np.float32(0.0513),
    "s2": np.float32(0.0787),
    "s3": np.float32(0.1037),
    "z1": np.uint8(120),
    "z2": np.uint8(131),
    "z3": np.uint8(7),
}
# share of results that may differ by one: averages are rounded at the input's scale first, the function by a table
MAY_DIFFER = {"average": 0.25, "global-average": 0.25, "sigmoid": 0.1}


def _ms(op: str, inputs: list[str], **attributes: Any) -> onnx.NodeProto:
    return files.node(op, inputs, ["y"], domain="com.microsoft", **attributes)


UNARY = ["a", "s1", "z1", "s2", "z2"]
BINARY = ["a", "s1", "z1", "b", "s2", "z2", "s3", "z3"]
ON_INTEGERS = {
    "add": _ms("QLinearAdd", BINARY),
    "mul": _ms("QLinearMul", BINARY),
    "concat": _ms("QLinearConcat", ["s3", "z3", "a", "s1", "z1", "b", "s2", "z2"], axis=1),
    "sigmoid": _ms("QLinearSigmoid", [*UNARY[:3], "sigmoid_scale", "sigmoid_zero"]),
    "leaky-relu": _ms("QLinearLeakyRelu", UNARY, alpha=0.1),
    "average": _ms("QLinearAveragePool", UNARY, kernel_shape=[2, 2], strides=[2, 2]),
    "global-average": _ms("QLinearGlobalAveragePool", UNARY),
    "matmul": files.node("QLinearMatMul", BINARY, ["y"]),
    "max-pool": files.node("MaxPool", ["a"], ["y"], kernel_shape=[2, 2]),
    "transpose": files.node("Transpose", ["a"], ["y"], perm=[0, 2, 3, 1]),
    "reshape": files.node("Reshape", ["a", "shape"], ["y"]),
}


@pytest.mark.parametrize("name", ON_INTEGERS)
@pytest.mark.parametrize("signed", [False, True], ids=["uint8", "int8"])
def test_operators_on_integers(name: str, signed: bool, tmp_path: Path) -> None:
    node = ON_INTEGERS[name]
    constants = {**SCALES, "sigmoid_scale": np.float32(1 / 256), "sigmoid_zero": np.uint8(0)}
    kept = {
        n: (c.astype(np.int16) - 128).astype(np.int8) if signed and c.dtype == np.uint8 else c
        for n, c in constants.items()
    }
    inputs = {"a": [1, 4, 6, 6]} | ({"b": [1, 4, 6, 6]} if "b" in node.input else {})
    types = dict.fromkeys([*inputs, "y"], INT8 if signed else UINT8)
    nodes, output = [node], "y"
    if not node.domain and node.op_type != "QLinearMatMul":  # says no scale: that is what follows it
        nodes.append(files.node("DequantizeLinear", ["y", "s1", "z1"], ["real"]))
        output = "real"
    model = files.model(nodes, inputs, [output], {**kept, "shape": np.array([0, -1])}, types=types, opset=17)
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    graph = reader.read(path)
    assert {t.dtype for t in graph.inputs} == {"int8"}
    assert graph.quantized
    found = differences(path, tmp_path)
    moves = node.op_type in ("MaxPool", "Transpose", "Reshape")
    assert found.largest <= (0 if moves else 1)
    assert found.differing <= MAY_DIFFER.get(name, 0.002) * found.values


def test_uint8_becomes_int8_exactly(tmp_path: Path) -> None:
    nodes = [
        files.node("QuantizeLinear", ["x", "s1", "z1"], ["q"]),
        files.node("DequantizeLinear", ["q", "s1", "z1"], ["y"]),
    ]
    path = tmp_path / "model.onnx"
    onnx.save(files.model(nodes, {"x": [1, 500]}, ["y"], SCALES), path)
    x = np.linspace(-12, 12, 500, dtype=np.float32)[None]
    ours = files.run_program(reader.read(path).program(), [x])[0]
    np.testing.assert_array_equal(ours, files.run_original(path, {"x": x})[0])


# --- weights


def _with_weight(weight: np.ndarray, zero_point: Any, scale: Any = 0.0213) -> onnx.ModelProto:
    constants = {"s": np.float32(0.1037), "z": np.int8(3), "w": weight, "ws": np.asarray(scale, np.float32),
                 "wz": np.asarray(zero_point, weight.dtype)}  # fmt: skip
    nodes = [
        files.node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        files.node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        files.node("DequantizeLinear", ["w", "ws", "wz"], ["dw"], axis=0),
        files.node("Gemm", ["d", "dw"], ["g"], transB=1),
        files.node("QuantizeLinear", ["g", "s", "z"], ["gq"]),
        files.node("DequantizeLinear", ["gq", "s", "z"], ["y"]),
    ]
    return files.model(nodes, {"x": [1, 6]}, ["y"], constants)


def _random_weight(dtype: str) -> np.ndarray:
    limits = np.iinfo(dtype)
    return np.random.default_rng(0).integers(limits.min, limits.max + 1, (5, 6)).astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "zero_point", "scale"),
    [
        ("int8", 0, 0.0213),
        ("uint8", 128, 0.0213),
        ("int8", [0] * 5, [0.0111, 0.0213, 0.0329, 0.0107, 0.0231]),
    ],
)
def test_symmetric_weights(dtype: str, zero_point: Any, scale: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(_with_weight(_random_weight(dtype), zero_point, scale), path)
    assert differences(path, tmp_path, 200).differing == 0


@pytest.mark.parametrize(("dtype", "zero_point"), [("uint8", 120), ("int8", 5)])
def test_asymmetric_weights(dtype: str, zero_point: int, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(_with_weight(_random_weight(dtype), zero_point), path)
    with pytest.raises(ToolkitError, match="cannot be imported") as caught:
        reader.read(path)
    assert "node_g" in caught.value.at
    assert "symmetric" in caught.value.at


@pytest.mark.parametrize(
    ("scale", "zero_point", "why"),
    [
        (np.full(6, 0.1, np.float32), np.zeros(6, np.int8), "per channel"),
        (np.float32(0.1), np.int16(0), "int16"),
        (np.float32(0), np.int8(0), "positive"),
        (np.float32(np.inf), np.int8(0), "positive"),
        (np.float32(-1), np.int8(0), "positive"),
    ],
)
def test_activations_that_cannot_be_kept(
    scale: np.ndarray, zero_point: np.ndarray, why: str, tmp_path: Path
) -> None:
    nodes = [
        files.node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        files.node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    path = tmp_path / "model.onnx"
    onnx.save(files.model(nodes, {"x": [1, 6]}, ["y"], {"s": scale, "z": zero_point}), path)
    with pytest.raises(ToolkitError, match="cannot be imported") as caught:
        reader.read(path)
    assert why in caught.value.at


def test_a_model_of_which_only_weights_are_integers_is_a_float_model(tmp_path: Path) -> None:
    nodes = [
        files.node("DequantizeLinear", ["w", "s", "z"], ["dw"]),
        files.node("Gemm", ["x", "dw"], ["y"], transB=1),
    ]
    constants = {"w": _random_weight("uint8"), "s": np.float32(0.02), "z": np.uint8(100)}
    path = tmp_path / "model.onnx"
    onnx.save(files.model(nodes, {"x": [1, 6]}, ["y"], constants), path)
    graph = reader.read(path)
    assert not graph.quantized
    x = np.random.default_rng(0).normal(size=(1, 6)).astype(np.float32)
    wanted = files.run_original(path, {"x": x})[0]
    np.testing.assert_allclose(files.run_program(graph.program(), [x])[0], wanted, rtol=1e-5)


# --- float models


@pytest.mark.parametrize("name", sorted(NETS.keys() - {"gru"}))
def test_float_models_are_quantized_with_the_users_data(name: str, tmp_path: Path) -> None:
    model, path = NETS[name](), tmp_path / "model.onnx"
    onnx.save(model, path)
    loaded = source.load(path, calibration=nets.samples(model, 64, seed=9))
    assert loaded.quantized_here
    x = nets.samples(model, 24)
    wanted = np.concatenate([files.run_original(path, {"x": one[None]})[0] for one in x])
    ours = files.run_each(loaded.program, x)
    assert np.sqrt(((ours - wanted) ** 2).mean()) < 0.1 * wanted.std()


def test_float_c_computes_what_onnx_runtime_computes(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(nets.residual(), path)
    bundles.export(path, "host", tmp_path / "bundle", keep_float=True)
    result = verify(tmp_path / "bundle", fresh=4)
    assert result.ok
    assert result.information[0].differing == 0


def test_weights_in_another_file_are_left_out_of_the_comparison(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(
        nets.image_to_image(), path, save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    manifest = bundles.export(path, "host", tmp_path / "bundle", keep_float=True, golden_count=1)
    inputs, _ = golden_samples(tmp_path / "bundle", manifest)
    answer = framework.ask(tmp_path / "bundle", manifest, inputs)
    assert answer is not None
    assert answer.outputs is None
    assert "not compared with ONNX Runtime" in answer.note


def test_a_bundle_without_its_file(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(nets.image_to_image(), path)
    manifest = bundles.export(path, "host", tmp_path / "bundle", keep_float=True, golden_count=1)
    inputs, _ = golden_samples(tmp_path / "bundle", manifest)
    (tmp_path / "bundle" / "model.onnx").unlink()
    with pytest.raises(ToolkitError, match=r"model\.onnx is missing"):
        framework.ask(tmp_path / "bundle", manifest, inputs)


def test_a_float_model_without_data(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(nets.residual(), path)
    with pytest.raises(ToolkitError, match="float model") as caught:
        bundles.export(path, "host", tmp_path / "bundle")
    assert "--calibration" in caught.value.fix
