"""MNIST before an event camera that moves three times: 34x34 pixels, 60,000 for training and 10,000 for testing.

G. Orchard et al., "Converting Static Image Datasets to Spiking Neuromorphic Datasets Using Saccades", 2015. The split
is the publisher's. All frames take 1.9 GB, so ``limit`` is of use.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from toolkit.data.archives import read_zip
from toolkit.data.cache import damaged
from toolkit.data.dataset import Dataset
from toolkit.data.download import Checksum, RemoteFile, fetch
from toolkit.data.events import Events, frames

SIDE, STEPS, DURATION_US = 34, 3, 315_000  # a frame for each of the three moves
_EVENT_BYTES = 5
_OVERFLOW_Y, _OVERFLOW_US = 240, 2**13  # no event, but so much time that has passed
_MAX_FILE_BYTES = 1024 * 1024  # real ones have about 20 KB
_MAX_TOTAL_BYTES = 4 * 1024**3

_HOME = "https://data.mendeley.com/public-files/datasets/468j46mzdv/files"
FILES = [
    RemoteFile(
        path=f"n_mnist/{split}.zip",
        urls=(f"{_HOME}/{key}/file_downloaded",),
        max_bytes=2 * 1024**3,
        checksums=(Checksum("md5", md5),),
    )
    for split, key, md5 in (
        ("Train", "39c25547-014b-4137-a934-9d29fa53c7a0", "20959b8e626244a1b502305a9e6e2031"),
        ("Test", "05a4d654-7e03-4c15-bdfa-9bb2bcbea494", "69ca8762b2fe404d9b9bad1103e97832"),
    )
]


def load(limit: int | None) -> Dataset:
    """Return counts of events ``(n, 3, 2, 34, 34)``: frames of 105 ms, darker and brighter, rows, columns."""
    train, test = (
        read_split(fetch(file), split, limit) for file, split in zip(FILES, ("Train", "Test"), strict=True)
    )
    return Dataset(
        name="n_mnist",
        x_train=train[0],
        y_train=train[1],
        x_test=test[0],
        y_test=test[1],
        classes=[str(digit) for digit in range(10)],
        description="Handwritten digits before a moving event camera, three frames of 34x34",
        licence="CC BY-SA 4.0",
    )


def read_split(path: Path, split: str, limit: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return frames and digits of a zip of ``<split>/<digit>/<number>.bin``, in MNIST's order."""
    members = read_zip(
        path,
        rf"{split}/(\d)/(\d+)\.bin",
        order=lambda match: (int(match[2]), match[1]),
        limit=limit,
        max_member_bytes=_MAX_FILE_BYTES,
        max_total_bytes=_MAX_TOTAL_BYTES,
    )
    pictures, digits = [], []
    for match, data in members:
        try:
            pictures.append(frames(read_events(data), 0, DURATION_US, STEPS, SIDE, SIDE))
        except ValueError as error:
            raise damaged(path, f"{match[0]}: {error}") from error
        digits.append(int(match[1]))
    if not pictures:
        raise damaged(path, f"it has no {split}/<digit>/<number>.bin")
    return np.stack(pictures), np.array(digits, np.int64)


def read_events(data: bytes) -> Events:
    """Return the events of a file: 40 bits each, x and y in 8, then polarity in one and microseconds in 23.

    Raises:
        ValueError: the file does not consist of such events.
    """
    if not data or len(data) % _EVENT_BYTES:
        raise ValueError(f"{len(data)} bytes are no events of {_EVENT_BYTES}")
    columns = np.frombuffer(data, np.uint8).reshape(-1, _EVENT_BYTES).astype(np.int64)
    x, y, p = columns[:, 0], columns[:, 1], columns[:, 2] >> 7
    t = ((columns[:, 2] & 0x7F) << 16) + (columns[:, 3] << 8) + columns[:, 4]
    t += np.cumsum(y == _OVERFLOW_Y) * _OVERFLOW_US
    real = y != _OVERFLOW_Y
    return Events(t[real], x[real], y[real], p[real])
