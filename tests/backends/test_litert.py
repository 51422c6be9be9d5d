"""``.tflite`` files of our programs: LiteRT's reference kernels compute from them what our reference does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")

from tests.conftest import Cli
from tests.ops.case_program import model_of
from toolkit.backends import formats
from toolkit.backends.formats import StoredWeight
from toolkit.backends.litert.run import run_default
from toolkit.backends.litert.write import file_of, write, writers
from toolkit.errors import ToolkitError
from toolkit.lower import reference
from toolkit.lower.ir import Model, Step, Value, per_tensor
from toolkit.lower.passes import lower
from toolkit.lower.rounding import set_rounding
from toolkit.model_file import export_format
from toolkit.ops import operators
from toolkit.ops.base import Case
from toolkit.program import pt2, tflite
from toolkit.program.quantize import quantize_ptq
from toolkit.verify.litert import ReferenceKernels

# Their int8 is computed in float32 in between.
WITHIN_A_STEP = {"div", "sum", "layer_norm", "rms_norm", "group_norm"}
# LiteRT: halves away from zero, not to even; stops where an index is outside; knows no dilated TRANSPOSE_CONV; ends at
# sums of exponentials of 512 or more.
OTHERWISE = {("quantize", "ties"), ("quantize", "far"), ("softmax", "equal-600")}


class Small(nn.Module):
    """Convolutions of all kinds, padding that LiteRT has no name for, sizes that fill no whole byte of low bits."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8)
        self.pointwise = nn.Conv2d(8, 7, 1)
        self.wide = nn.Conv2d(7, 7, (1, 3), bias=False)
        self.hidden, self.head = nn.Linear(7, 11), nn.Linear(11, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu6(self.pointwise(F.relu(self.depthwise(F.relu(self.stem(x))))))
        x = F.gelu(self.hidden(self.wide(x).mean((2, 3))))
        return F.softmax(self.head(x), -1)


def small(weights: str) -> torch.export.ExportedProgram:
    torch.manual_seed(0)
    net = Small().eval()
    if weights == "ternary":
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                scale = (
                    layer.weight.detach()
                    .abs()
                    .flatten(1)
                    .mean(1)
                    .reshape(-1, *(1,) * (layer.weight.dim() - 1))
                )
                layer.weight.data = torch.sign(torch.round(layer.weight.detach() / scale)) * scale
    samples = np.random.default_rng(0).normal(size=(16, 3, 8, 8)).astype(np.float32)
    return quantize_ptq(net, samples, weights=weights)


def samples_of(model: Model, count: int) -> list[list[np.ndarray]]:
    rng = np.random.default_rng(1)
    return [[_random(rng, v) for v in model.inputs] for _ in range(count)]


def _random(rng: np.random.Generator, value: Value) -> np.ndarray:
    limits = np.iinfo(value.dtype)
    return rng.integers(limits.min, limits.max + 1, value.shape).astype(value.dtype)


def assert_same(model: Model, file: bytes, allowed: int = 0, count: int = 8) -> None:
    kernels = ReferenceKernels(file)
    for sample in samples_of(model, count):
        for got, want in zip(kernels(sample), reference.run(model, sample), strict=True):
            assert np.abs(got.reshape(want.shape).astype(int) - want).max() <= allowed


@pytest.mark.parametrize(
    "name", [name for name in sorted(operators()) if name.removesuffix("_s16") in writers()]
)
def test_every_operators_cases(name: str) -> None:
    cases = [case for case in operators()[name].cases() if (name, case.id) not in OTHERWISE]
    written = 0
    for case in cases:
        model = model_of("case", case)
        if _outside(case):
            continue
        model.input_permutes, model.output_permutes = [None] * len(model.inputs), [None]
        for value in model.values():  # as files store scales
            if value.quant is not None:
                value.quant = replace(
                    value.quant, scale=value.quant.scale.astype(np.float32).astype(np.float64)
                )
        if name in ("sigmoid_s16", "tanh_s16"):  # whose output has no other scale
            case.step.output.quant = per_tensor(2.0**-15, 0, -(2**15), 2**15 - 1)
        set_rounding(model, "litert")
        try:
            file, _ = file_of(model)
        except ToolkitError:
            continue
        (got,) = ReferenceKernels(file)(case.inputs)
        want = operators()[name].reference(case.step, case.inputs)
        _compare(name, case, got.reshape(want.shape), want)
        written += 1
    assert written


def _outside(case: Case) -> bool:
    """True where LiteRT stops: at an index outside its table, or at an operand that lies turned."""
    if case.step.op == "embedding":
        return not ((case.inputs[0] >= 0) & (case.inputs[0] < case.step.inputs[0].shape[0])).all()
    return case.step.op.startswith("batch_matmul") and case.id.startswith("turned")


def _compare(name: str, case: Case, got: np.ndarray, want: np.ndarray) -> None:
    if want.dtype == np.float32:
        np.testing.assert_allclose(
            got, want, rtol=1e-5, atol=1e-5 * max(float(np.abs(want).max()), 1e-30), err_msg=case.id
        )
    elif name in WITHIN_A_STEP:
        assert (np.abs(got.astype(int) - want) <= 1).mean() > 0.98, case.id
    else:
        np.testing.assert_array_equal(got, want, err_msg=case.id)


@pytest.mark.parametrize(
    ("weights", "stored"),
    [
        ("int8", dict.fromkeys(("stem", "depthwise", "pointwise", "wide", "hidden", "head"), "int8")),
        ("int4", dict.fromkeys(("stem", "depthwise", "pointwise", "wide", "hidden", "head"), "int4")),
        (
            "ternary",
            {
                **dict.fromkeys(("stem", "depthwise", "pointwise", "wide"), "int4"),
                "hidden": "int2",
                "head": "int2",
            },
        ),
    ],
)
def test_integers_are_kept_there_and_back(weights: str, stored: dict[str, str], tmp_path: Path) -> None:
    """To the file, from LiteRT's kernels, and through our reader of such files."""
    program, file = small(weights), tmp_path / "small.tflite"
    found = write(program, file)
    assert {weight.layer: weight.type for weight in found} == stored
    bits = {"int8": 8, "int4": 4, "int2": 2}
    sizes = {"stem": 216, "depthwise": 72, "pointwise": 56, "wide": 147, "hidden": 77, "head": 55}
    assert found == [StoredWeight(n, stored[n], -(-size * bits[stored[n]] // 8)) for n, size in sizes.items()]
    model = lower(program, rounding="litert")
    assert_same(model, file.read_bytes())
    back = lower(tflite.read(file).program(), rounding="litert")
    assert [value.shape for value in back.inputs] == [value.shape for value in model.inputs]
    assert_same(back, file.read_bytes())


@pytest.mark.parametrize(
    ("limit", "width", "stored"),
    [(1, 8, "int2"), (1, 6, "int4"), (1, 5, "int8"), (7, 6, "int4"), (127, 8, "int8")],
)
def test_tables_of_few_bits(limit: int, width: int, stored: str) -> None:
    """LiteRT reads them right where a row fills whole bytes."""
    rng, quant = np.random.default_rng(0), per_tensor(float(np.float32(0.0123)), 0, -limit, limit)
    table = rng.integers(-limit, limit + 1, (300, width)).astype(np.int8)
    index, y = Value("i", (1, 9), "int32"), Value("y", (1, 9, width), "int8", quant)
    step = Step("embedding", "embedding", [Value("w", table.shape, "int8", quant, table), index], y)
    file, weights = file_of(Model("model", [index], [y], [step], [None], [None]))
    assert [weight.type for weight in weights] == [stored]
    at = rng.integers(0, 300, (1, 9)).astype(np.int32)
    np.testing.assert_array_equal(ReferenceKernels(file)([at])[0], table[at])


def test_constants_that_steps_share_are_stored_once() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 6)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(F.relu(self.layer(x)))

    torch.manual_seed(0)
    program = quantize_ptq(Twice().eval(), np.random.default_rng(0).normal(size=(8, 6)).astype(np.float32))
    model = lower(program, rounding="litert")
    file, weights = file_of(model)
    assert weights == [StoredWeight("layer", "int8", 36)]
    assert_same(model, file)


def test_attention_is_exact_and_normalization_within_a_step() -> None:
    """Masks, a factor in the product, turned operands; layer normalization is computed in float32."""

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.qkv, self.out = nn.LayerNorm(12), nn.Linear(12, 36), nn.Linear(12, 12)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            parts = self.qkv(self.norm(x)).reshape(1, 5, 3, 2, 6).permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(*parts.unbind(0), is_causal=True)
            return x + self.out(y.transpose(1, 2).reshape(1, 5, 12))

    torch.manual_seed(0)
    program = quantize_ptq(
        Attention().eval(), np.random.default_rng(0).normal(size=(16, 5, 12)).astype(np.float32)
    )
    model = lower(program, rounding="litert", views=False)
    assert {"masked_softmax", "batch_matmul", "layer_norm"} <= {step.op for step in model.steps}
    assert_same(model, file_of(model)[0], allowed=1)


def test_int16_activations(tmp_path: Path) -> None:
    """And back through our reader: 64-bit biases there, 32-bit ones here."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(24, 5)
    )
    images = np.random.default_rng(0).normal(size=(8, 2, 4, 6)).astype(np.float32)
    program = quantize_ptq(net.eval(), images, activations="int16")
    file, model = tmp_path / "net.tflite", lower(program, rounding="litert")
    assert [weight.type for weight in write(program, file)] == ["int8", "int8"]
    assert_same(model, file.read_bytes())
    assert_same(lower(tflite.read(file).program(), rounding="litert"), file.read_bytes())


def test_what_cannot_go_is_listed_at_once() -> None:
    layers = (nn.Linear(4, 4), nn.SiLU(), nn.Linear(4, 4), nn.Mish())
    samples = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    program = quantize_ptq(nn.Sequential(*layers).eval(), samples, activations="int16")
    with pytest.raises(ToolkitError, match="2 layers cannot go into a") as raised:
        file_of(lower(program))
    assert "table_s16 in 1: silu of int16" in raised.value.at
    assert "table_s16 in 3: mish of int16" in raised.value.at


def test_the_runtime_takes_the_programs_own_layout(tmp_path: Path) -> None:
    """Samples as the program has them: float32, channels first; integers come back, channels first."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU()).eval()
    images = np.random.default_rng(0).normal(size=(8, 2, 5, 6)).astype(np.float32)
    program = quantize_ptq(net, images)
    written = export_format(program, formats.load("litert"), tmp_path / "net.tflite", images, count=4)
    assert written.weights == [StoredWeight("0", "int8", 54)]
    assert written.agreements[-1].exact
    (output,) = formats.load("litert").run(tmp_path / "net.tflite", [[images[:1]]])[0]
    assert (output.shape, output.dtype) == ((1, 3, 3, 4), np.int8)
    (default,) = run_default(tmp_path / "net.tflite", [[images[:1]]])[0]
    assert default.shape == output.shape
    assert np.abs(default.astype(int) - output).max() <= 1  # XNNPACK rounds once


def test_an_input_and_an_output_given_twice() -> None:
    class Again(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            y = F.relu(x)
            return x, y, y[:, ::2], y

    program = torch.export.export(Again(), (torch.zeros(1, 5),))
    sample = np.float32([[-1, 2, -3, 4, 5]])
    found = ReferenceKernels(file_of(lower(program))[0])([sample])
    for got, want in zip(found, Again()(torch.from_numpy(sample)), strict=True):
        np.testing.assert_array_equal(got, want)


def test_the_command(tmp_path: Path, cli: Cli) -> None:
    pt2.save(small("int8"), tmp_path / "net.pt2", {})
    done = cli("export", tmp_path / "net.pt2", "--format", "litert", "-o", tmp_path / "net.tflite")
    assert done.code == 0, done.err
    assert "litert rounding, 16 samples: 80 of 80 values equal (100 %)" in done.out
