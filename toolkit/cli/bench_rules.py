"""``toolkit bench rules``: training rules beside backpropagation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli._group import command
from toolkit.cli._options import PATH, common, option
from toolkit.cli._session import Session

if TYPE_CHECKING:
    from toolkit.measure.studies.rules import RuleResult


@command("Knowledge", 3)
@click.argument("rules", nargs=-1)
@option("--dataset", default="digits", show_default=True, help="What to learn.")
@option("--model", default="cnn", show_default=True, metavar="FAMILY", help="The network's family.")
@option(
    "--preset",
    default=None,
    help="The network's size; the family's preset of the dataset's name, or its first.",
)
@option(
    "--epochs",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    help="Passes over the data, by each rule.",
)
@option("--batch-size", type=click.IntRange(1), default=32, show_default=True)
@option("--learning-rate", type=click.FloatRange(0, min_open=True), default=5e-3, show_default=True)
@option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of first weights and order.")
@option(
    "-o", "--output", type=PATH, default=Path("rules.svg"), show_default=True, help="File for the picture."
)
@common
@click.pass_obj
def bench_rules(
    session: Session, rules: tuple[str, ...], dataset: str, model: str, preset: str | None, epochs: int,
    batch_size: int, learning_rate: float, seed: int, output: Path,
) -> None:  # fmt: skip
    """Train one network by each of RULES (all, unless named), and compare accuracy, memory and time.

    All start from the same first weights and pass over the data as often as backpropagation, which is always there to
    compare with. Memory is measured: the peak of all tensors made in one training step, weights left out.
    """
    import torch

    from toolkit import atomic, learn, models
    from toolkit.learn import TrainSettings
    from toolkit.measure.studies import rules as measure

    torch.set_num_threads(1)
    if preset is None and dataset in models.presets(model):
        preset = dataset
    settings = TrainSettings(
        epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, weight_decay=1e-2, seed=seed
    )
    with session.progress("rules") as progress:
        results = list(
            measure.compare(rules or sorted(learn.rules()), dataset, model, preset, settings, progress)
        )
    title = f"{model} on {dataset}, {epochs} epochs by each rule, seed {seed}"
    atomic.write_bytes(output, _picture(title, results).encode())
    rows = [result.to_json() for result in results]
    session.result(
        {"dataset": dataset, "model": model, "preset": preset, "epochs": epochs, "seed": seed, "rows": rows,
         "picture": str(output)}
    )  # fmt: skip
    if not session.json:
        _table(session, results)
    session.say(f"wrote {output}")


def _table(session: Session, results: list[RuleResult]) -> None:
    from rich.table import Table

    base = results[0]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("rule", no_wrap=True)
    for heading in ("accuracy", "beside backprop", "peak of a step", "of backprop's", "trains"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("network", no_wrap=True)
    for each in results:
        if each.accuracy is None or base.accuracy is None or not each.peak_bytes or not base.peak_bytes:
            continue
        table.add_row(
            each.rule,
            f"{each.accuracy:.2%}",
            f"{100 * (each.accuracy - base.accuracy):+.2f}",
            f"{each.peak_bytes:,} B",
            f"{each.peak_bytes / base.peak_bytes:.2f}",
            f"{each.seconds:.1f} s",
            each.network if each.network != base.network else "",
        )
    session.console.print(table)
    for each in results:
        if each.refused:
            session.console.print(f"{each.rule}: {each.refused}", style="dim", markup=False)


def _picture(title: str, results: list[RuleResult]) -> str:
    from toolkit.report.bars import Panel, bars

    shown = [each for each in results if each.accuracy is not None]
    scores = [each.accuracy for each in shown]
    peaks = [each.peak_bytes for each in shown]
    seconds = [each.seconds for each in shown]
    panels = [
        Panel("test accuracy", scores, [f"{score:.2%}" for score in scores]),
        Panel("peak of a step, KB", peaks, [f"{(peak or 0) / 1024:,.0f}" for peak in peaks]),
        Panel("trains, seconds", seconds, [f"{each:.1f}" for each in seconds]),
    ]
    return str(bars(title, [each.rule for each in shown], panels))
