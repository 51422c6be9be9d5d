"""The Heidelberg datasets: speech as the spikes of 700 channels of a model of the inner ear, in HDF5.

B. Cramer et al., "The Heidelberg Spiking Data Sets for the Systematic Evaluation of Spiking Neural Networks", 2020.
Only what lies in the file itself is read: links and data in other files are refused. Needs h5py.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.data.archives import read_zip
from toolkit.data.cache import cache_dir, damaged
from toolkit.data.dataset import Dataset
from toolkit.data.download import Checksum, RemoteFile, fetch
from toolkit.errors import MISSING, ToolkitError

CHANNELS, JOINED = 700, 5  # so many channels side by side are counted as one
_MAX_FILE_BYTES = 8 * 1024**3
_MAX_SPIKES = 100_000  # of one recording; real ones have 8,000 on average

Split = tuple[np.ndarray, np.ndarray, list[str]]  # counts, labels, names of the classes


def remote(name: str, split: str, md5: str) -> RemoteFile:
    """Return the file of one split."""
    file = f"{name}_{split}.h5.zip"
    homes = tuple(f"https://{host}/datasets/{file}" for host in ("zenkelab.org", "compneuro.net"))
    return RemoteFile(f"{name}/{file}", homes, 4 * 1024**3, (Checksum("md5", md5),))


def load_heidelberg(
    files: list[RemoteFile], classes: int, seconds: float, steps: int, description: str, limit: int | None
) -> Dataset:
    """Return counts of spikes ``(n, steps, 140)`` in equal parts of the first ``seconds``.

    ``files`` are the training and the test split; where the cache has ``NAME.h5`` unpacked, that is read.
    """
    train, test = (read_split(_local(file), classes, seconds, steps, limit) for file in files)
    return Dataset(
        name=files[0].path.partition("/")[0],
        x_train=train[0],
        y_train=train[1],
        x_test=test[0],
        y_test=test[1],
        classes=train[2],
        description=description,
        licence="CC BY 4.0",
    )


def _local(file: RemoteFile) -> Path:
    unpacked = cache_dir() / file.path.removesuffix(".zip")
    return unpacked if unpacked.is_file() else fetch(file)


def read_split(path: Path, classes: int, seconds: float, steps: int, limit: int | None) -> Split:
    """Return what an ``.h5`` file, or the one in a ``.h5.zip``, has of ``classes`` classes.

    Raises:
        ToolkitError: h5py is missing, or the file is not as the publisher's.
    """
    try:
        import h5py
    except ImportError as error:
        raise ToolkitError(
            "this dataset is an HDF5 file, and h5py, which reads it, is not installed",
            at=str(path),
            fix="pip install h5py",
            exit_code=MISSING,
        ) from error
    try:
        with h5py.File(_opened(path), "r") as file:
            return _read(file, classes, seconds, steps, limit)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
    ) as error:  # what h5py raises for damaged files
        raise damaged(path, error) from error


def _opened(path: Path) -> Any:
    if path.suffix != ".zip":
        return path
    members = read_zip(
        path,
        r"(?:\w+/)?\w+\.h5",
        order=lambda match: match[0],
        limit=1,
        max_member_bytes=_MAX_FILE_BYTES,
        max_total_bytes=_MAX_FILE_BYTES,
    )
    for _, content in members:
        return io.BytesIO(content)
    raise damaged(path, "it has no file NAME.h5")


def _read(file: Any, classes: int, seconds: float, steps: int, limit: int | None) -> Split:
    times, units, labels, keys = (
        _own(file, name) for name in ("spikes/times", "spikes/units", "labels", "extra/keys")
    )
    if keys.shape != (classes,):
        raise ValueError(f"names of {keys.shape} classes, not {classes}")
    if not len(times) == len(units) == len(labels) > 0 or times.ndim != 1 or labels.ndim != 1:
        raise ValueError(f"{len(times)} times, {len(units)} units and {len(labels)} labels")
    y = np.asarray(labels[:limit]).astype(np.int64)
    if y.min() < 0 or y.max() >= classes:
        raise ValueError(f"labels from {y.min()} to {y.max()} of {classes} classes")
    x = np.stack([_counts(times[i], units[i], seconds, steps) for i in range(len(y))])
    return x, y, [key.decode() if isinstance(key, bytes) else str(key) for key in keys[:]]


def _own(file: Any, name: str) -> Any:
    """Return a dataset that lies in ``file`` itself."""
    import h5py

    place = file
    for part in name.split("/"):
        if not isinstance(place, h5py.Group) or not isinstance(place.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"it has no {name}")
        place = place[part]
    if not isinstance(place, h5py.Dataset) or place.is_virtual or place.external:
        raise ValueError(f"{name} does not lie in the file")
    return place


def _counts(times: Any, units: Any, seconds: float, steps: int) -> np.ndarray:
    t, unit = np.asarray(times, np.float64), np.asarray(units)
    if t.ndim != 1 or t.shape != unit.shape or len(t) > _MAX_SPIKES or unit.dtype.kind not in "ui":
        raise ValueError(f"a recording with {t.size:,} times and {unit.size:,} units of {unit.dtype}")
    if len(t) and not (np.isfinite(t).all() and t.min() >= 0 and unit.min() >= 0 and unit.max() < CHANNELS):
        raise ValueError("a recording with a spike before it begins, or in no channel")
    step = np.floor(t * (steps / seconds)).astype(np.int64)
    inside = step < steps
    place = step[inside] * (CHANNELS // JOINED) + unit[inside].astype(np.int64) // JOINED
    counts = np.bincount(place, minlength=steps * CHANNELS // JOINED)
    return counts.reshape(steps, -1).astype(np.float32)
