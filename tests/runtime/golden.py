"""Run a compiled model on a bundle's golden inputs, here, and compare with the golden outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.runtime.c_compiler import call
from toolkit import bundle as bundles
from toolkit import tensors
from toolkit.device.build import read_manifest

FLOAT_TOLERANCE = 1e-5


def check(program: Path, bundle: Path) -> None:
    """Run ``program``, built from ``bundle`` with ``main_stdio.c``, and demand the golden outputs."""
    manifest = read_manifest(bundle)
    inputs, outputs = bundles.golden_samples(bundle, manifest)
    (program.parent / "input.bin").write_bytes(b"".join(tensors.to_bytes(inputs)))
    call([program], cwd=program.parent)
    got = np.frombuffer((program.parent / "output.bin").read_bytes(), outputs[0].dtype)
    expected = outputs[0].ravel()
    assert len(np.unique(expected)) > 10  # a model that says the same to everything would prove nothing
    if expected.dtype == np.float32:
        np.testing.assert_allclose(got, expected, atol=FLOAT_TOLERANCE)
    else:
        np.testing.assert_array_equal(got, expected)
