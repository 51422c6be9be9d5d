"""Datasets in the IDX format of MNIST: big-endian sizes, then unsigned bytes, gzip over all.

The format is described on http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from toolkit.data.cache import damaged
from toolkit.data.dataset import Dataset
from toolkit.data.download import Checksum, RemoteFile, fetch

# The larger of the two real splits has 60,000 images of 784 bytes; this bounds what a hostile file may claim.
_MAX_BYTES = 256 * 1024 * 1024
_UNSIGNED_BYTE = 0x08

PARTS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def remote_files(
    folder: str, homes: tuple[str, ...], published: tuple[tuple[int, str], ...]
) -> list[RemoteFile]:
    """Return the four files of an MNIST-like set; ``published`` has bytes and SHA-256 in ``PARTS``' order."""
    return [
        RemoteFile(
            path=f"{folder}/{part}.gz",
            urls=tuple(f"{home}/{part}.gz" for home in homes),
            max_bytes=size,
            checksums=(Checksum("sha256", digest),),
        )
        for part, (size, digest) in zip(PARTS, published, strict=True)
    ]


def read_idx(path: Path, *, dimensions: int) -> np.ndarray:
    """Return the uint8 array in a gzipped IDX file.

    Raises:
        ToolkitError: the magic number, the sizes or the amount of data are not those of such a file.
    """
    try:
        with gzip.open(path) as stream:
            header = stream.read(4 + 4 * dimensions)
            if len(header) < 4 + 4 * dimensions or header[:4] != bytes((0, 0, _UNSIGNED_BYTE, dimensions)):
                raise damaged(path, f"it does not begin like an IDX file of {dimensions}-dimensional bytes")
            shape = struct.unpack(f">{dimensions}I", header[4:])
            size = math.prod(shape)
            if size > _MAX_BYTES:
                raise damaged(path, f"it claims {size:,} bytes of data")
            data = stream.read(size + 1)  # one more, to see that nothing follows
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path, error) from error
    if len(data) != size:
        found = f"only {len(data):,}" if len(data) < size else "more"
        raise damaged(path, f"its header promises {size:,} bytes of data and there are {found}")
    return np.frombuffer(data, np.uint8).reshape(shape)


def load_idx_dataset(
    name: str,
    files: list[RemoteFile],
    limit: int | None,
    *,
    classes: list[str],
    description: str,
    licence: str,
) -> Dataset:
    """Fetch, check and read the four files of an MNIST-like set; images become ``(n, 1, 28, 28)``."""
    splits = []
    for images_file, labels_file in (files[:2], files[2:]):
        images_path, labels_path = fetch(images_file), fetch(labels_file)
        images, labels = read_idx(images_path, dimensions=3), read_idx(labels_path, dimensions=1)
        if images.shape[1:] != (28, 28):
            raise damaged(images_path, f"images are {images.shape[1:]}, not (28, 28)")
        if not 0 < len(images) == len(labels):
            raise damaged(labels_path, f"{len(labels):,} labels for {len(images):,} images")
        if labels.max() >= len(classes):
            raise damaged(labels_path, f"label {labels.max()} where the largest is {len(classes) - 1}")
        # int64 labels and float32 pixels: what torch's loss functions and layers take
        splits.append((images[:limit, None].astype(np.float32) / 255, labels[:limit].astype(np.int64)))
    (x_train, y_train), (x_test, y_test) = splits
    return Dataset(name, x_train, y_train, x_test, y_test, classes, description, licence)
