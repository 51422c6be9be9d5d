"""Event datasets: their published formats, written here to the byte, good ones and bad ones."""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from toolkit import data
from toolkit.data import heidelberg
from toolkit.data.aedat import read_aedat
from toolkit.data.download import Checksum, RemoteFile
from toolkit.data.events import Events, frames
from toolkit.data.sets import dvs128_gesture, n_mnist, shd
from toolkit.errors import ToolkitError

Row = tuple[int, int, int, int]  # t, x, y, p


def events(rows: list[Row]) -> Events:
    return Events(*np.array(rows, np.int64).reshape(-1, 4).T)


def rows_of(found: Events) -> list[Row]:
    return [tuple(map(int, row)) for row in zip(found.t, found.x, found.y, found.p, strict=True)]  # type: ignore[misc]


def test_frames_count_events() -> None:
    found = frames(
        events([(0, 1, 2, 1), (49, 1, 2, 1), (50, 3, 3, 0), (100, 0, 0, 0), (-1, 0, 0, 0)]), 0, 100, 2, 4, 4
    )
    assert found.shape == (2, 2, 4, 4)
    assert found.dtype == np.float32
    assert found[0, 1, 2, 1] == 2
    assert found[1, 0, 3, 3] == 1
    assert found.sum() == 3
    assert frames(events([(0, 1, 2, 1), (9, 0, 3, 1)]), 0, 10, 1, 4, 4, shrink=2)[0, 1].tolist() == [
        [0, 0],
        [2, 0],
    ]


def test_frames_refuse_what_no_camera_saw() -> None:
    with pytest.raises(ValueError, match="an event at"):
        frames(events([(0, 4, 0, 1)]), 0, 1, 1, 4, 4)
    with pytest.raises(ValueError, match="no time from 5 to 5"):
        frames(events([]), 5, 5, 1, 4, 4)


# N-MNIST


def atis(rows: list[Row]) -> bytes:
    return b"".join(bytes([x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255]) for t, x, y, p in rows)


def pack_zip(path: Path, files: dict[str, bytes]) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path.read_bytes()


def n_mnist_files(split: str) -> dict[str, bytes]:
    return {f"{split}/{digit}/{9 - digit:05}.bin": atis([(150_000, digit, 33, 1)]) for digit in range(10)}


def test_n_mnist_reads_40_bits_an_event() -> None:
    rows = [(0, 0, 33, 0), (105_000, 12, 7, 1), (8_388_607, 33, 0, 1)]
    assert rows_of(n_mnist.read_events(atis(rows))) == rows
    late = atis([(5, 1, 1, 0), (0, 0, 240, 0), (6, 2, 2, 0)])
    assert rows_of(n_mnist.read_events(late)) == [(5, 1, 1, 0), (6 + 8192, 2, 2, 0)]


def test_n_mnist_from_the_cache(cache: Path) -> None:
    for split in ("Train", "Test"):
        pack_zip(cache / "n_mnist" / f"{split}.zip", {**n_mnist_files(split), "Train/readme.txt": b""})
    dataset = data.load("n_mnist", limit=4)
    assert dataset.x_train.shape == dataset.x_test.shape == (4, 3, 2, 34, 34)
    assert dataset.y_train.tolist() == [9, 8, 7, 6]  # in the order of their numbers
    assert dataset.x_train[1, 1, 1, 33, 8] == 1
    assert dataset.x_train.sum() == 4


def test_n_mnist_is_downloaded(
    cache: Path, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = []
    for split in ("Train", "Test"):
        content = pack_zip(tmp_path / f"{split}.zip", n_mnist_files(split))
        checksum = Checksum("md5", hashlib.md5(content, usedforsecurity=False).hexdigest())
        files.append(
            RemoteFile(f"n_mnist/{split}.zip", (server.serve(split, content),), len(content), (checksum,))
        )
    monkeypatch.setattr(n_mnist, "FILES", files)
    assert len(data.load("n_mnist").y_test) == 10
    assert len(server.requests) == 2
    assert (cache / "n_mnist" / "Train.zip").is_file()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no Train"),
        ({"Train/3/00001.bin": b""}, "0 bytes"),
        ({"Train/3/00001.bin": b"123456"}, "6 bytes are no events of 5"),
        ({"Train/3/00001.bin": atis([(0, 34, 0, 1)])}, "an event at"),
        ({"Train/3/00001.bin": bytes(2_000_000)}, "unpacks to 2,000,000"),
    ],
)
def test_n_mnist_refuses_damaged_files(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    pack_zip(tmp_path / "Train.zip", files)
    with pytest.raises(ToolkitError, match=message):
        n_mnist.read_split(tmp_path / "Train.zip", "Train", None)


# DVS128 Gesture

HEADER = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"


def packet(rows: list[Row], *, kind: int = 1, overflow: int = 0, valid: int = 1, size: int = 8) -> bytes:
    body = b"".join(struct.pack("<II", x << 17 | y << 2 | p << 1 | valid, t) for t, x, y, p in rows)
    return struct.pack("<HHIIIIII", kind, 1, size, 4, overflow, len(rows), len(rows), len(rows)) + body


def test_aedat_packets() -> None:
    first, second = [(10, 127, 0, 1), (11, 0, 127, 0)], [(3, 5, 6, 1)]
    content = HEADER + packet(first) + packet([(0, 0, 0, 0)], kind=0) + packet([(9, 1, 1, 1)], valid=0)
    found = read_aedat(content + packet(second, overflow=2))
    assert rows_of(found) == [*first, (3 + 2 * 2**31, 5, 6, 1)]
    assert rows_of(read_aedat(HEADER)) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not begin"),
        (b"#!AER-DAT2.0\r\n", "does not begin"),
        (b"#!AER-DAT3.1" + b"x" * 10, "no end"),
        (HEADER + bytes(20), "cut off"),
        (HEADER + packet([(0, 0, 0, 0)])[:-1], "cut off"),
        (HEADER + packet([], size=0), "cut off"),
        (HEADER + packet([(0, 0, 0, 0)], size=4), "polarity events of 4 bytes"),
    ],
)
def test_aedat_refuses_damaged_files(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_aedat(content)


def gesture_files() -> dict[str, bytes]:
    files = {
        "DvsGesture/trials_to_train.txt": b"user02_led.aedat\nuser01_lab.aedat\n",
        "DvsGesture/trials_to_test.txt": b"user24_led.aedat\n",
    }
    for name, x in (("user01_lab", 10), ("user02_led", 20), ("user24_led", 30)):
        rows = [(1000 + 100 * i, x, i, i % 2) for i in range(32)] + [(9000, x, 100, 1)]
        files[f"DvsGesture/{name}.aedat"] = HEADER + packet(rows)
        files[f"DvsGesture/{name}_labels.csv"] = (
            b"class,startTime_usec,endTime_usec\n1,1000,4200\n11,8000,9600\n"
        )
    return files


def pack_tar(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def test_gestures_are_cut_out_of_trials(cache: Path) -> None:
    pack_tar(cache / "dvs128_gesture" / "DvsGesture.tar.gz", gesture_files())
    dataset = data.load("dvs128_gesture")
    assert dataset.x_train.shape == (4, 16, 2, 32, 32)
    assert dataset.y_train.tolist() == [0, 10, 0, 10]
    assert dataset.y_test.tolist() == [0, 10]
    first = dataset.x_train[0]
    assert first.sum() == 32
    assert first.sum((1, 2, 3)).tolist() == [2] * 16
    assert first[0, 0, 0, 20 // 4] == first[0, 1, 0, 20 // 4] == 1  # user02's, as the list says
    assert dataset.x_train[1, 10, 1, 25, 5] == dataset.x_train[1].sum() == 1
    assert len(data.load("dvs128_gesture", limit=1).x_train) == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("trials_to_test.txt", None, "trials_to_test.txt is not in it"),
        ("trials_to_test.txt", b"", "no gestures"),
        ("user01_lab_labels.csv", None, "user01_lab has no labels"),
        ("user01_lab.aedat", None, "user01_lab has no recording"),
        ("user01_lab.aedat", HEADER + packet([(1000, 128, 0, 1)]), "an event at"),
        ("user01_lab.aedat", HEADER + bytes(3), "cut off"),
        ("user01_lab_labels.csv", b"kind,from,to\n1,2,3\n", "no table"),
        ("user01_lab_labels.csv", b"class,startTime_usec,endTime_usec\n12,1,2\n", "has class 12"),
        ("user01_lab_labels.csv", b"class,startTime_usec,endTime_usec\n1,5,5\n", "from 5 to 5"),
    ],
)
def test_gestures_refuse_damaged_files(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    files = gesture_files()
    del files[f"DvsGesture/{name}"]
    if content is not None:
        files[f"DvsGesture/{name}"] = content
    pack_tar(tmp_path / "DvsGesture.tar.gz", files)
    with pytest.raises(ToolkitError, match=message):
        dvs128_gesture.read(tmp_path / "DvsGesture.tar.gz", None)


# SHD and SSC


def write_h5(path: Path, count: int = 4, classes: int = 20, **replaced: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    times: list[Any] = [np.array([0.001, 0.5, 1.399, 1.5]) for _ in range(count)]
    units: list[Any] = [np.array([0, 3, 699, 5]) for _ in range(count)]
    labels = np.arange(count, dtype=np.uint16)
    times, units = replaced.get("times", times), replaced.get("units", units)
    with h5py.File(path, "w") as file:
        for name, rows, dtype in (("times", times, np.float16), ("units", units, np.uint16)):
            made = file.create_dataset(f"spikes/{name}", (len(rows),), h5py.vlen_dtype(dtype))
            for i, row in enumerate(rows):
                made[i] = row
        file["labels"] = replaced.get("labels", labels)
        file["extra/keys"] = [f"word {i}".encode() for i in range(classes)]
        file["extra/speaker"] = labels


@pytest.mark.parametrize(("name", "classes", "seconds"), [("shd", 20, 1.4), ("ssc", 35, 1.0)])
def test_heidelberg(cache: Path, name: str, classes: int, seconds: float) -> None:
    write_h5(cache / name / f"{name}_train.h5", 4, classes)
    write_h5(cache / name / f"{name}_test.h5", 3, classes)
    dataset = data.load(name, limit=3)
    assert dataset.x_train.shape == dataset.x_test.shape == (3, 100, 140)
    assert dataset.y_train.tolist() == [0, 1, 2]
    assert dataset.classes[:2] == ["word 0", "word 1"]
    assert dataset.x_train[0, 0, 0] == 1
    assert dataset.x_train[0, int(0.5 * 100 / seconds), 0] == 1  # units 0 to 4 are one
    assert dataset.x_train[0].sum() == (3 if seconds > 1.39 else 2)  # what is later is left out


def test_heidelberg_from_its_zip(cache: Path, tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_h5(tmp_path / f"shd_{split}.h5")
        content = {f"shd_{split}.h5": (tmp_path / f"shd_{split}.h5").read_bytes()}
        pack_zip(cache / "shd" / f"shd_{split}.h5.zip", content)
    assert data.load("shd").x_test.shape == (4, 100, 140)


def _read(path: Path) -> None:
    heidelberg.read_split(path, 20, shd.SECONDS, shd.STEPS, None)


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"labels": np.arange(3)}, "4 times, 4 units and 3 labels"),
        ({"labels": np.full(4, 20)}, "labels from 20 to 20 of 20"),
        ({"labels": np.zeros((4, 2), int)}, "labels"),
        ({"classes": 19}, "classes"),
        ({"times": [np.zeros(3)] * 4}, "3 times and 4 units"),
        ({"times": [np.array([0, 0, np.nan, 0])] * 4}, "before it begins"),
        ({"times": [np.array([0, 0, -1, 0])] * 4}, "before it begins"),
        ({"units": [np.array([0, 0, 700, 0])] * 4}, "in no channel"),
    ],
)
def test_heidelberg_refuses_what_makes_no_sense(
    tmp_path: Path, replaced: dict[str, Any], message: str
) -> None:
    write_h5(tmp_path / "shd_train.h5", **replaced)
    with pytest.raises(ToolkitError, match=message):
        _read(tmp_path / "shd_train.h5")


def test_heidelberg_reads_no_other_file(tmp_path: Path) -> None:
    """Links to other files, data in other files, and what is no HDF5 at all."""
    write_h5(tmp_path / "other.h5")
    path = tmp_path / "shd_train.h5"
    write_h5(path)
    with h5py.File(path, "a") as file:
        del file["labels"]
        file["labels"] = h5py.ExternalLink("other.h5", "/labels")
    with pytest.raises(ToolkitError, match="no labels"):
        _read(path)
    with h5py.File(path, "a") as file:
        del file["labels"]
        file.create_dataset("labels", (4,), np.uint16, external=[(str(tmp_path / "other.h5"), 0, 8)])
    with pytest.raises(ToolkitError, match="labels does not lie in the file"):
        _read(path)
    path.write_bytes(b"no HDF5")
    with pytest.raises(ToolkitError, match="damaged"):
        _read(path)
    pack_zip(tmp_path / "shd_train.h5.zip", {"readme.txt": b""})
    with pytest.raises(ToolkitError, match=r"no file NAME\.h5"):
        _read(tmp_path / "shd_train.h5.zip")


def test_a_cut_hdf5_file_is_an_error_wherever_it_is_cut(tmp_path: Path) -> None:
    write_h5(tmp_path / "whole.h5")
    whole, path = (tmp_path / "whole.h5").read_bytes(), tmp_path / "cut.h5"
    for share in range(0, 100, 7):
        path.write_bytes(whole[: len(whole) * share // 100])
        with pytest.raises(ToolkitError):
            _read(path)
