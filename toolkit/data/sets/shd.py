"""Spiking Heidelberg Digits: spoken digits, English and German, as spikes, 8,156 to train and 2,264 to test.

B. Cramer et al. 2020; see ``toolkit.data.heidelberg``. Two of the twelve speakers are in the test set only. All of it
takes 580 MB.
"""

from __future__ import annotations

from toolkit.data.dataset import Dataset
from toolkit.data.heidelberg import load_heidelberg, remote

CLASSES, SECONDS, STEPS = 20, 1.4, 100

FILES = [
    remote("shd", "train", "f3252aeb598ac776c1b526422d90eecb"),
    remote("shd", "test", "1503a5064faa34311c398fb0a1ed0a6f"),
]


def load(limit: int | None) -> Dataset:
    """Return counts of spikes ``(n, 100, 140)``: steps of 14 ms, five of the 700 channels in one."""
    return load_heidelberg(FILES, CLASSES, SECONDS, STEPS, "Spoken digits in two languages, as spikes", limit)
