"""What the 64-32-10 MLP on scikit-learn's digits costs in int8, beside C code generators on the same core.

It is the recipe ``digits-mlp``: trained, quantized, verified and tested on the emulated core by ``toolkit.make``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from peers import DIGITS_MLP, METHOD


@dataclass(frozen=True)
class Cost:
    """What was counted on the emulated core.

    Args:
        accuracy: of the test images, on the device.
        image_code_bytes: all of flash but weights: vectors, start-up, harness, model.
    """

    accuracy: float
    instructions: float
    image_code_bytes: int
    weight_bytes: int
    arena_bytes: int
    stack_bytes: int | None


def measure(toolchain: str | None, folder: Path) -> Cost:
    """Walk the recipe in ``folder`` and return what the result costs."""
    from toolkit import project
    from toolkit.make import make
    from toolkit.measure.bench import bench
    from toolkit.stages.stage import read

    project.init(folder, "digits-mlp")
    settings = project.load(folder)
    make(settings, until="test")
    bundle = settings.build / "bundle"
    result = bench(bundle, toolchain=toolchain)
    assert result.instructions is not None
    assert result.memory is not None
    return Cost(
        accuracy=read(settings.build / "test.json")["accuracy"],
        instructions=result.instructions.value,
        image_code_bytes=result.memory.code_bytes,
        weight_bytes=result.memory.weight_bytes,
        arena_bytes=result.memory.arena_bytes,
        stack_bytes=result.memory.stack_used_bytes,
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--toolchain", help="zig (default) or gcc.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(toolchain: str | None, as_json: bool) -> None:
    """Train, compile and count the digits MLP, beside onnx2c and emlearn."""
    with tempfile.TemporaryDirectory() as scratch:
        cost = measure(toolchain, Path(scratch) / "digits")
    if as_json:
        peers = {"how": METHOD, "tools": [asdict(peer) for peer in DIGITS_MLP]}
        document = {"schema": 1, "toolchain": toolchain or "zig", "toolkit": asdict(cost), "peers": peers}
        click.echo(json.dumps(document, indent=1))
    else:
        _table(cost)


def _table(cost: Cost) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(header_style="bold", box=None)
    for heading in ("tool", "arithmetic"):
        table.add_column(heading, no_wrap=True)
    for heading in ("instructions", "times ours", "code B"):
        table.add_column(heading, justify="right", no_wrap=True)
    code = f"{cost.image_code_bytes:,}"
    table.add_row("toolkit", "int8", f"{cost.instructions:,}", "1.0", code)
    for peer in DIGITS_MLP:
        ratio = f"{peer.instructions / cost.instructions:.1f}"
        table.add_row(peer.tool, peer.arithmetic, f"{peer.instructions:,}", ratio, f"{peer.code_bytes:,}")
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    console.print(table)
    weights = f"weights {cost.weight_bytes:,} B, arena {cost.arena_bytes:,} B, stack {cost.stack_bytes:,} B"
    console.print(f"\naccuracy on the device {cost.accuracy:.2%}, {weights}")
    console.print(f"toolkit's code is the whole image but its weights. {METHOD}", style="dim")


if __name__ == "__main__":
    main()
