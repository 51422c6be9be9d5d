"""What each way of quantizing costs and gains: one network, trained once in float, then every method in turn."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from toolkit.project import Project

# those of few bits train for as many epochs as the recipe's own method
LOWBIT: dict[str, dict[str, Any]] = {
    "bitwise-training": {"bits": 4, "learning_rate": 3e-3},
    "shift-nbit": {"bits": 3, "learning_rate": 5e-3},
    "binary-variational": {"learning_rate": 2e-2},
    "sparse-kernel-bnn": {"kernels": 32, "learning_rate": 1e-2},
}
METHODS = ("float", "int8-ptq", "int8-qat", "bitnet158", *LOWBIT)
QAT_EPOCHS = 5
QAT_SLOWER = 10  # int8-qat goes on from trained weights, with a tenth of their learning rate


@dataclass(frozen=True)
class Cost:
    """One method's result; ``seconds`` is what it trains beyond the float network, 0 when it does not train."""

    method: str
    accuracy: float
    weight_bytes: int
    flash_bytes: int
    arena_bytes: int
    instructions: float
    seconds: float


def measure(recipe: str, target: str | None, folder: Path) -> Iterator[Cost]:
    """Walk ``recipe`` with every method; the float training is done once."""
    from toolkit import project

    project.init(folder, recipe)
    settings = project.load(folder)
    if target is not None:
        settings = replace(settings, export=replace(settings.export, target=target))
    rate = settings.train.learning_rate / QAT_SLOWER
    for method in METHODS:
        chosen = settings.quantize
        if method != chosen.method:  # the recipe has settings for its own
            options = {"epochs": QAT_EPOCHS, "learning_rate": rate} if method == "int8-qat" else {}
            if method in LOWBIT:
                options = {"epochs": chosen.options.epochs, **LOWBIT[method]}
            chosen = project.Quantize(method, project.options_type(method)(**options))
        yield _measure_one(replace(settings, quantize=chosen))


def _measure_one(settings: Project) -> Cost:
    from toolkit.device.build import read_manifest
    from toolkit.make import make
    from toolkit.measure.bench import bench
    from toolkit.stages.stage import read

    make(settings, until="test")
    bundle = settings.build / "bundle"
    result = bench(bundle)
    assert result.instructions is not None
    assert result.memory is not None
    training = read(settings.build / "quantize.json")["training"]
    sizes = read_manifest(bundle)["sizes"]
    return Cost(
        method=settings.quantize.method,
        accuracy=read(settings.build / "test.json")["accuracy"],
        weight_bytes=sizes["weight_bytes"],
        flash_bytes=result.memory.flash_bytes,
        arena_bytes=sizes["arena_bytes"],
        instructions=result.instructions.value,
        seconds=training["seconds"] if training else 0.0,
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--recipe", default="digits-ternary", show_default=True, help="See `toolkit init --list`.")
@click.option("-t", "--target", help="The recipe's own by default.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(recipe: str, target: str | None, as_json: bool) -> None:
    """Quantize one network by every method, and count what each costs on the device."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"recipe {recipe}", title_justify="left", header_style="bold", box=None)
    table.add_column("method", no_wrap=True)
    for heading in ("accuracy on the device", "weights B", "flash B", "arena B", "instructions", "trains s"):
        table.add_column(heading, justify="right")
    costs = []
    with tempfile.TemporaryDirectory() as scratch:
        for cost in measure(recipe, target, Path(scratch) / "project"):
            click.echo(f"{cost.method} …", err=True)
            costs.append(cost)
            table.add_row(
                cost.method,
                f"{cost.accuracy:.2%}",
                f"{cost.weight_bytes:,}",
                f"{cost.flash_bytes:,}",
                f"{cost.arena_bytes:,}",
                f"{cost.instructions:,}",
                f"{cost.seconds:.0f}",
            )
    if as_json:
        document = {"schema": 1, "recipe": recipe, "methods": [asdict(cost) for cost in costs]}
        click.echo(json.dumps(document, indent=1))
    else:
        Console(highlight=False, width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    main()
