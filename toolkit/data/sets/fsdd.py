"""Free Spoken Digit Dataset: six speakers, 8 kHz, 2,700 recordings for training and 300 for testing.

Z. Jackson et al., https://github.com/Jakobovski/free-spoken-digit-dataset, doi:10.5281/zenodo.1342401. The
test set is the publisher's: recordings 0 to 4 of each digit and speaker.
"""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np

from toolkit.data.archives import read_zip
from toolkit.data.cache import damaged
from toolkit.data.dataset import AudioDataset
from toolkit.data.download import RemoteFile, fetch

SAMPLE_RATE_HZ = 8000
_SAMPLES = SAMPLE_RATE_HZ  # one second; 20 of the 3,000 recordings are longer
_MAX_WAV_BYTES = 256 * 1024  # the longest real one has 37 KB
_MAX_TOTAL_BYTES = 256 * 1024 * 1024

TEST = r"(?:\w[\w.-]*/)?recordings/(\d)_([a-z]+)_([0-4])\.wav"
TRAIN = r"(?:\w[\w.-]*/)?recordings/(\d)_([a-z]+)_([5-9]|[1-9]\d+)\.wav"

Split = tuple[np.ndarray, np.ndarray, list[str]]  # waveforms, digits, speakers


def read_split(path: Path, pattern: str, limit: int | None) -> Split:
    """Return the recordings whose name matches: the lowest numbers first, so any beginning has all digits."""
    members = read_zip(
        path,
        pattern,
        order=lambda match: (int(match[3]), match[2], match[1]),
        limit=limit,
        max_member_bytes=_MAX_WAV_BYTES,
        max_total_bytes=_MAX_TOTAL_BYTES,
    )
    waveforms, digits, speakers = [], [], []
    for match, data in members:
        try:
            waveforms.append(_one_second(data))
        except (wave.Error, EOFError, ValueError) as error:
            raise damaged(path, f"{match[0]}: {error or type(error).__name__}") from error
        digits.append(int(match[1]))
        speakers.append(match[2])
    if not waveforms:
        raise damaged(path, "it has no recordings/<digit>_<speaker>_<number>.wav of one of the two splits")
    return np.stack(waveforms)[:, None], np.array(digits, np.int64), speakers


def _one_second(data: bytes) -> np.ndarray:
    """Return the waveform, cut or padded with silence at its end."""
    with wave.open(io.BytesIO(data)) as recording:
        if recording.getparams()[:3] != (1, 2, SAMPLE_RATE_HZ):
            raise ValueError("it is not mono with 16 bits at 8 kHz")
        samples = np.frombuffer(recording.readframes(_SAMPLES), "<i2")
    waveform = np.zeros(_SAMPLES, np.float32)
    waveform[: len(samples)] = samples / 32768
    return waveform


def _check(path: Path) -> None:
    for pattern, least in ((TRAIN, 2700), (TEST, 300)):
        if (found := len(read_split(path, pattern, None)[0])) < least:
            raise damaged(path, f"{found} recordings in a split that has {least}")


# GitHub packs the archive anew, so its bytes have no published checksum; see RemoteFile. The cache keeps it
# under the name of the folder of interest, and a zip with nothing but that folder serves as well.
FILE = RemoteFile(
    path="fsdd/recordings.zip",
    urls=(
        "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip",
        "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/heads/master.zip",
    ),
    max_bytes=64 * 1024 * 1024,
    check=_check,
)


def load(limit: int | None) -> AudioDataset:
    """Return waveforms ``(n, 1, 8000)``, one second each: longer recordings are cut, shorter ones padded."""
    path = fetch(FILE)
    x_train, y_train, speaker_train = read_split(path, TRAIN, limit)
    x_test, y_test, speaker_test = read_split(path, TEST, limit)
    return AudioDataset(
        name="fsdd",
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        classes=[str(digit) for digit in range(10)],
        description="Spoken English digits, six speakers, one second at 8 kHz",
        licence="CC BY-SA 4.0",
        sample_rate_hz=SAMPLE_RATE_HZ,
        speaker_train=speaker_train,
        speaker_test=speaker_test,
    )
