"""One thread per test process: these models are too small to gain from more."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
