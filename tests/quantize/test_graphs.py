"""Quantized programs are clean: what they hold between which operators, range by range."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.export import ExportedProgram
from torch.fx import Node

from quantize.pt2e import prepare_pt2e, prepare_qat_pt2e
from toolkit.program.capture import capture
from toolkit.program.quantize import quantize_ptq
from toolkit.program.quantizer import IntegerQuantizer

Q = "quantized_decomposed.quantize_per_tensor.default"
DQ = "quantized_decomposed.dequantize_per_tensor.default"
DQ_CHANNEL = "quantized_decomposed.dequantize_per_channel.default"


class Everything(nn.Module):
    """One of each kind of operator, and the ways they meet."""

    def __init__(self) -> None:
        super().__init__()
        self.pad = nn.ZeroPad2d((0, 1, 0, 1))
        self.conv = nn.Conv2d(1, 4, 3, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.pool = nn.MaxPool2d(2)
        self.left = nn.Conv2d(4, 3, 1)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(28, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu_(self.bn(self.conv(self.pad(x))))
        x = nn.functional.relu6(self.depthwise(x) + x)
        x = self.pool(x)
        x = torch.cat([self.left(x), x], 1).permute(0, 2, 3, 1)
        return torch.softmax(self.fc(self.drop(x.flatten(1))), -1)


def samples(*shape: int, count: int = 16) -> np.ndarray:
    return np.random.default_rng(0).normal(0.3, 1, (count, *shape)).astype(np.float32)


@pytest.fixture(scope="module")
def program() -> ExportedProgram:
    torch.manual_seed(0)
    return quantize_ptq(Everything(), samples(1, 8, 8))


def called(program: ExportedProgram, name: str) -> list[Node]:
    return [node for node in program.graph.nodes if str(node.target) == f"aten.{name}"]


def only(program: ExportedProgram, name: str) -> Node:
    (node,) = called(program, name)
    return node


def source(node: object) -> tuple:
    """Return the range of an input: (scale, zero point, low, high) of the dequantize that makes it."""
    assert isinstance(node, Node)
    assert str(node.target) == DQ
    quantize = node.args[0]
    assert str(quantize.target) == Q
    assert quantize.args[1:] == node.args[1:]
    return node.args[1:5]


def written(node: Node) -> tuple:
    """Return the range in which an output is stored; all its readers must agree."""
    assert {str(user.target) for user in node.users} == {Q}
    ranges = {user.args[1:5] for user in node.users}
    assert len(ranges) == 1
    return ranges.pop()


def test_takes_and_gives_float32_for_one_sample(program: ExportedProgram) -> None:
    (name,) = program.graph_signature.user_inputs
    value = next(node for node in program.graph.nodes if node.name == name).meta["val"]
    assert (value.dtype, tuple(value.shape)) == (torch.float32, (1, 1, 8, 8))
    assert program.module()(torch.zeros(1, 1, 8, 8)).dtype == torch.float32


def test_weights_are_int8_constants_under_their_own_names(program: ExportedProgram) -> None:
    kinds = {name: tensor.dtype for name, tensor in program.state_dict.items()}
    assert {name for name, kind in kinds.items() if kind == torch.int8} == {
        "conv.weight", "depthwise.weight", "left.weight", "fc.weight"
    }  # fmt: skip
    assert {name for name in kinds if name.endswith("bias")} == {
        "conv.bias", "depthwise.bias", "left.bias", "fc.bias"
    }  # fmt: skip
    assert not list(program.parameters())
    assert not [node for node in program.graph.nodes if node.op == "placeholder" and not node.users]


def test_convolution_weights_are_per_channel_and_linear_ones_per_tensor(program: ExportedProgram) -> None:
    for conv in called(program, "conv2d.default"):
        assert str(conv.args[1].target) == DQ_CHANNEL
        assert conv.args[1].args[3:] == (0, -127, 127, torch.int8)
    weight = only(program, "linear.default").args[1]
    assert str(weight.target) == DQ
    assert weight.args[2:] == (0, -127, 127, torch.int8)


def test_no_batch_norm_dropout_or_copy_is_left(program: ExportedProgram) -> None:
    names = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert names == {
        Q, DQ, DQ_CHANNEL, "aten.pad.default", "aten.conv2d.default", "aten.relu.default",
        "aten.add.Tensor", "aten.relu6.default", "aten.max_pool2d.default", "aten.cat.default",
        "aten.permute.default", "aten.reshape.default", "aten.linear.default", "aten.softmax.int",
    }  # fmt: skip


def test_activation_is_one_unit_with_what_it_follows(program: ExportedProgram) -> None:
    stem = called(program, "conv2d.default")[0]
    relu, relu6, add = (only(program, name) for name in ("relu.default", "relu6.default", "add.Tensor"))
    assert list(stem.users) == [relu]
    assert list(add.users) == [relu6]
    assert written(relu)[1:] == (-128, -128, 127)  # nothing below zero comes out
    # through the pooling, which keeps ranges, the concatenation asks for its range even here
    assert written(relu6) == written(only(program, "cat.default"))


@pytest.mark.parametrize("name", ["pad.default", "max_pool2d.default", "permute.default", "reshape.default"])
def test_operators_that_move_data_keep_the_range(program: ExportedProgram, name: str) -> None:
    node = only(program, name)
    assert written(node) == source(node.args[0])


def test_concatenation_has_one_range(program: ExportedProgram) -> None:
    cat = only(program, "cat.default")
    ranges = {source(node) for node in cat.args[0]} | {written(cat)}
    assert len(ranges) == 1
    # the branch that is not shared with another operator is written in it at once
    assert written(called(program, "conv2d.default")[2]) == ranges.pop()


def test_addition_has_a_range_for_each_operand(program: ExportedProgram) -> None:
    add = only(program, "add.Tensor")
    relu = only(program, "relu.default")
    assert source(add.args[0]) == written(called(program, "conv2d.default")[1])
    assert source(add.args[1]) == written(relu)


def test_softmax_has_the_fixed_range(program: ExportedProgram) -> None:
    assert written(only(program, "softmax.int")) == (1 / 256, -128, -128, 127)


def test_zero_is_exact_in_every_range(program: ExportedProgram) -> None:
    for node in program.graph.nodes:
        if str(node.target) == Q:
            scale, zero_point, low, high = node.args[1:5]
            assert scale > 0
            assert low <= zero_point <= high


class AfterSoftmax(nn.Module):
    """Softmax in the middle: what follows must read its fixed range, not one of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.two(torch.softmax(self.one(x), -1).reshape(1, 8)).argmax(-1)


def test_fixed_range_is_read_as_it_is() -> None:
    program = quantize_ptq(AfterSoftmax(), samples(6))
    softmax = only(program, "softmax.int")
    assert written(softmax) == (1 / 256, -128, -128, 127)
    assert source(called(program, "linear.default")[1].args[0]) == (1 / 256, -128, -128, 127)
    argmax = only(program, "argmax.default")
    assert str(argmax.args[0].target) == DQ
    assert [node.op for node in argmax.users] == ["output"]


class TwoReaders(nn.Module):
    """A convolution whose result is read both before and after its relu: no unit here."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        return torch.relu(y) + y


def test_result_with_two_readers_is_stored_before_the_activation() -> None:
    program = quantize_ptq(TwoReaders(), samples(2, 4, 4))
    conv, relu = only(program, "conv2d.default"), only(program, "relu.default")
    assert written(conv) == source(relu.args[0]) == written(relu)


def test_two_layers_may_share_one_weight() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(torch.relu(self.fc(x)))

    model = Tied().eval()
    x = samples(4)
    program = quantize_ptq(model, x)
    assert [name for name, tensor in program.state_dict.items() if tensor.dtype == torch.int8] == [
        "fc.weight"
    ]
    with torch.no_grad():
        wanted = model(torch.from_numpy(x[:1]))
    torch.testing.assert_close(program.module()(torch.from_numpy(x[:1])), wanted, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("training", [False, True])
def test_a_transposed_convolution_has_a_scale_per_output_channel(training: bool) -> None:
    graph = capture(nn.ConvTranspose2d(6, 3, 2), torch.randn(1, 6, 4, 4))
    prepare = prepare_qat_pt2e if training else prepare_pt2e
    prepared = prepare(graph, IntegerQuantizer(training=training))
    prepared(torch.randn(1, 6, 4, 4))
    scales = [m.calculate_qparams()[0] for m in prepared.modules() if getattr(m, "ch_axis", -1) == 1]
    assert {len(scale) for scale in scales} == {3}
