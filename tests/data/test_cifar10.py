"""CIFAR-10 from its binary edition and from JPEGs."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from toolkit import data
from toolkit.data.sets import cifar10
from toolkit.errors import ToolkitError

NAMES = [*(f"cifar-10-batches-bin/data_batch_{number}.bin" for number in range(1, 6))]
NAMES.append("cifar-10-batches-bin/test_batch.bin")


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def batch(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    records = rng.integers(0, 256, (count, 3073), np.uint8)
    records[:, 0] = rng.integers(0, 10, count)
    return records


def put(cache: Path, content: bytes) -> Path:
    path = cache / "cifar10" / "cifar-10-binary.tar.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_the_binary_edition(cache):
    batches = [batch(4, seed) for seed in range(6)]
    files = {name: records.tobytes() for name, records in zip(NAMES, batches, strict=True)}
    put(cache, archive({"cifar-10-batches-bin/readme.html": b"<html>", **files}))
    dataset = data.load("cifar10")
    train = np.concatenate(batches[:5])
    assert dataset.x_train.shape == (20, 3, 32, 32)
    assert dataset.y_train.tolist() == train[:, 0].tolist()
    # red comes first, row by row
    assert np.array_equal((dataset.x_train[:, 0] * 255).round(), train[:, 1:1025].reshape(-1, 32, 32))
    assert np.array_equal((dataset.x_test[:, 2] * 255).round(), batches[5][:, 2049:].reshape(-1, 32, 32))
    assert len(data.load("cifar10", limit=3).x_train) == 3


def test_bad_archives(cache):
    good = {name: batch(2, 0).tobytes() for name in NAMES}
    bad_label = batch(2, 0)
    bad_label[1, 0] = 10
    cases = {
        "not gzip": (b"plain text", "gzip"),
        "truncated": (archive(good)[:2000], ""),
        "a batch missing": (archive({name: good[name] for name in NAMES[:5]}), "test_batch.bin is not in it"),
        "odd size": (archive({**good, NAMES[2]: bytes(3072)}), "records of 3073"),
        "empty batch": (archive({**good, NAMES[2]: b""}), "records of 3073"),
        "bad label": (archive({**good, NAMES[2]: bad_label.tobytes()}), "label 10"),
        "batch too large": (archive({**good, NAMES[2]: bytes(40_000_000)}), "40,000,000 bytes"),
        "a bomb before the batches": (archive({"bomb": bytes(300_000_000), **good}), "unpacks to more"),
    }
    path = put(cache, b"")
    for name, (content, message) in cases.items():
        path.write_bytes(content)
        with pytest.raises(ToolkitError) as caught:
            data.load("cifar10")
        assert message in caught.value.what, name
        assert caught.value.at == str(path), name


def test_a_link_is_not_followed(cache):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in NAMES:
            member = tarfile.TarInfo(name)
            member.type = tarfile.SYMTYPE
            member.linkname = "/etc/passwd"
            tar.addfile(member)
    put(cache, gzip.compress(buffer.getvalue()))
    with pytest.raises(ToolkitError, match="is not in it"):
        data.load("cifar10")


def jpegs(size: tuple[int, int] = (32, 32), mode: str = "RGB") -> dict[str, bytes]:
    image = pytest.importorskip("PIL.Image", reason="pip install pillow")
    files = {}
    for number in range(2):
        for index, name in enumerate(cifar10.CLASSES):
            buffer = io.BytesIO()
            colour = (index * 25, 255 - index * 25, number * 200)[: len(mode)]
            image.new(mode, size, colour if len(mode) > 1 else colour[0]).save(buffer, "JPEG", quality=95)
            files[f"{name}/{number:04d}.jpg"] = buffer.getvalue()
    return files


def put_zips(cache: Path, files: dict[str, bytes]) -> None:
    (cache / "cifar10").mkdir(parents=True, exist_ok=True)
    for split in ("train", "test"):
        with zipfile.ZipFile(cache / "cifar10" / f"{split}.zip", "w") as archive_:
            for name, content in sorted(files.items(), reverse=True):
                archive_.writestr(f"{split}/{name}", content)


def test_jpegs_take_turns_by_class(cache):
    put_zips(cache, {**jpegs(), "../../../escape.jpg": b"never unpacked", "readme.txt": b"ignored"})
    dataset = data.load("cifar10")
    assert dataset.y_train.tolist() == [*range(10)] * 2
    assert dataset.x_train.shape == (20, 3, 32, 32)
    colours = (dataset.x_train.mean((2, 3)) * 255).round()
    expected = [(index * 25, 255 - index * 25, number * 200) for number in range(2) for index in range(10)]
    assert np.abs(colours - expected).max() <= 3  # JPEG is lossy
    assert data.load("cifar10", limit=10).y_test.tolist() == [*range(10)]
    assert sorted(path.name for path in cache.iterdir()) == ["cifar10"]


def test_bad_jpegs(cache):
    for files, message in (
        ({"cat/0000.jpg": b"not a JPEG"}, "cat/0000.jpg"),
        ({"cat/0000.jpg": jpegs()["cat/0000.jpg"][:200]}, "cat/0000.jpg"),
        (jpegs(size=(64, 32)), "not (32, 32) RGB"),
        (jpegs(mode="L"), "not (32, 32) RGB"),
        ({"cat/0000.jpg": bytes(70_000)}, "unpacks to 70,000 bytes"),
        ({"readme.txt": b""}, "no images"),
    ):
        put_zips(cache, files)
        with pytest.raises(ToolkitError) as caught:
            data.load("cifar10")
        assert message in caught.value.what


def test_the_real_cifar10(real_data):
    if not (real_data / "cifar10").is_dir():
        pytest.skip(f"no cifar10 in {real_data}")
    dataset = data.load("cifar10", limit=2000)
    assert np.bincount(dataset.y_train).tolist() == [200] * 10
    assert np.bincount(dataset.y_test).tolist() == [200] * 10
    # the whole set's channel means are 0.491, 0.482, 0.447
    assert dataset.x_train.mean((0, 2, 3)) == pytest.approx((0.491, 0.482, 0.447), abs=0.01)
