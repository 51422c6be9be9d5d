"""Ternary matrix products on this machine, hot in cache and streamed from memory, beside reading alone.

Every kernel is timed in turn, in slices shorter than what a busy system lets run at once, round after round. Printed
are the best and the median, and the median ratio to what was read in the same round. One thread where no other number
is given. Figures of other libraries were measured once, on a machine of the same kind.
"""

from __future__ import annotations

import ctypes
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from hosts import processor

from quantize.packed import ROWS, pack_ternary
from toolkit import paths

FLAGS = {
    "AVX-512 VNNI": ("-DTK_CPU_MASK=15",),
    "AVX2": ("-DTK_CPU_MASK=1",),
    "AVX-512 VNNI, 2 threads": ("-DTK_CPU_MASK=15", "-DTK_THREADS=2", "-pthread"),
    "AVX2, 2 threads": ("-DTK_CPU_MASK=1", "-DTK_THREADS=2", "-pthread"),
    "portable C": ("-DTK_NO_SIMD",),
}
PEERS = {  # Gweights/s, 2560 x 2560 GEMV, one core of a Zen 4 server: bits a weight, hot, streamed, remark
    "bitnet.cpp I2_S (clang)": (2.0, 105, 92, "16-bit lanes can wrap from K = 2176"),
    "bitnet.cpp TL2": (1.7, 59, 43, "shapes need code generation"),
    "ik_llama IQ2_BN_R4": (2.0, 66, 56, "other activation scales"),
    "ggml TQ2_0": (2.06, 55, 51, "activation scales by block"),
    "ggml TQ1_0": (1.69, 26, 23, "activation scales by block"),
    "T-MAC": (2.0, 53, 51, "lossy"),
}
_SLICE = 6  # matrices in a row: a fraction of a millisecond
_POOL_BYTES = 384 << 20  # distinct matrices, many times any cache


@dataclass(frozen=True)
class Kernel:
    """One way to multiply, and the memory it reads."""

    name: str
    packing: str
    run: Callable[..., Any]

    @property
    def rows(self) -> int:
        """Weights in a byte."""
        return ROWS[self.packing]


def build(folder: Path) -> tuple[list[Kernel], Any]:
    """Compile every kernel that this processor may have, and the reading of memory."""
    kernels = []
    for name, flags in FLAGS.items():
        library = _compile(folder / f"{len(kernels)}.so", "-O2", *flags)
        kernels += [Kernel(name, packing, library.products) for packing in ROWS]
    return kernels, _compile(folder / "read.so", "-O3", "-march=native").read_memory


def _compile(library: Path, *flags: str) -> ctypes.CDLL:
    include, source = f"-I{paths.runtime_dir() / 'include'}", str(Path(__file__).with_suffix(".c"))
    command = ["cc", "-std=c99", "-fPIC", "-shared", *flags, include, source, "-o", str(library)]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library))


class Memory:
    """A pool of matrices of one shape, and where in it the next slice lies that no cache holds any more."""

    def __init__(self, depth: int, channels: int) -> None:
        rng = np.random.default_rng(0)
        self.depth, self.channels = depth, channels
        self.weights = rng.integers(-1, 2, (channels, depth)).astype(np.int8)
        self.input = rng.integers(-128, 128, (32, depth)).astype(np.int8)
        self.output = np.empty((32, channels), np.int32)
        self.pools: dict[str, np.ndarray] = {}
        for packing in ROWS:
            packed = pack_ternary(self.weights, packing).reshape(-1)
            count = max(_SLICE, _POOL_BYTES // packed.nbytes // len(ROWS))
            raw = np.empty(count * packed.nbytes + 64, np.uint8)
            pool = raw[-raw.ctypes.data % 64 :][: count * packed.nbytes].reshape(count, -1)
            pool[:] = packed
            self.pools[packing] = pool
        self.next = dict.fromkeys(ROWS, 0)

    def slice(self, packing: str, count: int) -> np.ndarray:
        """Return the next ``count`` matrices."""
        pool, first = self.pools[packing], self.next[packing]
        if first + count > len(pool):
            first = 0
        self.next[packing] = first + count
        return pool[first : first + count]

    def check(self, kernel: Kernel) -> None:
        """Multiply once and compare with numpy."""
        multiply(kernel, self, self.pools[kernel.packing][:1], 1, 5)
        expected = self.input[:5].astype(np.float64) @ self.weights.T.astype(np.float64)
        if not np.array_equal(self.output[:5], expected):
            raise click.ClickException(f"{kernel.name} {kernel.packing} computes something else")


def _address(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def multiply(kernel: Kernel, memory: Memory, matrices: np.ndarray, count: int, rows: int) -> float:
    """Return the seconds of ``count`` products with ``rows`` activations each: with distinct matrices, or one."""
    pitch = matrices.shape[1] if len(matrices) > 1 else 0
    arguments = (
        _address(memory.input), _address(matrices), ctypes.c_int32(kernel.rows), _address(memory.output),
        ctypes.c_int32(rows), ctypes.c_int32(memory.depth), ctypes.c_int32(memory.channels),
        ctypes.c_int64(pitch), ctypes.c_int32(count),
    )  # fmt: skip
    start = time.perf_counter()
    kernel.run(*arguments)
    return time.perf_counter() - start


def gemv(kernels: list[Kernel], read: Any, memory: Memory, rounds: int) -> dict[str, Any]:
    """Time reading and every kernel with one activation row, streamed and hot."""
    found: dict[str, dict[str, list[float]]] = {
        f"{k.name} {k.packing}": {"hot": [], "streamed": [], "of limit": []} for k in kernels
    }
    reads: dict[int, list[float]] = {0: [], 8192: []}  # by the bytes that are fetched ahead
    for _ in range(rounds):
        for ahead, speeds in reads.items():
            data = memory.slice("t2", _SLICE)
            start = time.perf_counter()
            read(_address(data), ctypes.c_int64(data.nbytes // 256 * 256), ctypes.c_int64(ahead))
            speeds.append(data.nbytes / (time.perf_counter() - start) / 1e9)
        for kernel in kernels:
            times = found[f"{kernel.name} {kernel.packing}"]
            weights = memory.depth * memory.channels * _SLICE / 1e9
            data = memory.slice(kernel.packing, _SLICE)
            times["streamed"].append(weights / multiply(kernel, memory, data, _SLICE, 1))
            multiply(kernel, memory, data[:1], 1, 1)
            times["hot"].append(weights / multiply(kernel, memory, data[:1], _SLICE, 1))
    fastest = max(reads.values(), key=statistics.median)
    for name, times in found.items():
        rows = ROWS[name.split()[-1]]
        times["of limit"] = [w / (r * rows) for w, r in zip(times["streamed"], fastest, strict=True)]
    kernel_times = {name: {how: _summary(v) for how, v in times.items()} for name, times in found.items()}
    return {"read_gb_s": _summary(fastest), "kernels": kernel_times}


def _summary(values: list[float]) -> dict[str, float]:
    return {"best": max(values), "median": statistics.median(values)}


def gemm(kernels: list[Kernel], memory: Memory, rounds: int) -> dict[str, Any]:
    """Time every kernel with 8 and 32 activation rows, streamed; in multiply-accumulates."""
    found: dict[str, dict[str, list[float]]] = {f"{k.name} {k.packing}": {"8": [], "32": []} for k in kernels}
    for _ in range(rounds):
        for kernel in kernels:
            for rows in (8, 32):
                macs = memory.depth * memory.channels * rows / 1e9
                seconds = multiply(kernel, memory, memory.slice(kernel.packing, 1), 1, rows)
                found[f"{kernel.name} {kernel.packing}"][str(rows)].append(macs / seconds)
    return {name: {rows: _summary(v) for rows, v in times.items()} for name, times in found.items()}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", default=201, show_default=True, help="Of every kernel in turn.")
@click.option("--depth", default=2560, show_default=True, help="Columns of the matrix.")
@click.option("--channels", default=2560, show_default=True, help="Rows of the matrix.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(rounds: int, depth: int, channels: int, as_json: bool) -> None:
    """Time ternary matrix products on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        kernels, read = build(Path(folder))
        memory = Memory(depth, channels)
        for kernel in kernels:
            memory.check(kernel)
        fast = [kernel for kernel in kernels if kernel.name != "portable C"]
        found = gemv(fast, read, memory, rounds)
        slow = [kernel for kernel in kernels if kernel.name == "portable C"]
        found["kernels"] |= gemv(slow, read, memory, max(3, rounds // 40))["kernels"]
        found["gemm"] = gemm(fast, memory, max(3, rounds // 10))
    if as_json:
        click.echo(
            json.dumps({"schema": 1, "processor": processor(), "shape": [channels, depth], **found}, indent=1)
        )
    else:
        _tables(found, depth, channels)


def _tables(found: dict[str, Any], depth: int, channels: int) -> None:
    read = found["read_gb_s"]
    click.echo(f"{channels} x {depth} GEMV on one core of {processor()}; Gweights/s, best (median).")
    click.echo(f"Read from memory: {read['best']:.1f} ({read['median']:.1f}) GB/s.\n")
    click.echo("| kernel | bits | hot | streamed | limit | median of limit |\n|---|---:|---:|---:|---:|---:|")
    for name, times in found["kernels"].items():
        rows = ROWS[name.split()[-1]]
        cells = [f"{times[k]['best']:.0f} ({times[k]['median']:.0f})" for k in ("hot", "streamed")]
        limit = f"{rows * read['best']:.0f} ({rows * read['median']:.0f})"
        click.echo(
            f"| {name} | {8 / rows:.1f} | {' | '.join(cells)} | {limit} | {times['of limit']['median']:.2f} |"
        )
    for name, (bits, hot, streamed, remark) in PEERS.items():
        click.echo(f"| {name}, {remark} | {bits} | {hot} | {streamed} | | |")
    click.echo(
        "\nSeveral activation rows, Gmacs/s, best (median).\n\n| kernel | 8 rows | 32 rows |\n|---|---:|---:|"
    )
    for name, times in found["gemm"].items():
        cells = [f"{times[rows]['best']:.0f} ({times[rows]['median']:.0f})" for rows in ("8", "32")]
        click.echo(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
