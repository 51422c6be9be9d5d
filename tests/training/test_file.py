"""Training steps as ``.pte`` files: ExecuTorch learns what torch learns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.export import ExportedProgram
from torch.nn import functional

from tests.training.nets import SAMPLE, cnn, int8_cnn
from tests.training.test_step import batches
from toolkit.backends import executorch, formats
from toolkit.backends.executorch.pools import GRADIENTS
from toolkit.errors import ToolkitError
from toolkit.model_file import export_format
from toolkit.training.settings import StepSettings
from toolkit.training.step import training_step


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (cnn, StepSettings(optimizer="momentum")),
        (int8_cnn, StepSettings(rule="mono-forward")),
    ],
)
def test_a_pte_learns_what_torch_learns(
    tmp_path: Path, model: Callable[[], nn.Module | ExportedProgram], settings: StepSettings
) -> None:
    program = training_step(model(), torch.zeros(SAMPLE), settings)
    path = tmp_path / "step.pte"
    written = export_format(program, formats.load("executorch"), path)
    assert written.ok
    with np.load(tmp_path / "step.npz") as first:
        states = [first[name] for name in first.files]
        names = first.files
    module = program.module(check_guards=False)
    for x, target in batches(5):
        rate = torch.tensor([0.05])
        module(x, target, rate)
        _, _, *states = executorch.run(path, [[x.numpy(), target.numpy(), rate.numpy(), *states]])[0]
        states = [array.copy() for array in states]
    for name, state in zip(names, states, strict=True):
        np.testing.assert_allclose(state, module.get_buffer(name).numpy(), rtol=1e-4, atol=1e-5)


def test_the_runtimes_own_wrong_gradient_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ExecuTorch 1.5.1's max pool: once it is right, ``pools.py`` may go."""
    monkeypatch.delitem(GRADIENTS, torch.ops.aten.max_pool2d_with_indices_backward.default)
    program = training_step(cnn(), torch.zeros(SAMPLE))
    with pytest.raises(ToolkitError, match="something else than torch"):
        export_format(program, formats.load("executorch"), tmp_path / "step.pte")
    assert not (tmp_path / "step.pte").exists()


@pytest.mark.parametrize(("kernel", "stride", "pad"), [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 3, 0)])
def test_gradients_of_pools(kernel: int, stride: int, pad: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 3, 9, 8, generator=generator).relu().requires_grad_()  # zeros tie
    window = ([kernel] * 2, [stride] * 2, [pad] * 2)
    for pool, name, rest in (
        (
            functional.max_pool2d,
            torch.ops.aten.max_pool2d_with_indices_backward.default,
            ([1, 1], False, None),
        ),
        (functional.avg_pool2d, torch.ops.aten.avg_pool2d_backward.default, (False, True, None)),
    ):
        y = pool(x, kernel, stride, pad)
        gradient = torch.randn(y.shape, generator=generator)
        (expected,) = torch.autograd.grad(y, x, gradient)
        torch.testing.assert_close(GRADIENTS[name](gradient, x.detach(), *window, *rest), expected)


def test_other_formats_say_that_they_only_answer(tmp_path: Path) -> None:
    program = training_step(cnn(), torch.zeros(SAMPLE), StepSettings(layers=("10",)))
    with pytest.raises(ToolkitError, match="keeps states"):
        export_format(program, formats.load("onnx"), tmp_path / "step.onnx")
