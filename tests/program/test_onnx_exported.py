"""Networks written by torch's own ONNX exporter compute what torch computes, in as few operators as torch has."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from torch import nn

pytest.importorskip("onnxruntime", reason='pip install "edge-toolkit[onnx]"')

from tests.program import onnx_files as files
from tests.program import onnx_nets as nets
from toolkit.lower.passes import lower
from toolkit.program import onnx as reader
from toolkit.program import source


class _Of(nn.Module):
    """A network of some layers and a function of them and x."""

    def __init__(self, forward: Any, **layers: nn.Module) -> None:
        super().__init__()
        self.function = forward
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self, x)


def _squeeze_excite(m: Any, x: torch.Tensor) -> torch.Tensor:
    x = F.silu(m.norm(m.conv(x)))
    gate = m.expand(F.silu(m.reduce(x.mean((2, 3), keepdim=True))))
    return m.head((x * torch.sigmoid(gate)).mean((2, 3)))


def _hard(m: Any, x: torch.Tensor) -> torch.Tensor:
    x = F.hardswish(m.norm(m.depthwise(F.hardswish(m.conv(x)))))
    x = x * F.hardsigmoid(x.mean((2, 3), keepdim=True))
    return m.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


def _residual(m: Any, x: torch.Tensor) -> torch.Tensor:
    x = F.max_pool2d(F.relu(m.norm(m.conv(x))), 3, 2, 1)
    return m.head((x + F.relu6(m.norm2(m.conv2(x)))).mean((2, 3)))


def _temporal(m: Any, x: torch.Tensor) -> torch.Tensor:
    return m.head(F.relu(m.norm(m.conv(F.pad(x, (4, 0))))).mean(-1))


def _mlp_block(m: Any, x: torch.Tensor) -> torch.Tensor:
    return x + m.down(F.gelu(m.up(m.norm(x))))


def _rms(m: Any, x: torch.Tensor) -> torch.Tensor:
    return m.head(x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * m.scale.weight[0])


def _attention(m: Any, x: torch.Tensor) -> torch.Tensor:
    batch, tokens, width = x.shape
    q, k, v = m.qkv(m.norm(x)).reshape(batch, tokens, 3, 2, width // 2).permute(2, 0, 3, 1, 4).unbind(0)
    mixed = torch.softmax(q @ k.transpose(-2, -1) * 0.5, -1) @ v
    return m.head((x + m.out(mixed.transpose(1, 2).reshape(batch, tokens, width))).mean(1))


def _upsampled(m: Any, x: torch.Tensor) -> torch.Tensor:
    x = F.interpolate(m.conv(x), scale_factor=2, mode="nearest")
    return m.up(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))


def _shuffled(m: Any, x: torch.Tensor) -> torch.Tensor:
    batch, channels, height, width = x.shape  # exported as Shape, Gather, Concat, Reshape
    x = x.view(batch, 2, channels // 2, height, width).transpose(1, 2).reshape(batch, channels, height, width)
    return F.pixel_shuffle(m.conv(x), 2)


def _last(m: Any, x: torch.Tensor) -> torch.Tensor:
    return m.head(m.cell(x)[0][:, -1])


# name: network, shape, operators of torch that must come back (and not the parts that the exporter writes)
NETS: dict[str, tuple[_Of, tuple[int, ...], set[str]]] = {
    "squeeze-excite": (
        _Of(_squeeze_excite, conv=nn.Conv2d(3, 8, 3, 2, 1, bias=False), norm=nn.BatchNorm2d(8),
            reduce=nn.Conv2d(8, 2, 1), expand=nn.Conv2d(2, 8, 1), head=nn.Linear(8, 4)), (1, 3, 12, 12), {"silu"}),
    "hard": (
        _Of(_hard, conv=nn.Conv2d(3, 8, 3, padding=1), depthwise=nn.Conv2d(8, 8, 3, groups=8), norm=nn.BatchNorm2d(8),
            head=nn.Linear(8, 4)), (1, 3, 9, 9), {"hardswish", "hardsigmoid"}),
    "residual": (
        _Of(_residual, conv=nn.Conv2d(3, 8, 3, padding=1), norm=nn.BatchNorm2d(8), conv2=nn.Conv2d(8, 8, 3, padding=1),
            norm2=nn.BatchNorm2d(8), head=nn.Linear(8, 4)), (1, 3, 11, 11), {"relu6", "max_pool2d"}),
    "temporal": (
        _Of(_temporal, conv=nn.Conv1d(4, 8, 3, dilation=2), norm=nn.BatchNorm1d(8), head=nn.Linear(8, 3)),
        (1, 4, 16), {"mean"}),
    "mlp-block": (
        _Of(_mlp_block, norm=nn.LayerNorm(8), up=nn.Linear(8, 16), down=nn.Linear(16, 8)), (1, 5, 8),
        {"layer_norm", "gelu", "linear"}),
    "rms": (_Of(_rms, scale=nn.Linear(8, 1, bias=False), head=nn.Linear(8, 4)), (1, 5, 8), {"rms_norm"}),
    "attention": (
        _Of(_attention, norm=nn.LayerNorm(8), qkv=nn.Linear(8, 24), out=nn.Linear(8, 8), head=nn.Linear(8, 3)),
        (1, 5, 8), {"layer_norm", "softmax", "matmul"}),
    "upsampled": (
        _Of(_upsampled, conv=nn.Conv2d(3, 4, 3, padding=1), up=nn.ConvTranspose2d(4, 2, 2, stride=2)), (1, 3, 6, 5),
        {"upsample_nearest2d", "upsample_bilinear2d", "conv_transpose2d"}),
    "shuffled": (_Of(_shuffled, conv=nn.Conv2d(4, 16, 1)), (1, 4, 4, 4), {"conv2d"}),
    "lstm": (_Of(_last, cell=nn.LSTM(4, 6, batch_first=True), head=nn.Linear(6, 3)), (1, 4, 4), {"linear"}),
    "gru": (_Of(_last, cell=nn.GRU(4, 6, batch_first=True), head=nn.Linear(6, 3)), (1, 4, 4), {"linear"}),
    "mish": (nn.Sequential(nn.Linear(4, 4), nn.Mish(), nn.ELU(), nn.Softplus(), nn.LeakyReLU(0.2)), (1, 4),
             {"mish", "elu"}),
}  # fmt: skip
PARTS = {"erf", "sigmoid", "batch_norm", "sqrt", "pow", "tanh", "reciprocal", "rsqrt"}


def _prepared(name: str) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    net, shape, _ = NETS[name]
    for module in net.eval().modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (module.running_mean, module.bias.data):
                tensor.normal_()
            for tensor in (module.running_var, module.weight.data):
                tensor.uniform_(0.5, 2)
    return net, torch.randn(shape)


def _export(net: nn.Module, x: torch.Tensor, path: Path, opset: int) -> None:
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net, (x,), path, dynamo=False, opset_version=opset, input_names=["x"], dynamic_axes={"x": {0: "batch"}}
        )  # fmt: skip
    logging.getLogger("torch.onnx").setLevel(level)


def _operators(program: torch.export.ExportedProgram) -> set[str]:
    targets = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    return {target.removeprefix("aten.").split(".")[0] for target in targets}


@pytest.mark.parametrize("opset", [13, 17])
@pytest.mark.parametrize("name", NETS)
def test_networks_come_back(name: str, opset: int, tmp_path: Path) -> None:
    net, x = _prepared(name)
    _export(net, x, tmp_path / "model.onnx", opset)
    program = reader.read(tmp_path / "model.onnx").program()
    with torch.no_grad():
        np.testing.assert_allclose(
            files.run_program(program, [x.numpy()])[0], net(x).numpy(), rtol=1e-4, atol=1e-5
        )
    found = _operators(program)
    wanted = NETS[name][2]
    assert wanted <= found
    if name not in ("lstm", "gru"):
        allowed = {"sigmoid"} if name == "squeeze-excite" else set()
        assert not found & (PARTS - allowed)


@pytest.mark.parametrize("name", ["squeeze-excite", "mlp-block", "attention", "temporal"])
def test_networks_are_quantized_whole(name: str, tmp_path: Path) -> None:
    net, x = _prepared(name)
    _export(net, x, tmp_path / "model.onnx", 13)
    model = onnx.load(tmp_path / "model.onnx")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    samples = nets.samples(model, 32)
    loaded = source.load(tmp_path / "model.onnx", calibration=samples)
    assert {v.dtype for v in lower(loaded.program).values() if v.data is None} == {"int8"}
    with torch.no_grad():
        wanted = net(torch.from_numpy(samples)).numpy()
    ours = files.run_each(loaded.program, samples)
    assert np.sqrt(((ours - wanted) ** 2).mean()) < 0.1 * wanted.std()
