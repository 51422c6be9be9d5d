"""Spoken digits: WAV files out of a zip."""

from __future__ import annotations

import io
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest

from toolkit import data
from toolkit.data.dataset import AudioDataset
from toolkit.data.sets import fsdd
from toolkit.errors import ToolkitError


def wav(samples: np.ndarray, *, rate: int = 8000, channels: int = 1) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as recording:
        recording.setparams((channels, 2, rate, 0, "NONE", ""))
        recording.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def pack(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def recordings(numbers: list[int], prefix: str = "") -> dict[str, bytes]:
    return {
        f"{prefix}recordings/{digit}_{speaker}_{number}.wav": wav(np.full(100, digit * 100 + number))
        for digit in range(10)
        for speaker in ("george", "theo")
        for number in numbers
    }


@pytest.mark.parametrize("prefix", ["", "free-spoken-digit-dataset-1.0.10/"])
def test_the_split_follows_the_recording_number(cache, prefix):
    files = {**recordings([0, 4, 5, 49], prefix), "../recordings/1_evil_0.wav": b"x", "README.md": b"x"}
    pack(cache / "fsdd" / "recordings.zip", files)
    dataset = data.load("fsdd")
    assert isinstance(dataset, AudioDataset)
    assert dataset.sample_rate_hz == 8000
    assert dataset.x_train.shape == dataset.x_test.shape == (40, 1, 8000)
    assert dataset.x_train.dtype == np.float32
    numbers = (dataset.x_test[:, 0, 0] * 32768).astype(int) - dataset.y_test * 100
    assert sorted(set(numbers.tolist())) == [0, 4]
    assert set(dataset.speaker_test) == {"george", "theo"}
    assert sorted(path.name for path in cache.iterdir()) == ["fsdd"]


def test_any_beginning_has_all_digits(cache):
    pack(cache / "fsdd" / "recordings.zip", recordings([0, 1, 5, 6]))
    dataset = data.load("fsdd", limit=10)
    assert sorted(dataset.y_train.tolist()) == list(range(10))


def test_one_second_cut_or_padded(cache):
    long, short = np.arange(9000), np.array([-32768, 32767, 16384])
    pack(
        cache / "fsdd" / "recordings.zip",
        {"recordings/0_theo_0.wav": wav(long), "recordings/0_theo_5.wav": wav(short)},
    )
    dataset = data.load("fsdd")
    assert np.array_equal(dataset.x_test[0, 0], np.arange(8000, dtype=np.float32) / 32768)
    assert dataset.x_train[0, 0, :4].tolist() == [-1, 32767 / 32768, 0.5, 0]
    assert not dataset.x_train[0, 0, 3:].any()


def test_bad_archives(cache):
    path = cache / "fsdd" / "recordings.zip"
    tone = np.zeros(100)
    good = {"recordings/0_theo_5.wav": wav(tone)}
    cases = {
        "no recordings": ({"readme": b""}, "no recordings"),
        "only one split": (good, "no recordings"),
        "not a WAV": ({**good, "recordings/0_theo_0.wav": b"RIFFnothing"}, "0_theo_0.wav"),
        "empty": ({**good, "recordings/0_theo_0.wav": b""}, "0_theo_0.wav"),
        "wrong rate": ({**good, "recordings/0_theo_0.wav": wav(tone, rate=16000)}, "8 kHz"),
        "stereo": ({**good, "recordings/0_theo_0.wav": wav(tone, channels=2)}, "mono"),
        "a bomb": ({**good, "recordings/0_theo_0.wav": bytes(10**7)}, "unpacks to 10,000,000"),
    }
    for name, (files, message) in cases.items():
        pack(path, files)
        with pytest.raises(ToolkitError) as caught:
            data.load("fsdd")
        assert message in caught.value.what, name
    for content in (b"plain text", path.read_bytes()[:-30]):
        path.write_bytes(content)
        with pytest.raises(ToolkitError, match="damaged"):
            data.load("fsdd")


def test_flipped_bits_are_noticed(cache):
    path = cache / "fsdd" / "recordings.zip"
    samples = np.random.default_rng(0).integers(-9999, 9999, 1000)
    pack(path, {"recordings/0_theo_0.wav": wav(samples), "recordings/0_theo_5.wav": wav(samples)})
    content = bytearray(path.read_bytes())
    content[500] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ToolkitError, match="damaged"):
        data.load("fsdd")


def test_a_download_with_too_few_recordings_is_not_trusted(tmp_path):
    path = tmp_path / "recordings.zip"
    pack(path, recordings([0, 5]))
    with pytest.raises(ToolkitError, match="20 recordings in a split that has 2700"):
        fsdd.FILE.check(path)


def test_the_real_recordings(real_data):
    if not (real_data / "fsdd").is_dir():
        pytest.skip(f"no fsdd in {real_data}")
    fsdd.FILE.check(real_data / "fsdd" / "recordings.zip")
    dataset = data.load("fsdd")
    assert isinstance(dataset, AudioDataset)
    assert np.bincount(dataset.y_train).tolist() == [270] * 10
    assert np.bincount(dataset.y_test).tolist() == [30] * 10
    assert sorted(set(dataset.speaker_train)) == ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]
    assert 0.5 < np.abs(dataset.x_train).max() <= 1
