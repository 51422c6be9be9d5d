"""The four MLPerf Tiny networks on this machine, beside LiteRT, ONNX Runtime and PyTorch; counted for a Raspberry Pi.

Times are processor time, one thread each, over rounds in which every program runs in turn, and of these the lower
quartile: what else the machine does then counts little. Still, only the ratios mean something. Instructions are
counted under QEMU and repeat.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import click
from mlperf_tiny import FAMILIES, Network, prepare

PORTABLE = {"host-portable": "host", "rpi-portable": "rpi"}  # targets made for comparison: no vector kernels
TOOLKIT = "toolkit"
_ROUND_S = 0.002  # of one program in one round: shorter than what a busy system lets run at once
_CLOSE = 4  # LiteRT rounds otherwise: outputs may differ by a few steps


def times_us(name: str, network: Network, folder: Path, rounds: int) -> dict[str, float]:
    """Return the microseconds per inference of every program.

    Raises:
        click.ClickException: LiteRT and our C do not compute the same network.
    """
    import host_engines as engines
    import numpy as np

    ours = engines.our_c(network, "host", folder / "host")
    avx2 = engines.our_c(network, "host", folder / "host", "-DTK_CPU_MASK=1")
    portable = engines.our_c(network, "host-portable", folder / "portable")
    litert, interpreter = engines.litert(network)
    detail, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    data = np.random.default_rng(1).integers(-128, 128, detail["shape"]).astype(np.int8)
    interpreter.set_tensor(detail["index"], data)
    interpreter.invoke()
    theirs = interpreter.get_tensor(result["index"]).ravel()
    for library in (ours, avx2, portable):
        off = np.abs(engines.compute(library, data, theirs.size).astype(int) - theirs).max()
        if off > _CLOSE:
            raise click.ClickException(f"{name}: LiteRT's output is {off} steps away from ours")
    float32, int8 = engines.onnx_runtime(network, folder)
    programs = {
        TOOLKIT: ours.run_many,
        "toolkit, AVX2 at most": avx2.run_many,
        "toolkit, portable C": portable.run_many,
        "LiteRT int8": litert,
        "ONNX Runtime int8": int8,
        "ONNX Runtime float32": float32,
        "PyTorch float32": engines.torch_eager(network),
    }
    return _interleaved(programs, rounds)


def _interleaved(programs: dict[str, Any], rounds: int) -> dict[str, float]:
    counts = {}
    for name, run in programs.items():
        run(3)
        counts[name] = max(1, int(_ROUND_S / _seconds(run, 3)))
    found: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, run in programs.items():
            found[name].append(_seconds(run, counts[name]) * 1e6)
    return {name: statistics.quantiles(values, n=4)[0] for name, values in found.items()}


def _seconds(run: Any, count: int) -> float:
    start = time.process_time()
    run(count)
    return (time.process_time() - start) / count


def instructions(network: Network, folder: Path, toolchain: str | None) -> dict[str, float]:
    """Return instructions per inference on a Raspberry Pi, and multiply-accumulates."""
    from toolkit import bundle
    from toolkit.measure.bench import bench

    found: dict[str, float] = {}
    for target, label in (("rpi", "NEON"), ("rpi-portable", "portable C")):
        bundle.export(network.program, target, folder / target, golden_count=1)
        result = bench(folder / target, emulator="qemu", toolchain=toolchain)
        if result.instructions is None:
            raise click.ClickException(f"QEMU gives no counts: {'; '.join(result.notes)}")
        found["MACs"], found[label] = result.macs, result.instructions.value
    return found


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--model", "chosen", multiple=True, type=click.Choice(list(FAMILIES)), help="Only these.")
@click.option("--rounds", default=201, show_default=True, help="Of every program in turn.")
@click.option("--toolchain", help="For the Raspberry Pi: zig (default) or gcc.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(chosen: tuple[str, ...], rounds: int, toolchain: str | None, as_json: bool) -> None:
    """Time the four MLPerf Tiny networks on this machine and count them for a Raspberry Pi."""
    warnings.simplefilter("ignore")  # of the exporters: what they warn of changes no time
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        _describe_targets(Path(scratch) / "targets")
        for name in chosen or FAMILIES:
            click.echo(f"{name} …", err=True)
            folder = Path(scratch) / FAMILIES[name]
            folder.mkdir()
            network = prepare(name, folder)
            found[name] = {
                "us": times_us(name, network, folder, rounds),
                "rpi": instructions(network, folder, toolchain),
            }
    if as_json:
        click.echo(json.dumps({"schema": 1, "processor": processor(), "models": found}, indent=1))
    else:
        _tables(found)


def _describe_targets(folder: Path) -> None:
    for name, family in PORTABLE.items():
        (folder / name).mkdir(parents=True)
        text = f'description = "{family} in portable C"\nfamily = "{family}"\nkernels = "portable"\n'
        (folder / name / "target.toml").write_text(text, encoding="utf-8")
    os.environ["TOOLKIT_TARGETS"] = os.pathsep.join(
        filter(None, [str(folder), os.environ.get("TOOLKIT_TARGETS")])
    )


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), "unknown")


def _tables(found: dict[str, Any]) -> None:
    programs = list(next(iter(found.values()))["us"])
    click.echo(f"Microseconds per inference on {processor()}, and how many times as long as {TOOLKIT}.\n")
    click.echo("| model | " + " | ".join(programs) + " |")
    click.echo("|---|" + "---:|" * len(programs))
    for name, result in found.items():
        base = result["us"][TOOLKIT]
        cells = [
            f"{us:,.1f} ({us / base:.2f})" if us != base else f"{us:,.1f}" for us in result["us"].values()
        ]
        click.echo(f"| {name} | " + " | ".join(cells) + " |")
    click.echo("\nInstructions per inference for a Raspberry Pi, counted under QEMU.\n")
    click.echo("| model | MACs | portable C | NEON | ratio | NEON, instr/MAC |")
    click.echo("|---|---:|---:|---:|---:|---:|")
    for name, result in found.items():
        counts = result["rpi"]
        neon, portable, macs = counts["NEON"], counts["portable C"], counts["MACs"]
        cells = [f"{macs:,}", f"{portable:,}", f"{neon:,}", f"{neon / portable:.2f}", f"{neon / macs:.2f}"]
        click.echo(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
