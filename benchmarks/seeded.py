"""Long runs with several seeds, whose results are kept as data: one file for each row of a benchmark."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from toolkit.learn import Epoch


def recipe(row: DataclassInstance) -> dict[str, Any]:
    """Return what ``row`` says, without what it leaves open, as it is read from JSON."""
    said = {key: value for key, value in asdict(row).items() if value}
    return dict(json.loads(json.dumps(said)))


def update(path: Path, used: dict[str, Any], seed: int, found: dict[str, Any]) -> None:
    """Put a seed's figures into the row's file; a recipe that has changed makes the others' obsolete."""
    document = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    seeds = document["seeds"] if document.get("recipe") == used else {}
    seeds = dict(sorted({**seeds, str(seed): found}.items()))
    path.parent.mkdir(exist_ok=True)
    text = json.dumps({"schema": 1, "recipe": used, "seeds": seeds}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def keep(path: Path, name: str, seed: int, found: dict[str, Any]) -> None:
    """Put a seed's figures of row ``name`` into a file that holds all rows."""
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else {}
    rows.setdefault(name, {})[str(seed)] = found
    path.write_text(json.dumps({"schema": 1, "rows": rows}, indent=1) + "\n", encoding="utf-8")


def run_rows(
    rows: Mapping[str, DataclassInstance], names: Sequence[str], seeds: Sequence[int], results: Path,
    measure: Callable[[str, int], dict[str, Any]], *, updates: bool, as_json: bool,
) -> None:  # fmt: skip
    """Measure the rows ``names`` (all, unless named) for each seed, and print accuracies or one JSON document.

    Args:
        rows: by name.
        names: of those to measure.
        seeds: of each.
        results: the folder of their files, which ``updates`` writes.
        measure: returns a row's and seed's figures, each with its accuracy, by what they are of.
        updates: write the files.
        as_json: print the document.
    """
    document: dict[str, Any] = {"schema": 1, "rows": {}}
    for name in names or tuple(rows):
        for seed in seeds:
            found = measure(name, seed)
            document["rows"].setdefault(name, {})[str(seed)] = found
            if updates:
                update(results / f"{name}.json", recipe(rows[name]), seed, found)
            if not as_json:
                scores = "  ".join(f"{who} {each['accuracy']:.2%}" for who, each in found.items())
                click.echo(f"{name}, seed {seed}: {scores}")
    if as_json:
        click.echo(json.dumps(document, indent=1))


def rows_command(
    rows: Mapping[str, DataclassInstance],
    results: Path,
    folder: Path,
    measure: Callable[[str, int, Path], dict[str, Any]],
    doing: str,
) -> click.Command:
    """Return the command that measures rows: ``run_rows`` with its arguments from the command line.

    Args:
        rows: by name.
        results: the folder of their files.
        folder: where what a run leaves is kept, unless another is named.
        measure: returns a row's and seed's figures; it is given that folder, too.
        doing: the help's text.
    """

    @click.command(context_settings={"help_option_names": ["-h", "--help"]}, help=doing)
    @click.argument("names", nargs=-1, type=click.Choice(list(rows)))
    @click.option(
        "--seed", "seeds", multiple=True, type=int, default=(0,), show_default=True, help="May be repeated."
    )
    @click.option(
        "--folder", "chosen", type=click.Path(path_type=Path), default=folder, show_default=True,
        help="Where checkpoints are kept.",
    )  # fmt: skip
    @click.option("--update", "updates", is_flag=True, help=f"Write the rows into {results.name}/.")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
    def main(
        names: tuple[str, ...], seeds: tuple[int, ...], chosen: Path, updates: bool, as_json: bool
    ) -> None:
        import torch

        torch.set_num_threads(1)
        chosen.mkdir(parents=True, exist_ok=True)
        run_rows(
            rows, names, seeds, results, lambda name, seed: measure(name, seed, chosen),
            updates=updates, as_json=as_json,
        )  # fmt: skip

    return main


def tell(*what: str) -> Callable[[Epoch], None]:
    """Return what says on stderr how a run goes, after each epoch."""

    def line(epoch: Epoch) -> None:
        score, seconds = f"{epoch.test_accuracy:.2%}", f"{epoch.seconds:.0f} s"
        click.echo(f"{'  '.join(what)} {epoch.epoch}  {epoch.train_loss:.4f}  {score}  {seconds}", err=True)

    return line
