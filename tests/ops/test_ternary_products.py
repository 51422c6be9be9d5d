"""Ternary matrix products of hosts for any shape and value, on every kind of processor, against numpy."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from quantize.packed import ROWS, pack_ternary
from toolkit import paths

SOURCE = Path(__file__).with_name("ternary_products.c")
STRICT = ("-std=c99", "-O1", "-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Werror")
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
# compiler, its flags, what runs the program; a processor that lacks what a flag allows runs what it has
WAYS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "plain-c": ("gcc", (*SANITIZE, "-DTK_NO_SIMD"), ()),
    "avx2": ("gcc", (*SANITIZE, "-DTK_CPU_MASK=1"), ()),
    "all-there-is": ("gcc", SANITIZE, ()),
    "threads": ("gcc", (*SANITIZE, "-DTK_THREADS=3", "-pthread"), ()),
    "threads-watched": ("gcc", ("-fsanitize=thread", "-DTK_THREADS=3", "-pthread"), ()),
    "x86-64-without-avx": ("gcc", ("-static",), ("qemu-x86_64", "-cpu", "qemu64")),
    "cortex-a53": ("aarch64-linux-gnu-gcc", ("-static",), ("qemu-aarch64", "-cpu", "cortex-a53")),
    "arm-with-dot-products": ("aarch64-linux-gnu-gcc", ("-static",), ("qemu-aarch64", "-cpu", "max")),
}
PACKAGES = {"gcc": "gcc", "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu"}
EXTREMES = {"random": None, "lowest": -128, "highest": 127}
Product = tuple[str, int, int, int, str, int]  # packing, rows, depth, channels, values, seed
PRODUCTS = st.tuples(
    st.sampled_from(list(ROWS)), st.integers(1, 9), st.integers(1, 700), st.integers(1, 340),
    st.sampled_from(list(EXTREMES)), st.integers(0, 2**32 - 1),
)  # fmt: skip
LONG: list[Product] = [
    (packing, rows, depth, channels, values, depth)
    for packing in ROWS
    for rows, depth, channels in [(1, 1, 1), (4, 2560, 160), (5, 16384, 6), (1, 16385, 11), (4, 50_003, 3)]
    for values in EXTREMES
]


@pytest.fixture(scope="module", params=WAYS)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the command that multiplies."""
    compiler, flags, emulator = WAYS[request.param]
    for tool, package in ((compiler, PACKAGES[compiler]), *((word, "qemu-user") for word in emulator[:1])):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: apt-get install {package}")
    if compiler == "gcc" and emulator and platform.machine() != "x86_64":
        pytest.skip("a host that is no x86-64 has no AVX to miss")
    image = str(tmp_path_factory.mktemp("products") / "products")
    include = f"-I{paths.runtime_dir() / 'include'}"
    subprocess.run([compiler, *STRICT, *flags, include, str(SOURCE), "-o", image], check=True)
    return [*emulator, image]


def _wrong(program: Sequence[str], products: Sequence[Product]) -> list[Product]:
    sent, expected = [], []
    for packing, rows, depth, channels, values, seed in products:
        rng = np.random.default_rng(seed)
        weight = rng.integers(-1, 2, (channels, depth)).astype(np.int8)
        x = rng.integers(-128, 128, (rows, depth)).astype(np.int8)
        if EXTREMES[values] is not None:
            x[:] = EXTREMES[values]
            weight[:] = np.where(np.arange(channels) % 2, 1, -1)[:, None]
        packed = pack_ternary(weight, packing)
        sent += [
            np.int32([ROWS[packing], rows, depth, channels, packed.size]).tobytes(),
            packed.tobytes(),
            x.tobytes(),
        ]
        expected.append(x.astype(np.float64) @ weight.T.astype(np.float64))
    out = subprocess.run(program, input=b"".join(sent), stdout=subprocess.PIPE, check=True).stdout
    assert len(out) == 4 * sum(e.size for e in expected)
    found = np.split(np.frombuffer(out, np.int32), np.cumsum([e.size for e in expected])[:-1])
    return [p for p, f, e in zip(products, found, expected, strict=True) if not np.array_equal(f, e.ravel())]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(products=st.lists(PRODUCTS, min_size=1, max_size=8))
@example(products=LONG)
def test_every_product_is_exact(program: list[str], products: list[Product]) -> None:
    assert _wrong(program, products) == []
