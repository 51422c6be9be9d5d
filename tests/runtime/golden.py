"""Run compiled models on their bundles' golden inputs, here, and compare with the golden outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.runtime.c_compiler import call
from toolkit import tensors
from toolkit.device.build import read_manifest
from toolkit.golden import golden_samples

FLOAT_TOLERANCE = 1e-5


def check(program: Path, *folders: Path) -> None:
    """Run ``program`` and demand the golden outputs.

    For each sample it reads the inputs of every bundle from ``input.bin`` and writes the outputs of every bundle
    to ``output.bin``.
    """
    golden = [golden_samples(folder, read_manifest(folder)) for folder in folders]
    samples = tensors.to_bytes([array for inputs, _ in golden for array in inputs])
    (program.parent / "input.bin").write_bytes(b"".join(samples))
    call([program], cwd=program.parent)
    expected = [array for _, outputs in golden for array in outputs]
    written = (program.parent / "output.bin").read_bytes()
    for i in range(len(samples)):
        for array in expected:
            got = np.frombuffer(written[: array[i].nbytes], array.dtype).reshape(array[i].shape)
            written = written[array[i].nbytes :]
            if array.dtype == np.float32:
                np.testing.assert_allclose(got, array[i], atol=FLOAT_TOLERANCE)
            else:
                np.testing.assert_array_equal(got, array[i])
    assert not written
    # a model that says the same to everything would prove nothing
    assert all(len(np.unique(array)) > 8 for array in expected)
