"""Sparse attack on binary inputs: the fewest pixels to flip so that a spiking network errs.

Gradients come from a surrogate that follows the attacked network's own potentials (``potential-dependent``), since the
one that it was trained with is not in its file and may vanish where it matters. Pixels whose gradient promises most
are flipped one by one, those that help are kept, until the network errs; then as many as can be are taken back.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from quantize.method import Method
from toolkit.errors import ToolkitError
from toolkit.spiking.integrate import SILENT
from toolkit.spiking.methods.hoyer_snn import HoyerSpike
from toolkit.spiking.neurons import Neuron
from toolkit.spiking.surrogate import Surrogate

METHOD = Method(
    slug="snn-attack",
    title="Robustness against sparse flips of pixels, found by a surrogate of the network's own potentials",
    paper="Towards Effective and Sparse Adversarial Attack on Spiking Neural Networks via Breaking Invisible Surrogate "
    "Gradients, Lun et al. 2025, CVPR, arXiv 2503.03272",
    kind="spiking",
    cost="some hundred inferences for each attacked sample; no training",
)

SURROGATE: Surrogate = "potential-dependent"


def with_surrogate(model: nn.Module, surrogate: Surrogate = SURROGATE) -> nn.Module:
    """Return a copy of ``model`` in evaluation mode whose spikes have gradients by ``surrogate``.

    Raises:
        ToolkitError: nothing in it spikes.
    """
    made, found = copy.deepcopy(model).eval(), False
    for module in made.modules():
        if isinstance(module, HoyerSpike):
            module.surrogate, found = surrogate, True
        elif isinstance(module, Neuron) and module.firing is not SILENT:
            module.firing, found = replace(module.firing, surrogate=surrogate, slope=None), True
    if not found:
        raise ToolkitError(
            f"nothing in the {type(model).__name__} spikes", fix="take a spiking family, such as spiking_cnn"
        )
    return made


def flips(model: nn.Module, x: Tensor, label: int, *, first: int = 10, rounds: int = 20) -> Tensor | None:
    """Return which pixels of a sample to flip, by as few as can be found, so that ``model`` errs; None if none do.

    Args:
        model: in evaluation mode; gives logits.
        x: one sample, ``(1, ...)``, of zeros and ones.
        label: its class.
        first: how many pixels are tried in the first round; each further one tries so many more.
        rounds: at most.
    """
    gains = torch.zeros(x.numel())  # by how much each pixel's flip has lowered the margin; 0: not flipped
    for number in range(1, rounds + 1):
        flipped = _flipped(x, gains < 0)
        margin, promise = _promise(model, flipped, label)
        if margin < 0:
            return _reduced(model, x, label, gains)
        promise[gains < 0] = -1.0
        tried = promise.topk(min(first * number, len(promise))).indices
        masks = (gains < 0).repeat(len(tried), 1)
        masks[torch.arange(len(tried)), tried] = True
        gain = _margins(model, _flipped(x, masks), label) - margin
        gains[tried] = gain.clamp(max=0.0)
    return _reduced(model, x, label, gains) if _errs(model, x, label, gains < 0) else None


def _promise(model: nn.Module, x: Tensor, label: int) -> tuple[float, Tensor]:
    """Return the margin, and by how much the flip of each pixel should lower it; noise decides where nothing does."""
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        margin = _margin(model(x), label)
    (slope,) = torch.autograd.grad(margin.sum(), x)
    promise = ((2 * x.detach() - 1) * slope).flatten().clamp(min=0.0)
    return float(margin.detach()), promise + 1e-12 * torch.rand(len(promise))


def _reduced(model: nn.Module, x: Tensor, label: int, gains: Tensor) -> Tensor:
    """Return the flips without as many of the weakest as ``model`` errs without, found by bisection."""
    order = gains.argsort(descending=True)  # the weakest of those below 0 first
    order = order[gains[order] < 0]
    low, high = 0, max(len(order) - 1, 0)
    while low < high:
        middle = (low + high + 1) // 2
        mask = torch.zeros(len(gains), dtype=torch.bool)
        mask[order[middle:]] = True
        if _errs(model, x, label, mask):
            low = middle
        else:
            high = middle - 1
    mask = torch.zeros(len(gains), dtype=torch.bool)
    mask[order[low:]] = True
    return mask.view_as(x[0])


def _errs(model: nn.Module, x: Tensor, label: int, mask: Tensor) -> bool:
    return bool(_margins(model, _flipped(x, mask), label) < 0)


def _margins(model: nn.Module, x: Tensor, label: int) -> Tensor:
    with torch.no_grad():
        return _margin(model(x), label)


def _margin(logits: Tensor, label: int) -> Tensor:
    """Return how far the label's logit is above the largest other one."""
    others = torch.cat([logits[:, :label], logits[:, label + 1 :]], 1)
    return logits[:, label] - others.amax(1)


def _flipped(x: Tensor, masks: Tensor) -> Tensor:
    """Return ``x`` with the pixels of each of ``masks``, ``(pixels,)`` or ``(n, pixels)``, flipped."""
    flat = x.flatten(1)
    return torch.where(masks, 1.0 - flat, flat).view(-1, *x.shape[1:])
