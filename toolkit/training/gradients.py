"""Autograd inside a traced step."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from toolkit.training.kept import real


def leaves(states: dict[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """Return the states ``names`` as tensors that gradients are taken by; integers as reals."""
    return {name: real(states[name]).detach().requires_grad_() for name in names}


def gradients(value: Tensor, by: dict[str, Tensor], along: Tensor | None = None) -> dict[str, Tensor]:
    """Return the gradients by the tensors ``by`` of ``value``, or of the sum of ``value * along``."""
    if not by:
        return {}
    found = torch.autograd.grad(value, list(by.values()), grad_outputs=along)
    return dict(zip(by, found, strict=True))
