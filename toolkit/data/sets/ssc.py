"""Spiking Speech Commands: 35 spoken words as spikes, 75,466 for training and 20,382 for testing.

B. Cramer et al. 2020, from P. Warden's Speech Commands; see ``toolkit.data.heidelberg``. The publisher's validation set
is not read. All of it takes 5.4 GB, so ``limit`` is of use.
"""

from __future__ import annotations

from toolkit.data.dataset import Dataset
from toolkit.data.heidelberg import load_heidelberg, remote

CLASSES, SECONDS, STEPS = 35, 1.0, 100

FILES = [
    remote("ssc", "train", "d102be95e7144fcc0553d1f45ba94170"),
    remote("ssc", "test", "a35ff1e9cffdd02a20eb850c17c37748"),
]


def load(limit: int | None) -> Dataset:
    """Return counts of spikes ``(n, 100, 140)``: steps of 10 ms, five of the 700 channels in one."""
    return load_heidelberg(FILES, CLASSES, SECONDS, STEPS, "Spoken words as spikes", limit)
