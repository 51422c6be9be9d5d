"""Handwritten digits, 8x8, 1,797 images; ships with scikit-learn, needs no network.

The images are the test part of E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI
Machine Learning Repository, 1998. The split is ours: 360 test images, stratified and fixed.
"""

from __future__ import annotations

import numpy as np

from toolkit.data.dataset import Dataset

_TEST_IMAGES = 360
_LARGEST_PIXEL = 16  # each pixel counts the set pixels in a 4x4 block of the scan


def load(limit: int | None) -> Dataset:
    """Return images ``(n, 1, 8, 8)``: 1,437 for training and 360 for testing."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bundled = load_digits()
    images = (bundled.images[:, None] / _LARGEST_PIXEL).astype(np.float32)
    labels = bundled.target.astype(np.int64)
    x_train, x_test, y_train, y_test = train_test_split(
        images, labels, test_size=_TEST_IMAGES, stratify=labels, random_state=0
    )
    return Dataset(
        name="digits",
        x_train=x_train[:limit],
        y_train=y_train[:limit],
        x_test=x_test[:limit],
        y_test=y_test[:limit],
        classes=[str(digit) for digit in range(10)],
        description="Handwritten digits, 8x8, grey; the copy bundled with scikit-learn",
        licence="CC BY 4.0",
    )
