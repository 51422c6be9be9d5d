"""Recordings as the spikes of a filter bank, frame by frame: what a spiking network that listens is given."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from toolkit.data.dataset import AudioDataset, Dataset
from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from torch import nn

HOP, BANDS, FRAMES = 128, 32, 50  # samples of a frame: 16 ms at 8 kHz, 0.8 s in all
_AT_ONCE = 256


def make(dataset: Dataset, window: int) -> Dataset:
    """Return ``x`` float32 ``(n, FRAMES, 2 * BANDS)``, 1 for a spike: see ``toolkit.spiking.filter_bank``.

    What comes after ``FRAMES`` is left out.
    """
    del window
    if not isinstance(dataset, AudioDataset):
        raise ToolkitError(
            f"{dataset.name} has no sound", fix="use the dataset fsdd, or leave [data] task out"
        )
    layers = encoder(dataset.sample_rate_hz)
    kept = {field.name: getattr(dataset, field.name) for field in fields(Dataset)}
    spikes = {name: _spikes(layers, kept[name]) for name in ("x_train", "x_test")}
    return Dataset(**{**kept, **spikes})


def encoder(rate_hz: float) -> nn.Sequential:
    """Return the layers that make the spikes, of frames ``(time, n, HOP)``."""
    from toolkit.spiking.filter_bank import spikes_of_sound

    return spikes_of_sound(rate_hz, HOP, BANDS)


def frames_of(recordings: np.ndarray) -> np.ndarray:
    """Return ``(n, FRAMES, HOP)`` of recordings ``(n, 1, samples)``, which are at least as long."""
    return recordings[:, 0, : FRAMES * HOP].reshape(len(recordings), FRAMES, HOP)


def _spikes(layers: nn.Sequential, recordings: np.ndarray) -> np.ndarray:
    import torch

    parts = []
    for start in range(0, len(recordings), _AT_ONCE):
        frames = torch.from_numpy(frames_of(recordings[start : start + _AT_ONCE]))
        parts.append(layers(frames.transpose(0, 1)).transpose(0, 1).numpy())
    return np.concatenate(parts)
