"""The four MLPerf Tiny models against the published figures, and two of them against the reference files themselves."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from toolkit import models
from toolkit.models._conv_block import conv_block, same_size


def layers(model: nn.Module) -> list[nn.Module]:
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


def count_macs(model: nn.Module, x: torch.Tensor) -> int:
    """Multiplications of convolutions and fully connected layers, padded taps included."""
    macs = 0

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal macs
        macs += output[0].numel() * layer.weight[0].numel()

    hooks = [layer.register_forward_hook(count) for layer in layers(model)]
    model.eval()(x)
    for hook in hooks:
        hook.remove()
    return macs


@pytest.mark.parametrize(
    ("family", "macs", "outputs", "weights"),
    [
        ("fc_autoencoder", 264_192, 640, 264_192),
        ("ds_cnn", 2_656_768, 12, 22_016),
        ("resnet8", 12_501_632, 10, 77_360),
        ("mobilenet_v1", 7_489_664, 2, 208_112),
    ],
)
def test_published_macs(family, macs, outputs, weights):
    model = models.build(family, "mlperf")
    x = torch.zeros(1, *models.presets(family)["mlperf"].input_shape)
    assert count_macs(model, x) == macs
    assert model(x).shape == (1, outputs)
    assert sum(layer.weight.numel() for layer in layers(model)) == weights
    assert f"{macs:,} MACs" in models.presets(family)["mlperf"].about


@pytest.mark.parametrize("preset", ["digits", "mnist"])
def test_the_small_cnns_say_what_they_cost(preset):
    model, chosen = models.build("cnn", preset), models.presets("cnn")[preset]
    weights = sum(layer.weight.numel() for layer in layers(model))
    assert f"{weights:,} weights" in chosen.about
    assert f"{count_macs(model, torch.zeros(1, *chosen.input_shape)):,} MACs" in chosen.about
    assert weights * 2 // 8 < 16 * 1024  # leaves half of 32 KB of flash for code and scales


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "before", "after"),
    [
        # worked out by hand from TensorFlow's rule: total = (ceil(n / s) - 1) s + k - n, the odd one after
        ((49, 10), (10, 4), 2, (4, 1), (5, 1)),
        ((32, 32), (3, 3), 2, (0, 0), (1, 1)),
        ((25, 5), (3, 3), 1, (1, 1), (1, 1)),
        ((25, 5), (3, 3), 2, (1, 1), (1, 1)),
        ((8, 7), (1, 1), 2, (0, 0), (0, 0)),
        ((6, 6), (4, 2), 1, (1, 0), (2, 1)),
    ],
)
def test_same_padding_is_tensorflows(size, kernel, stride, before, after):
    torch.manual_seed(0)
    block = conv_block(2, 3, size, kernel=kernel, stride=stride).eval()
    image = torch.rand(2, *size)
    padded = torch.zeros(2, before[0] + size[0] + after[0], before[1] + size[1] + after[1])
    padded[:, before[0] : before[0] + size[0], before[1] : before[1] + size[1]] = image
    found = block(image[None])[0]
    assert found.shape == (3, *same_size(size, stride))
    for row, column in np.ndindex(*found.shape[1:]):
        window = padded[
            :, row * stride : row * stride + kernel[0], column * stride : column * stride + kernel[1]
        ]
        # a fresh BatchNorm only divides by sqrt(1 + eps)
        expected = (block.conv.weight * window).sum((1, 2, 3)).relu() / (1 + block.bn.eps) ** 0.5
        assert torch.allclose(found[:, row, column], expected, atol=1e-6)


def reference(name: str):
    """Return an interpreter for one of MLPerf Tiny's own int8 files."""
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="pip install ai-edge-litert")
    beside = Path(__file__).resolve().parents[3] / "shared" / "models" / "mlperf_tiny"
    path = Path(os.environ.get("TOOLKIT_MLPERF_TINY") or beside) / name
    if not path.is_file():
        pytest.skip(f"no {path}: set TOOLKIT_MLPERF_TINY to a folder with MLPerf Tiny's .tflite files")
    return litert.Interpreter(
        str(path),
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )


_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def weighted_blocks(model: nn.Module) -> list[nn.Module]:
    """Return what answers to the file's weighted operators one by one, in order: blocks, then the bare last layer."""
    return [module for module in model.modules() if hasattr(module, "bn")] + [model.fc]


def set_weights(block: nn.Module, weight: np.ndarray, bias: np.ndarray) -> None:
    """Give the block these weights, which have BatchNorm folded in; its own BatchNorm only adds the bias then."""
    (layer,) = layers(block)
    assert layer.weight.shape == weight.shape
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(bias))
        else:
            block.bn.running_var.fill_(1 - block.bn.eps)
            block.bn.bias.copy_(torch.from_numpy(bias))


def quantization(interpreter, index: int) -> dict[str, np.ndarray]:
    (tensor,) = (tensor for tensor in interpreter.get_tensor_details() if tensor["index"] == index)
    return tensor["quantization_parameters"]


def floats(interpreter, index: int) -> np.ndarray:
    """Return a tensor's value without its quantization, images and filters with their channels before the rows."""
    raw = interpreter.get_tensor(index).astype(np.float64)
    parameters = quantization(interpreter, index)
    shape = [1] * raw.ndim
    shape[parameters["quantized_dimension"]] = -1
    value = (raw - parameters["zero_points"].reshape(shape)) * parameters["scales"].reshape(shape)
    return (value.transpose(0, 3, 1, 2) if raw.ndim == 4 else value).astype(np.float32)


@pytest.mark.parametrize(
    ("family", "name"), [("ds_cnn", "kws_ref_model.tflite"), ("fc_autoencoder", "ad01_int8.tflite")]
)
def test_every_layer_computes_what_the_reference_file_does(family, name):
    interpreter = reference(name)
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    codes = np.random.default_rng(0).integers(-128, 128, entry["shape"], np.int8)
    interpreter.set_tensor(entry["index"], codes)
    interpreter.invoke()

    def check(op: dict, found: torch.Tensor) -> None:
        """Compare with the operator's output: half a step for rounding, a little for its rounded multipliers."""
        parameters = quantization(interpreter, op["outputs"][0])
        scale, zero_point = parameters["scales"][0], parameters["zero_points"][0]
        in_range = found.detach().numpy().clip((-128 - zero_point) * scale, (127 - zero_point) * scale)
        assert np.abs(in_range - floats(interpreter, op["outputs"][0])).max() <= 0.6 * scale, op

    model = models.build(family, "mlperf").eval()
    operators = interpreter._get_ops_details()
    weighted = [op for op in operators if op["op_name"] in _WEIGHTED]
    for op, block in zip(weighted, weighted_blocks(model), strict=True):
        data, weight, bias = (floats(interpreter, index) for index in op["inputs"])
        set_weights(block, weight.swapaxes(0, 1) if op["op_name"].startswith("DEPTH") else weight, bias)
        check(op, block(torch.from_numpy(data)))
    pools = [op for op in operators if op["op_name"] == "AVERAGE_POOL_2D"]
    assert len(pools) == (1 if family == "ds_cnn" else 0)
    for op in pools:
        check(op, model.pool(torch.from_numpy(floats(interpreter, op["inputs"][0]))))
