"""AdamW as every gradient-based rule here uses it (Loshchilov and Hutter 2019, arXiv 1711.05101)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from toolkit.learn.settings import TrainSettings


class AdamW:
    """The optimizer of some parameters, with its learning rate and weight decay given at each step.

    Matrices and filters decay only: decaying a bias or a normalization's factor regularizes nothing.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], settings: TrainSettings) -> None:
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        groups = [
            {"params": [p for p in trained if p.dim() > 1], "weight_decay": settings.weight_decay},
            {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate)
        self.clip_norm = settings.clip_norm

    def update(self, rate: float, decay: float) -> None:
        """Change the parameters by their gradients, and forget these."""
        decayed, plain = self.optimizer.param_groups
        decayed["lr"] = plain["lr"] = rate
        decayed["weight_decay"] = decay
        if self.clip_norm:
            nn.utils.clip_grad_norm_([*decayed["params"], *plain["params"]], self.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """Return the moments and all else that the next update depends on."""
        return self.optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what ``state_dict`` returned."""
        self.optimizer.load_state_dict(state)
