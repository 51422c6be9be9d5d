"""Eleven gestures of 29 people before an event camera of 128x128 pixels, 1,176 for training and 288 for testing.

A. Amir et al., "A Low Power, Fully Event-Based Gesture Recognition System", CVPR 2017. The split is the publisher's.
The archive of 3 GB is read twice, which takes minutes: first the labels, then the events.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np

from toolkit.data.aedat import read_aedat
from toolkit.data.archives import read_tar_gz, walk_tar_gz
from toolkit.data.cache import damaged
from toolkit.data.dataset import Dataset
from toolkit.data.download import Checksum, RemoteFile, fetch
from toolkit.data.events import frames

CLASSES = [
    "hand clapping", "right hand wave", "left hand wave", "right arm clockwise", "right arm counter clockwise",
    "left arm clockwise", "left arm counter clockwise", "arm roll", "air drums", "air guitar", "other gestures",
]  # fmt: skip
SIDE, SHRINK, STEPS = 128, 4, 16
_MAX_TEXT_BYTES, _MAX_RECORDING_BYTES, _MAX_TOTAL_BYTES = 64 * 1024, 512 * 1024**2, 16 * 1024**3
_LISTS = {split: f"DvsGesture/trials_to_{split}.txt" for split in ("train", "test")}

# The publisher's own page asks for a click, so that a mirror comes first; what it gives is checked.
FILE = RemoteFile(
    path="dvs128_gesture/DvsGesture.tar.gz",
    urls=(
        "https://www.dropbox.com/s/cct5kyilhtsliup/DvsGesture.tar.gz?dl=1",
        "https://ibm.ent.box.com/s/3hiq58ww1pbbjrinh367ykfdf60xsfm8/folder/50167556794",
    ),
    max_bytes=4 * 1024**3,
    checksums=(Checksum("md5", "8a5c71fb11e24e5ca5b11866ca6c00a1"),),
)

Gesture = tuple[int, int, int]  # class from 0, start and end in microseconds
Split = tuple[np.ndarray, np.ndarray]


def load(limit: int | None) -> Dataset:
    """Return counts of events ``(n, 16, 2, 32, 32)``: equal parts of a gesture, darker and brighter, rows, columns."""
    (x_train, y_train), (x_test, y_test) = read(fetch(FILE), limit)
    return Dataset(
        name="dvs128_gesture",
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        classes=CLASSES,
        description="Gestures before an event camera, 16 frames of 32x32",
        licence="CC BY 4.0",
    )


def read(path: Path, limit: int | None) -> tuple[Split, Split]:
    """Return the splits of ``DvsGesture.tar.gz``: gestures in the order of the lists of trials, then of time."""
    texts = read_tar_gz(
        path, dict.fromkeys(_LISTS.values(), _MAX_TEXT_BYTES), max_total_bytes=_MAX_TOTAL_BYTES
    )
    trials = {split: texts[name].decode("ascii", "replace").split() for split, name in _LISTS.items()}
    gestures = {
        match[1]: _gestures(path, match[0], content)
        for match, content in walk_tar_gz(
            path,
            r"DvsGesture/(\w+)_labels\.csv",
            max_member_bytes=_MAX_TEXT_BYTES,
            max_total_bytes=_MAX_TOTAL_BYTES,
        )
    }
    wanted = {split: _first(path, names, gestures, limit) for split, names in trials.items()}
    every = {name for names in wanted.values() for name in names}
    found = {
        match[1]: _pictures(path, match[0], content, gestures[match[1]])
        for match, content in walk_tar_gz(
            path,
            rf"DvsGesture/({'|'.join(map(re.escape, sorted(every)))})\.aedat",
            max_member_bytes=_MAX_RECORDING_BYTES,
            max_total_bytes=_MAX_TOTAL_BYTES,
        )
    }
    if missing := every - found.keys():
        raise damaged(path, f"{', '.join(sorted(missing))} has no recording")
    train, test = (_split(names, found, gestures, limit) for names in wanted.values())
    return train, test


def _gestures(path: Path, name: str, content: bytes) -> list[Gesture]:
    try:
        rows = list(csv.DictReader(io.StringIO(content.decode("ascii"))))
        found = [
            (int(row["class"]) - 1, int(row["startTime_usec"]), int(row["endTime_usec"])) for row in rows
        ]
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise damaged(path, f"{name} is no table of class, startTime_usec, endTime_usec ({error})") from error
    for kind, start, end in found:
        if not 0 <= kind < len(CLASSES) or not 0 <= start < end:
            raise damaged(path, f"{name} has class {kind + 1} from {start} to {end} us")
    return found


def _first(path: Path, names: list[str], gestures: dict[str, list[Gesture]], limit: int | None) -> list[str]:
    """Return the trials that hold a split's first ``limit`` gestures."""
    chosen, count = [], 0
    for name in (name.removesuffix(".aedat") for name in names):
        if limit is not None and count >= limit:
            break
        if name not in gestures:
            raise damaged(path, f"{name} has no labels")
        chosen.append(name)
        count += len(gestures[name])
    if not count:
        raise damaged(path, "a split has no gestures")
    return chosen


def _pictures(path: Path, name: str, content: bytes, gestures: list[Gesture]) -> np.ndarray:
    try:
        events = read_aedat(content)
        return np.stack([frames(events, start, end, STEPS, SIDE, SIDE, SHRINK) for _, start, end in gestures])
    except ValueError as error:
        raise damaged(path, f"{name}: {error}") from error


def _split(
    names: list[str], found: dict[str, np.ndarray], gestures: dict[str, list[Gesture]], limit: int | None
) -> Split:
    labels = [kind for name in names for kind, _, _ in gestures[name]]
    return np.concatenate([found[name] for name in names])[:limit], np.array(labels, np.int64)[:limit]
