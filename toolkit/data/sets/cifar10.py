"""Small colour photographs of ten kinds of things, 32x32, 50,000 for training and 10,000 for testing.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. The binary edition is
downloaded; the more common Python edition is a pickle, which could execute anything. A cache filled by hand
may hold JPEG copies in ``train.zip`` and ``test.zip`` (``train/<class>/NNNN.jpg``) instead; those need
Pillow.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from toolkit.data.archives import read_tar_gz, read_zip
from toolkit.data.cache import cache_dir, damaged
from toolkit.data.dataset import Dataset
from toolkit.data.download import Checksum, RemoteFile, fetch
from toolkit.errors import MISSING, ToolkitError

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]

FILE = RemoteFile(
    path="cifar10/cifar-10-binary.tar.gz",
    urls=("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    max_bytes=170052171,
    checksums=(Checksum("sha256", "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),),
)

_SHAPE = (3, 32, 32)
_RECORD_BYTES = 1 + 3 * 32 * 32  # label, then the red, green and blue plane
_BATCH_BYTES = 10000 * _RECORD_BYTES
_JPEG_BYTES = 64 * 1024  # real ones have about 900

Split = tuple[np.ndarray, np.ndarray]  # images uint8 (n, 3, 32, 32), labels int64 (n,)


def load(limit: int | None) -> Dataset:
    """Return images ``(n, 3, 32, 32)``, channels red, green, blue; all of them take 740 MB."""
    zips = [cache_dir() / "cifar10" / f"{split}.zip" for split in ("train", "test")]
    if not (cache_dir() / FILE.path).exists() and all(path.is_file() for path in zips):
        train, test = (read_jpegs(path, limit) for path in zips)
    else:
        train, test = read_binary(fetch(FILE), limit)
    return Dataset(
        name="cifar10",
        x_train=train[0].astype(np.float32) / 255,
        y_train=train[1],
        x_test=test[0].astype(np.float32) / 255,
        y_test=test[1],
        classes=CLASSES,
        description="Photographs of ten kinds of things, 32x32, colour",
        licence="unspecified; free for research with citation",
    )


def read_binary(path: Path, limit: int | None) -> tuple[Split, Split]:
    """Return both splits of ``cifar-10-binary.tar.gz``."""
    names = [f"cifar-10-batches-bin/data_batch_{number}.bin" for number in range(1, 6)]
    names.append("cifar-10-batches-bin/test_batch.bin")
    files = read_tar_gz(path, dict.fromkeys(names, _BATCH_BYTES), max_total_bytes=8 * _BATCH_BYTES)
    batches = []
    for name in names:
        if not files[name] or len(files[name]) % _RECORD_BYTES:
            raise damaged(path, f"{name} is not made of records of {_RECORD_BYTES} bytes")
        records = np.frombuffer(files[name], np.uint8).reshape(-1, _RECORD_BYTES)
        if records[:, 0].max() >= len(CLASSES):
            raise damaged(path, f"{name} has label {records[:, 0].max()} where the largest is 9")
        batches.append(records)
    train, test = np.concatenate(batches[:5])[:limit], batches[5][:limit]
    return _split(train), _split(test)


def _split(records: np.ndarray) -> Split:
    return records[:, 1:].reshape(-1, *_SHAPE), records[:, 0].astype(np.int64)


def read_jpegs(path: Path, limit: int | None) -> Split:
    """Return a split from a zip of ``<split>/<class>/NNNN.jpg``; the classes take turns."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ToolkitError(
            "CIFAR-10 lies in the cache as JPEGs, and Pillow, which reads them, is not installed",
            at=str(path),
            fix=f"pip install pillow, or put cifar-10-binary.tar.gz in {path.parent}",
            exit_code=MISSING,
        ) from error
    members = read_zip(
        path,
        rf"(?:train|test)/({'|'.join(CLASSES)})/(\d+)\.jpg",
        order=lambda match: (int(match[2]), match[1]),
        limit=limit,
        max_member_bytes=_JPEG_BYTES,
        max_total_bytes=_BATCH_BYTES * 5,
    )
    images, labels = [], []
    for match, data in members:
        try:
            with Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
                if picture.size != _SHAPE[1:] or picture.mode != "RGB":
                    raise damaged(path, f"{match[0]} is {picture.size} {picture.mode}, not (32, 32) RGB")
                images.append(np.asarray(picture).transpose(2, 0, 1))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise damaged(path, f"{match[0]}: {error or type(error).__name__}") from error
        labels.append(CLASSES.index(match[1]))
    if not images:
        raise damaged(path, "it has no images called <split>/<class>/NNNN.jpg")
    return np.stack(images), np.array(labels, np.int64)
