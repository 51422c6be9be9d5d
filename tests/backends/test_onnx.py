"""``.onnx`` files: ONNX Runtime's answers, the types that weights are stored in, and the way back."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from torch.export import ExportedProgram

from tests.backends import nets
from tests.backends.nets import Images, Tokens
from toolkit import tensors
from toolkit.backends import formats
from toolkit.describe import describe_tensor
from toolkit.errors import ToolkitError
from toolkit.lower import reference
from toolkit.lower.ir import Step
from toolkit.lower.passes import lower
from toolkit.model_file import Written, export_format
from toolkit.ops import operators
from toolkit.ops.weighted import weight_type
from toolkit.program.quantize import quantize_ptq
from toolkit.program.source import load
from toolkit.runtimes.onnx import in_float
from toolkit.verify.difference import differs

# by name: the program, its net, what its weights are stored as, the file's opset
PROGRAMS: dict[str, tuple[Callable[[], ExportedProgram], Callable[[], nn.Module], dict[str, int], int]] = {
    "float": (lambda: nets.floating(Images), Images, {"float32": 3}, 18),
    "int8": (lambda: nets.int8(Images), Images, {"uint8": 3}, 18),
    "int4": (lambda: nets.int8(Images, weights="int4"), Images, {"int4": 3}, 21),
    "ternary": (lambda: nets.ternary(Images, "depthwise"), Images, {"int2": 2, "uint8": 1}, 25),
    "attention": (lambda: nets.ternary(Tokens, "head"), Tokens, {"int2": 5, "uint8": 1}, 25),
}


@pytest.fixture(scope="module", params=PROGRAMS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def written(name: str, tmp_path_factory: pytest.TempPathFactory) -> Written:
    make, net, _, _ = PROGRAMS[name]
    file = tmp_path_factory.mktemp("onnx") / f"{name}.onnx"
    return export_format(make(), formats.load("onnx"), file, nets.samples(net), count=24)


def test_onnx_runtime_computes_the_same(name: str, written: Written) -> None:
    found = written.agreements[0]
    assert found.samples == 24
    if name == "attention":  # softmax and normalization are float32 there
        assert found.largest_steps is not None
        assert found.largest_steps <= 1
        assert found.equal >= 0.9 * found.values
    else:
        assert found.exact
        assert found.same_class == 24


def test_weights_take_the_bits_of_their_range(name: str, written: Written) -> None:
    _, _, types, opset = PROGRAMS[name]
    assert Counter(weight.type for weight in written.weights) == types
    assert written.bytes == written.path.stat().st_size
    model = onnx.load(written.path)
    assert [entry.version for entry in model.opset_import] == [opset]
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for weight in written.weights:
        tensor = stored[f"{weight.layer}.weight"]
        bits = {"int2": 2, "int4": 4, "uint8": 8, "float32": 32}[weight.type]
        assert tensor.data_type == getattr(onnx.TensorProto, weight.type.upper().replace("32", ""))
        assert len(tensor.raw_data) == weight.bytes == (bits * torch.Size(tensor.dims).numel() + 7) // 8
    assert not model.graph.node[0].metadata_props  # nothing of this machine


def test_the_file_comes_back_as_the_same_integers(name: str, written: Written) -> None:
    make, net, _, _ = PROGRAMS[name]
    models = [lower(make()), lower(load(written.path, keep_float=name == "float").program)]
    types = [Counter(weight_type(step) for step in model.steps if is_weighted(step)) for model in models]
    assert types[0] == types[1]
    answers = []
    for model in models:
        tensor = describe_tensor(model.inputs[0], model.input_permutes[0])
        answers += reference.run_batch(model, [tensors.to_device(tensor, nets.samples(net))])
    assert not differs(*answers).any()


def is_weighted(step: Step) -> bool:
    return operators()[step.op].quantization == "weighted"


class ChannelsLast(nn.Module):
    """A ternary convolution of a channels-last image, as imported files have it: moved between dequantize and layer."""

    def __init__(self) -> None:
        super().__init__()
        weight = np.random.default_rng(0).integers(-1, 2, (4, 3, 3, 3)).astype(np.int8)
        self.register_buffer("weight", torch.from_numpy(weight))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        quantized, int8 = torch.ops.quantized_decomposed, (-128, 127, torch.int8)
        x = quantized.quantize_per_tensor.default(x, 0.02, 3, *int8)
        x = quantized.dequantize_per_tensor.default(x, 0.02, 3, *int8).permute(0, 3, 1, 2)
        weight = quantized.dequantize_per_tensor.default(self.weight, 0.1, 0, -1, 1, torch.int8)
        x = quantized.quantize_per_tensor.default(nn.functional.conv2d(x, weight), 0.05, -2, *int8)
        return quantized.dequantize_per_tensor.default(x, 0.05, -2, *int8)


def test_integers_are_moved_as_they_are(tmp_path: Path) -> None:
    """ONNX Runtime refuses what its own optimizations make of a Transpose behind a DequantizeLinear."""
    program = torch.export.export(ChannelsLast(), (torch.zeros(1, 6, 6, 3),))
    written = export_format(program, formats.load("onnx"), tmp_path / "channels.onnx")
    assert written.agreements[0].exact
    assert [weight.type for weight in written.weights] == ["int2"]


class Residual(nn.Module):
    """A convolution whose input an addition reads, too, with weights and activations near the ends of 8 bits."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Conv2d(2, 32, 1), nn.Conv2d(32, 32, 1), nn.Linear(288, 4)
        nn.init.uniform_(self.second.weight, 0.5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.sigmoid(4 * self.first(x))
        scores: torch.Tensor = self.head((x + self.second(x)).flatten(1))
        return scores


_RUN = """
import sys
import numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads, options.log_severity_level = 1, 4
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
x = numpy.load(sys.argv[2])
numpy.save(sys.argv[3], numpy.concatenate([session.run(None, {"x": x[i : i + 1]})[0] for i in range(len(x))]))
"""


@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="apt-get install qemu-user")
@pytest.mark.skipif(
    platform.machine() != "x86_64", reason="Python for x86-64 is run as on an older processor"
)
def test_an_older_processor_computes_the_same(tmp_path: Path) -> None:
    """AVX2 alone multiplies uint8 by int8 into 16 bits that saturate: outputs were wrong by dozens of steps."""
    torch.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(24, 2, 3, 3)).astype(np.float32)
    program, file = quantize_ptq(Residual().eval(), x), tmp_path / "net.onnx"
    found = export_format(program, formats.load("onnx"), file, x, count=24).agreements[0]
    assert found.largest_steps is not None
    assert found.largest_steps <= 1
    assert not {"Conv", "Gemm"} & set(in_float(file))
    np.save(tmp_path / "x.npy", x)
    answers = []
    python = str(Path(sys.executable).resolve())
    for name, words in (("here", [python]), ("haswell", ["qemu-x86_64", "-cpu", "Haswell", python])):
        subprocess.run(
            [*words, "-c", _RUN, file, tmp_path / "x.npy", tmp_path / f"{name}.npy"],
            check=True, capture_output=True, timeout=300,
            env={"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1", "PATH": os.environ["PATH"]},
        )  # fmt: skip
        answers.append(np.load(tmp_path / f"{name}.npy"))
    assert np.ptp(answers[0]) > 0
    assert np.array_equal(*answers)


def test_indices_come_back(tmp_path: Path) -> None:
    words = torch.tensor([[3, 0, 6], [1, 2, 5]])
    program = torch.export.export(nn.Embedding(7, 4).eval(), (words[:1],))
    file = tmp_path / "words.onnx"
    assert export_format(program, formats.load("onnx"), file, words.numpy()).agreements[0].exact
    again = export_format(
        load(file, keep_float=True).program, formats.load("onnx"), tmp_path / "2.onnx", words.numpy()
    )
    assert again.agreements[0].exact


def test_what_cannot_go_is_named_by_layer(tmp_path: Path) -> None:
    class Narrow(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            quantized = torch.ops.quantized_decomposed
            limits = (0.1, 0, -100, 100, torch.int8)
            x = quantized.quantize_per_tensor.default(x, *limits)
            return quantized.dequantize_per_tensor.default(x, *limits)

    net = nn.Sequential(nn.Flatten(), Narrow(), nn.ReLU(), Narrow())
    program = torch.export.export(net, (torch.zeros(1, 4),))
    file = tmp_path / "narrow.onnx"
    with pytest.raises(ToolkitError, match=r"range is narrower[^\0]*1 \(-100..100\)[^\0]*3 \(-100..100\)"):
        formats.load("onnx").write(program, file)
    assert not file.exists()


def test_an_operator_without_onnx_is_named_with_its_layers(tmp_path: Path) -> None:
    class Bessel(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.special.bessel_j0(x)

    program = torch.export.export(nn.Sequential(Bessel(), nn.ReLU(), Bessel()), (torch.zeros(1, 4),))
    with pytest.raises(ToolkitError, match=r"bessel_j0 has no ONNX operator[^\0]*at: 0\n *2\n"):
        formats.load("onnx").write(program, tmp_path / "bessel.onnx")


def test_states_stay_with_c(tmp_path: Path) -> None:
    class Sums(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("total", torch.zeros(1, 4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.total.copy_(self.total + x)
            return self.total + 0

    program = torch.export.export(Sums(), (torch.zeros(1, 4),))
    with pytest.raises(ToolkitError, match=r"keeps states from run to run \(total\)"):
        export_format(program, formats.load("onnx"), tmp_path / "sums.onnx")
    assert not list(tmp_path.iterdir())
