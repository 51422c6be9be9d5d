"""The smoke test: a tiny model through the whole compiler, onto an emulated Cortex-M4, equal to the bit.

It needs no system program and runs first: when it fails, nothing else is worth reading.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from toolkit import bundle, tensors
from toolkit.infer import infer
from toolkit.lower import reference
from toolkit.lower.passes import lower
from toolkit.program import pt2


def test_tiny(tiny_program: Path, tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(size=(24, 1, 8, 8)).astype(np.float32)
    program, _ = pt2.load(tiny_program)

    manifest = bundle.export(tiny_program, "mps2-an386", tmp_path / "bundle", golden=x)
    on_core = infer(tmp_path / "bundle", [x], raw=True)
    assert on_core.emulator == "unicorn"

    lowered = lower(program)
    device_x = tensors.to_device(manifest["inputs"][0], x)
    expected = np.concatenate([reference.run(lowered, [device_x[i : i + 1]])[0] for i in range(len(x))])
    np.testing.assert_array_equal(on_core.outputs[0], expected)
    assert len(np.unique(expected)) > 10  # a model that answers the same to everything would prove nothing

    # an independent view of the same program: torch computes in float and may round a tie the other way
    real = infer(tmp_path / "bundle", [x]).outputs[0]
    eager = program.module()
    torch_says = np.concatenate([eager(torch.from_numpy(x[i : i + 1])).detach() for i in range(len(x))])
    assert np.abs(real - torch_says).max() <= 1.01 * manifest["outputs"][0]["scale"]
