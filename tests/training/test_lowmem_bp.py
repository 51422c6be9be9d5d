"""Derivatives in 2 bits, and norms that share what they keep: what is approximate, what is exact, what it saves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize  # type: ignore[import-untyped]
from torch import nn
from torch.nn import functional

from tests.training.nets import SAMPLE, int8_cnn, silu_transformer, transformer
from tests.training.test_mesa import arena
from tests.training.test_step import RATE, batches
from toolkit.errors import ToolkitError
from toolkit.ops.real_functions import evaluate
from toolkit.program import pt2
from toolkit.training.methods.lowmem_bp import FITS, _Leveled, _Normalized
from toolkit.training.settings import StepSettings
from toolkit.training.step import training_step

NORMS = {"activations": False}
GRID = np.linspace(-30, 30, 12_001)


def lines(edge: float, excess: float) -> np.ndarray:
    """Return the integral of the derivative of four levels: straight lines, which join at the edges."""
    x = GRID
    middle = np.where(x < 0, -excess * (x + edge), (1 + excess) * x - excess * edge)
    return np.where(x < -edge, 0.0, np.where(x > edge, x, middle))


@pytest.mark.parametrize("name", FITS)
def test_levels_are_the_best_fit(name: tuple[str, str]) -> None:
    exact = evaluate("gelu_tanh" if name == ("gelu", "tanh") else name[0], GRID)

    def error(fit: np.ndarray) -> float:
        return float(np.square(exact - lines(*fit)).sum())

    best = minimize(error, [3.0, 0.06], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12})
    assert FITS[name] == pytest.approx(best.x, rel=1e-3)
    assert error(np.array(FITS[name])) <= best.fun * (1 + 1e-5)


@pytest.mark.parametrize(
    ("name", "edges", "levels"),
    [
        (("gelu", "none"), (-3.1858810, -0.0011788, 3.1908326), (-0.0492226, 1.0487406)),
        (("silu", "none"), (-6.3050461, -0.0008685, 6.3258152), (-0.0406036, 1.0403219)),
    ],
)
def test_levels_are_near_the_papers(
    name: tuple[str, str], edges: tuple[float, ...], levels: tuple[float, ...]
) -> None:
    """ReGELU2 and ReSiLU2, as the paper's appendix has them."""
    edge, excess = FITS[name]
    assert (-edge, 0.0, edge) == pytest.approx(edges, abs=0.025)
    assert (-excess, 1.0 + excess) == pytest.approx(levels, abs=1.5e-3)


@pytest.mark.parametrize("shape", [(1, 7), (1, 3, 10), (1, 6, 4, 5), (1, 8, 2, 2)])
def test_a_gradient_is_multiplied_by_the_level(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x, gradient = 3 * torch.randn(shape, requires_grad=True), torch.randn(shape)  # type: ignore[arg-type]
    edge, excess = FITS["gelu", "none"]
    y = _Leveled.apply(x, functional.gelu, (edge, excess))  # type: ignore[no-untyped-call]
    assert torch.equal(y, functional.gelu(x))
    (found,) = torch.autograd.grad(y, x, gradient)
    levels = np.select(
        [x.detach() <= -edge, x.detach() <= 0, x.detach() <= edge], [0, -excess, 1 + excess], 1
    )
    torch.testing.assert_close(found, gradient * torch.from_numpy(levels).float())


@pytest.mark.parametrize("centred", [True, False])
def test_a_norms_gradient_is_exact(centred: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 5, 9, dtype=torch.float64, requires_grad=True)
    gradient = torch.randn(1, 5, 9, dtype=torch.float64)
    exact = functional.layer_norm(x, [9], eps=1e-5) if centred else functional.rms_norm(x, [9], eps=1e-5)
    found = _Normalized.apply(x, 1e-5, centred)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(found, exact)
    torch.testing.assert_close(
        torch.autograd.grad(found, x, gradient), torch.autograd.grad(exact, x, gradient)
    )


def uneven(net: nn.Module) -> nn.Module:
    """Return ``net`` with factors and offsets of norms that are not 1 and 0."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.startswith("norms"):
                parameter += 0.3 * torch.randn(parameter.shape)
    return net


@pytest.mark.parametrize("net", [transformer, silu_transformer])
def test_shared_norms_change_no_answer_and_no_other_gradient(net: type[nn.Module]) -> None:
    """The layers behind hold factors and offsets; what they pass on, and what others learn, is as before."""
    sample = torch.zeros(SAMPLE)
    plain = training_step(uneven(net()), sample).module(check_guards=False)
    shared = training_step(uneven(net()), sample, StepSettings(method="lowmem-bp", options=NORMS))
    module = shared.module(check_guards=False)
    assert not [name for name in shared.state_dict if name.startswith(("norms.0", "norms.1"))]
    ((x, target),) = batches(1)
    for one, other in zip(plain(x, target, RATE), module(x, target, RATE), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    for name in ("rows.weight", "mixed.weight", "down.weight", "head.weight", "rows.bias"):
        torch.testing.assert_close(module.get_buffer(name), plain.get_buffer(name), rtol=1e-4, atol=1e-6)
    factors = uneven(net()).get_parameter("norms.1.weight").detach()
    first = net().get_parameter("up.weight").detach()
    assert not torch.allclose(module.get_buffer("up.weight"), first, atol=1e-3)
    torch.testing.assert_close(module.get_buffer("up.weight"), first * factors, rtol=0.2, atol=0.05)


def test_the_arena_shrinks() -> None:
    """Codes are a sixteenth of what they stand for; of a norm, one buffer is kept where there were two."""
    torch.manual_seed(0)
    acts = [module for _ in range(6) for module in (nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Hardswish())]
    net = nn.Sequential(nn.Conv2d(1, 8, 1), *acts, nn.AvgPool2d(8), nn.Flatten(), nn.Linear(8, 5)).eval()
    sample = torch.zeros(SAMPLE)
    plain, coded = arena(net, sample), arena(net, sample, method="lowmem-bp")
    activation = 8 * 64 * 4
    assert plain - coded >= 6 * activation * 15 // 16 - activation
    saved = arena(transformer(), sample) - arena(transformer(), sample, method="lowmem-bp", options=NORMS)
    assert saved >= 8 * 16 * 4


@pytest.mark.parametrize("options", [{}, {"norms": False}, NORMS, {"activations": False, "norms": False}])
def test_refuses_nets_without_either(options: dict[str, bool]) -> None:
    with pytest.raises(ToolkitError, match="no GELU, SiLU or hardswish"):
        training_step(int8_cnn(), torch.zeros(SAMPLE), StepSettings(method="lowmem-bp", options=options))


def test_another_process_reads_the_file(tmp_path: Path) -> None:
    """The codes' operators are the toolkit's own: whoever reads a program must know them."""
    settings = StepSettings(method="lowmem-bp", options={"norms": False})
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.SiLU(), nn.Linear(8, 5)).eval()
    pt2.save(training_step(net, torch.zeros(SAMPLE), settings), tmp_path / "step.pt2")
    code = f"from toolkit.program import pt2; print(pt2.load({str(tmp_path / 'step.pt2')!r})[0].graph)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "toolkit.level_codes" in shown
