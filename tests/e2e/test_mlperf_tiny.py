"""The four MLPerf Tiny networks in their exact shapes: arena within the marks, equal on the core to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from toolkit import bundle, models
from toolkit.lower.arena import place
from toolkit.lower.choose import choose_kernels
from toolkit.lower.passes import lower
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.verify.verify import verify

# family, input, MACs, arena mark in bytes (TensorFlow Lite Micro takes 3,024 / 22,832 / 55,008 / 100,720)
NETWORKS = [
    ("fc_autoencoder", (640,), 264_192, 1_024),
    ("ds_cnn", (1, 49, 10), 2_656_768, 16_640),
    ("resnet8", (3, 32, 32), 12_501_632, 36_864),
    ("mobilenet_v1", (3, 96, 96), 7_489_664, 55_808),
]


@pytest.mark.parametrize(("family", "shape", "macs", "mark"), NETWORKS, ids=[n[0] for n in NETWORKS])
def test_fits_the_mark_and_is_exact(
    family: str, shape: tuple[int, ...], macs: int, mark: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    data = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    program = quantize_ptq(models.build(family, "mlperf").eval(), data)
    pt2.save(program, tmp_path / "net.pt2", {})
    manifest = bundle.export(tmp_path / "net.pt2", "cortex-m4", tmp_path / "out", golden=data, golden_count=1)
    assert manifest["sizes"]["macs"] == macs
    assert manifest["sizes"]["arena_bytes"] <= mark
    assert manifest["memory_plan"]["optimal"]
    assert place(choose_kernels(lower(program), "portable")).plan.arena_bytes <= mark
    result = verify(tmp_path / "out", fresh=1, layer_samples=1)
    assert result.ok, result.first_difference
