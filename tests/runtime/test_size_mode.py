"""Made for size, all layers of a kind share one function: little code, the same results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from toolkit import bundle, models
from toolkit.backends.shared import LayerCall, Local, share
from toolkit.device import build, run, targets
from toolkit.golden import golden_samples
from toolkit.measure import memory
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq

MOST_CODE_BYTES = 5 * 1024
POINTERS = {"w0": "const int8_t *", "w1": "const int8_t *", "x": "int8_t *"}


def _call(weight: str, size: int, low: int) -> LayerCall:
    window = Local("tk_window", "window", f"{{{size}, 3, {{1, {low}}}}}")
    return LayerCall("tk_f", ("x", weight, "&window", "7"), (window,))


def test_what_calls_have_in_common_stays_a_literal() -> None:
    shared = share("m", [_call("w0", 96, -1), _call("w1", 48, -1)], POINTERS, 5)
    assert shared is not None
    assert "const tk_window window = {c->f0, 3, {1, -1}};" in shared.definition
    assert "tk_f(x, c->f5, &window, 7);" in shared.definition
    assert "    const int8_t *f5;\n    uint8_t f0;\n" in shared.definition
    assert shared.constants == [
        "static const m_tk_f_5_call m_call_5 = {w0, 96};\n",
        "static const m_tk_f_5_call m_call_6 = {w1, 48};\n",
    ]
    assert shared.calls == ["    m_tk_f_5(&m_call_5);\n", "    m_tk_f_5(&m_call_6);\n"]


@pytest.mark.parametrize(
    ("numbers", "ctype"),
    [((0, 255), "uint8_t"), ((-128, 1), "int8_t"), ((-1, 128), "int16_t"), ((0, 2**31 - 1), "int32_t")],
)
def test_numbers_take_the_narrowest_type(numbers: tuple[int, int], ctype: str) -> None:
    shared = share("m", [LayerCall("tk_f", (str(n),), ()) for n in numbers], {}, 0)
    assert shared is not None
    assert f"    {ctype} f0;\n" in shared.definition


def test_calls_that_do_not_differ_take_nothing() -> None:
    shared = share("m", [_call("w0", 96, -1)] * 2, POINTERS, 3)
    assert shared is not None
    assert "void m_tk_f_3(void)" in shared.definition
    assert (shared.constants, shared.calls) == ([], ["    m_tk_f_3();\n"] * 2)


def test_calls_of_other_forms_are_not_shared() -> None:
    plain = LayerCall("tk_f", ("x", "w0", "0", "7"), ())
    assert share("m", [_call("w0", 96, -1), plain], POINTERS, 0) is None
    assert share("m", [LayerCall("tk_f", (text,), ()) for text in ("0.5f", "0.25f")], {}, 0) is None


@pytest.mark.parametrize("toolchain", ["zig", "gcc"])
def test_the_network_with_most_layers(toolchain: str, program: Path, tmp_path: Path) -> None:
    manifest = bundle.export(program, "cortex-m4", tmp_path / "bundle", optimize="size", golden_count=1)
    image = build.build(tmp_path / "bundle", toolchain=toolchain)
    assert memory.of_image(image.path, manifest["sizes"]["arena_bytes"]).code_bytes <= MOST_CODE_BYTES
    inputs, outputs = golden_samples(tmp_path / "bundle", manifest)
    result = run.run(image, targets.load("cortex-m4"), [inputs[0].tobytes()])
    assert result.outputs == [outputs[0].tobytes()]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MobileNet V1 0.25 as MLPerf Tiny has it, with random weights and a softmax."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(models.build("mobilenet_v1", "mlperf"), nn.Softmax(-1)).eval()
    shape = models.presets("mobilenet_v1")["mlperf"].input_shape
    file = tmp_path_factory.mktemp("mobilenet") / "model.pt2"
    pt2.save(quantize_ptq(model, np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)), file)
    return file
