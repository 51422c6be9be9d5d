"""``toolkit bench continual``: what a network forgets while it learns task after task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli._group import command
from toolkit.cli._options import PATH, common, option
from toolkit.cli._session import Session

if TYPE_CHECKING:
    from toolkit.measure.studies.continual import Kept


@command("Knowledge", 5)
@option("--dataset", default="digits", show_default=True, help="What to learn, split by its classes.")
@option(
    "--model",
    default="spiking_mlp",
    show_default=True,
    metavar="FAMILY",
    help="The network's family, linear layers only.",
)
@option("--tasks", type=click.IntRange(1), default=5, show_default=True, help="How many.")
@option("--shared/--own", default=True, show_default=True,
        help="All tasks use the same outputs, or each has its own.")  # fmt: skip
@option("--left", type=click.FloatRange(0, 1, max_open=True), default=0.03, show_default=True,
        help="Share of what a layer saw that may stay unprotected.")  # fmt: skip
@option("--epochs", type=click.IntRange(1), default=10, show_default=True, help="Passes over each task.")
@option("--batch-size", type=click.IntRange(1), default=64, show_default=True)
@option("--learning-rate", type=click.FloatRange(0, min_open=True), default=0.1, show_default=True)
@option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of first weights and order.")
@option(
    "-o",
    "--output",
    type=PATH,
    default=Path("continual.svg"),
    show_default=True,
    help="File for the picture.",
)
@common
@click.pass_obj
def bench_continual(
    session: Session, dataset: str, model: str, tasks: int, shared: bool, left: float, epochs: int,
    batch_size: int, learning_rate: float, seed: int, output: Path,
) -> None:  # fmt: skip
    """Learn the classes of a dataset some at a time, plainly and by hlop, and compare what is left of the old ones.

    hlop protects what a layer answered to old tasks: lateral connections learn by Hebb's rule which directions of its
    inputs they used, and its weights change beside those only.
    """
    import torch

    from toolkit import atomic
    from toolkit.learn import TrainSettings
    from toolkit.measure.studies.continual import compare

    torch.set_num_threads(1)
    settings = TrainSettings(epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, seed=seed)
    with session.progress("continual") as progress:
        results = compare(dataset, model, settings, tasks=tasks, left=left, shared=shared, progress=progress)
    title = f"{model} on {dataset} in {tasks} tasks, {'the same' if shared else 'own'} outputs, seed {seed}"
    atomic.write_bytes(output, _picture(title, results).encode())
    session.result(
        {"dataset": dataset, "model": model, "tasks": tasks, "shared": shared, "left": left, "epochs": epochs,
         "seed": seed, "picture": str(output), "ways": [result.to_json() for result in results]}
    )  # fmt: skip
    if not session.json:
        _table(session, results)
    session.say(f"wrote {output}")


def _table(session: Session, results: list[Kept]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("in the end", no_wrap=True)
    for each in results:
        table.add_column(each.way, justify="right", no_wrap=True)
    for task, scores in enumerate(zip(*(each.result.accuracy[-1] for each in results), strict=True), start=1):
        table.add_row(f"task {task}", *(f"{score:.2%}" for score in scores))
    table.add_row("average", *(f"{each.result.average:.2%}" for each in results))
    table.add_row("forgetting, points", *(f"{100 * each.result.forgetting:.2f}" for each in results))
    session.console.print(table)


def _picture(title: str, results: list[Kept]) -> str:
    from toolkit.report.lines import Line, lines

    drawn = []
    for each in results:
        means = [sum(row) / len(row) for row in each.result.accuracy]
        drawn.append(Line(each.way, range(1, len(means) + 1), means))
    return str(lines(title, drawn, x="tasks learnt", y="accuracy, mean of those"))
