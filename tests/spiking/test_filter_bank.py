"""Sound becomes spikes, frame by frame, in torch as on a board."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.spiking.boards import steps_on_a_board
from toolkit.data.dataset import AudioDataset
from toolkit.data.tasks import sound_spikes
from toolkit.errors import ToolkitError
from toolkit.spiking.filter_bank import FilterBank, spikes_of_sound
from toolkit.spiking.time import streaming

RATE = 8000


def tone(hertz: float, samples: int, loudness: float = 1.0) -> Tensor:
    return loudness * torch.sin(2 * math.pi * hertz / RATE * torch.arange(samples))


def frames() -> Tensor:
    """Silence, a tone that becomes louder, another one, silence: (time, 1, 64)."""
    parts = [
        torch.zeros(640),
        tone(440, 640, 0.02),
        tone(440, 640, 0.4),
        tone(2000, 640, 0.2),
        torch.zeros(640),
    ]
    return torch.cat(parts).view(-1, 1, 64)


def test_a_tone_is_loudest_in_its_band() -> None:
    floor = 1e-6
    bank = FilterBank(256, RATE, 20, floor)
    centres = bank.hertz
    assert centres[0] == pytest.approx(100)
    assert centres[-1] == pytest.approx(3600)
    for band in (3, 10, 18):
        found = bank(tone(float(centres[band]), 256, 0.5)[None])[0]
        assert int(found.argmax()) == band
        assert float(found[band]) == pytest.approx(math.log(1 + 0.25 / floor), rel=0.01)


def test_silence_makes_no_spikes_and_changes_do() -> None:
    spikes = spikes_of_sound(RATE, 64, 16, floor=1e-6)(frames())
    assert spikes.shape == (50, 1, 32)
    assert spikes[:10].sum() == 0
    louder, quieter = spikes[:, 0, :16].sum(1), spikes[:, 0, 16:].sum(1)
    assert louder[10:30].sum() > 10 > quieter[10:29].sum()
    assert quieter[40:].sum() > 10 > louder[42:].sum()


def test_a_board_hears_the_same(tmp_path: Path) -> None:
    layers, x = spikes_of_sound(RATE, 64, 8, floor=1e-6).eval(), frames()
    step = streaming(layers, x[0])
    with torch.no_grad():
        assert torch.equal(torch.stack([step(at) for at in x]), layers(x))
    found = steps_on_a_board(streaming(layers, x[0]), x, tmp_path).reshape(50, 1, 16)
    assert np.array_equal(found, layers(x).numpy())


def test_recordings_as_a_task() -> None:
    recordings = np.stack([tone(hertz, 8000, 0.3).numpy()[None] for hertz in (300, 1000, 2500)])
    labels = np.arange(3)
    dataset = AudioDataset(
        "made", recordings, labels, recordings[:1], labels[:1], list("abc"), "", "", RATE, [], []
    )
    made = sound_spikes.make(dataset, 0)
    assert made.x_train.shape == (3, sound_spikes.FRAMES, 2 * sound_spikes.BANDS)
    assert set(np.unique(made.x_train)) == {0.0, 1.0}
    whole = sound_spikes.encoder(RATE)(torch.from_numpy(sound_spikes.frames_of(recordings)).transpose(0, 1))
    assert np.array_equal(made.x_train, whole.transpose(0, 1).numpy())
    assert len({tuple(row) for row in made.x_train.sum(1)}) == 3


def test_what_makes_no_sound_is_refused() -> None:
    from toolkit import data

    with pytest.raises(ToolkitError, match="digits has no sound"):
        data.load("digits", task="sound-spikes", limit=10)
