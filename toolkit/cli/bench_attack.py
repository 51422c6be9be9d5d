"""``toolkit bench attack``: how many flipped pixels a spiking network bears."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli._group import command
from toolkit.cli._options import PATH, common, option, project_option
from toolkit.cli._session import Session

if TYPE_CHECKING:
    from toolkit.measure.studies.robustness import Attacked


@command("Knowledge", 4)
@option("--samples", type=click.IntRange(1), default=100, show_default=True, help="Of the test set.")
@option(
    "--budget",
    "budgets",
    type=click.IntRange(0),
    multiple=True,
    default=(0, 1, 2, 4, 8, 12, 16, 24, 32),
    show_default=True,
    help="Pixels that may be flipped; may be repeated.",
)
@option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of what is drawn.")
@option(
    "-o", "--output", type=PATH, default=Path("attack.svg"), show_default=True, help="File for the picture."
)
@project_option
@common
@click.pass_obj
def bench_attack(
    session: Session, samples: int, budgets: tuple[int, ...], seed: int, output: Path, project: Path
) -> None:
    """Flip as few pixels as possible so that the project's spiking network errs; accuracy against their number.

    Test images become zeros and ones first. Pixels are chosen by gradients of a surrogate that follows the network's
    own potentials (snn-attack), by those of the surrogate it was trained with, and by chance.
    """
    import torch

    from toolkit import atomic
    from toolkit.cli._recipe import walk
    from toolkit.measure.studies import robustness
    from toolkit.stages.stage import Work
    from toolkit.stages.train import load_dataset, trained_model

    settings, _ = walk(session, project, "train")
    torch.set_num_threads(1)
    dataset = load_dataset(settings)
    model = trained_model(Work(settings, ""), dataset)
    x = torch.from_numpy(dataset.x_test[:samples]).round().clamp(0, 1)
    y = torch.from_numpy(dataset.y_test[:samples])
    with session.progress("attack") as progress:
        results = list(robustness.attack(model, x, y, sorted(set(budgets)), seed, progress))
    title = f"{settings.model.family} on {dataset.name}, {len(x)} test samples of zeros and ones"
    atomic.write_bytes(output, _picture(title, results).encode())
    session.result(
        {"family": settings.model.family, "dataset": dataset.name, "seed": seed, "picture": str(output),
         "attacks": [result.to_json() for result in results]}
    )  # fmt: skip
    if not session.json:
        _table(session, results)
    session.say(f"wrote {output}")


def _table(session: Session, results: list[Attacked]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("flipped pixels", justify="right", no_wrap=True)
    for result in results:
        table.add_column(result.attack, justify="right", no_wrap=True)
    for row, budget in enumerate(results[0].budgets):
        table.add_row(str(budget), *(f"{result.accuracy[row]:.2%}" for result in results))
    session.console.print(table)


def _picture(title: str, results: list[Attacked]) -> str:
    from toolkit.report.lines import Line, lines

    drawn = [Line(result.attack, result.budgets, result.accuracy) for result in results]
    return str(lines(title, drawn, x="flipped pixels", y="accuracy"))
