"""Recordings as small pictures: how loud each band of frequencies is in each stretch of time."""

from __future__ import annotations

import numpy as np

FRAMES, BANDS = 16, 16
_LOWEST_HZ, _HIGHEST_HZ = 100.0, 3600.0
_WINDOW = 512
_FLOOR = 1e-4  # of the loudest value: quieter is silence


def spectra(recordings: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Return float32 ``(n, 1, FRAMES, BANDS)`` of recordings ``(n, 1, samples)``: 1 is the loudest of each, 0 silence.

    Each frame is a power spectrum under a Hann window; bands are equally wide on the mel scale (O'Shaughnessy 1987).
    """
    samples = recordings.shape[-1]
    starts = np.linspace(0, samples - _WINDOW, FRAMES).astype(int)
    frames = recordings[:, 0, starts[:, None] + np.arange(_WINDOW)] * np.hanning(_WINDOW)
    power = np.abs(np.fft.rfft(frames)) ** 2
    mels = np.linspace(_mel(_LOWEST_HZ), _mel(_HIGHEST_HZ), BANDS + 1)
    hertz = np.fft.rfftfreq(_WINDOW, 1 / sample_rate_hz)
    band_of = np.digitize(_mel(hertz), mels) - 1
    bands = np.stack([power[..., band_of == band].mean(-1) for band in range(BANDS)], -1)
    relative = bands / np.maximum(bands.max((1, 2), keepdims=True), 1e-12)
    loudness = 1 + np.log(np.maximum(relative, _FLOOR)) / -np.log(_FLOOR)
    return loudness[:, None].astype(np.float32)


def _mel(hertz: np.ndarray | float) -> np.ndarray:
    return 2595 * np.log10(1 + np.asarray(hertz) / 700)
