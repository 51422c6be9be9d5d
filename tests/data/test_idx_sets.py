"""MNIST and Fashion-MNIST: the shared IDX reader, with small files made here, good ones and bad ones."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from toolkit import data
from toolkit.data.download import Checksum, RemoteFile
from toolkit.data.idx import PARTS, load_idx_dataset, read_idx
from toolkit.data.sets import fashion_mnist, mnist
from toolkit.errors import ToolkitError


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def small_set(count: int = 20, classes: int = 10) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {
        PARTS[0]: rng.integers(0, 256, (count, 28, 28), np.uint8),
        PARTS[1]: (np.arange(count) % classes).astype(np.uint8),
        PARTS[2]: rng.integers(0, 256, (count // 2, 28, 28), np.uint8),
        PARTS[3]: (np.arange(count // 2) % classes).astype(np.uint8),
    }


def fill(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    folder.mkdir(parents=True)
    for part, array in arrays.items():
        (folder / f"{part}.gz").write_bytes(gzip.compress(idx(array)))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_reads_what_lies_in_the_cache(cache, name):
    arrays = small_set()
    fill(cache / name, arrays)
    dataset = data.load(name)
    assert dataset.x_train.shape == (20, 1, 28, 28)
    assert dataset.x_train.dtype == np.float32
    assert np.array_equal((dataset.x_train[:, 0] * 255).round(), arrays[PARTS[0]])
    assert dataset.y_train.tolist() == arrays[PARTS[1]].tolist()
    assert np.array_equal((dataset.x_test[:, 0] * 255).round(), arrays[PARTS[2]])
    assert dataset.y_test.tolist() == arrays[PARTS[3]].tolist()
    assert len(dataset.classes) == 10
    assert dataset.input_shape == (1, 28, 28)


def test_limit_keeps_the_first_of_each_split(cache):
    fill(cache / "mnist", small_set())
    all_of_it, some = data.load("mnist"), data.load("mnist", limit=3)
    assert np.array_equal(some.x_train, all_of_it.x_train[:3])
    assert np.array_equal(some.y_test, all_of_it.y_test[:3])


def test_downloads_what_is_missing(cache, server):
    arrays = small_set()
    files = []
    for part in PARTS:
        content = gzip.compress(idx(arrays[part]))
        url = server.serve(f"{part}.gz", content)
        checksum = Checksum("sha256", hashlib.sha256(content).hexdigest())
        files.append(RemoteFile(f"some_set/{part}.gz", (url,), len(content), (checksum,)))
    classes = [str(digit) for digit in range(10)]
    dataset = load_idx_dataset("some_set", files, None, classes=classes, description="", licence="")
    assert dataset.y_train.tolist() == arrays[PARTS[1]].tolist()
    assert len(server.requests) == 4
    assert (cache / "some_set" / f"{PARTS[0]}.gz").is_file()


@pytest.mark.parametrize("module", [mnist, fashion_mnist])
def test_every_public_file_has_two_homes_and_a_checksum(module):
    for file, part in zip(module.FILES, PARTS, strict=True):
        assert file.path == f"{module.__name__.rpartition('.')[2]}/{part}.gz"
        assert len(file.urls) == 2
        assert all(url.endswith(f"/{part}.gz") for url in file.urls)
        assert [len(checksum.hexdigest) for checksum in file.checksums] == [64]


BAD_FILES = {
    "not gzip": b"plain text",
    "empty": b"",
    "truncated gzip": gzip.compress(idx(np.zeros((5, 28, 28), np.uint8)))[:-12],
    "damaged gzip": gzip.compress(idx(np.arange(7840, dtype=np.uint8).reshape(10, 28, 28)))[:40]
    + b"\xff" * 40,
    "wrong magic": gzip.compress(b"\0\0\x0d\x03" + bytes(12)),
    "labels where images belong": gzip.compress(idx(np.zeros(5, np.uint8))),
    "short header": gzip.compress(b"\0\0\x08\x03\0\0"),
    "too little data": gzip.compress(idx(np.zeros((5, 28, 28), np.uint8))[:-1]),
    "too much data": gzip.compress(idx(np.zeros((5, 28, 28), np.uint8)) + b"\0"),
    "a claim of four gigabytes": gzip.compress(struct.pack(">HBBIII", 0, 8, 3, 2**26, 8, 8)),
    "a claim that overflows": gzip.compress(struct.pack(">HBBIII", 0, 8, 3, *[2**32 - 1] * 3)),
    "a bomb": gzip.compress(idx(np.zeros((5, 28, 28), np.uint8)) + bytes(50_000_000)),
}


@pytest.mark.parametrize("content", BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_named_with_the_fix(tmp_path, content):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(ToolkitError) as caught:
        read_idx(path, dimensions=3)
    assert caught.value.at == str(path)
    assert "delete the file" in caught.value.fix


@pytest.mark.parametrize(
    ("part", "array", "message"),
    [
        (PARTS[0], np.zeros((20, 14, 14), np.uint8), "not \\(28, 28\\)"),
        (PARTS[1], np.zeros(19, np.uint8), "19 labels for 20 images"),
        (PARTS[3], np.full(10, 10, np.uint8), "label 10 where the largest is 9"),
        (PARTS[0], np.zeros((0, 28, 28), np.uint8), "20 labels for 0 images"),
    ],
)
def test_files_that_do_not_fit_together(cache, part, array, message):
    fill(cache / "mnist", {**small_set(), part: array})
    with pytest.raises(ToolkitError, match=message):
        data.load("mnist")


def test_the_real_mnist(real_data):
    mnist_set = data.load("mnist")
    assert mnist_set.x_train.shape == (60000, 1, 28, 28)
    assert mnist_set.x_test.shape == (10000, 1, 28, 28)
    assert np.bincount(mnist_set.y_train).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert np.bincount(mnist_set.y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    # the mean and deviation that every tutorial normalises by
    assert mnist_set.x_train.mean() == pytest.approx(0.1307, abs=1e-4)
    assert mnist_set.x_train.std() == pytest.approx(0.3081, abs=1e-4)
