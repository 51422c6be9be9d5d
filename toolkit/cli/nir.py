"""``toolkit nir``: what is in a NIR file, and spiking networks as such files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli._group import command
from toolkit.cli._options import PATH, common, nir_options, option
from toolkit.cli._session import Session
from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from toolkit.spiking.nir import Settings


@command("Model", 6)
@click.argument("model", type=PATH, required=False)
@option(
    "-o", "--output", type=PATH, metavar="OUT.nir", help="Write the network with its settings as metadata."
)
@common
@click.pass_obj
@nir_options
def nir(session: Session, model: Path | None, output: Path | None, nir: Settings | None) -> None:
    """List the nodes of MODEL.nir, or write a NIR file.

    With -o, MODEL is written with dt, discretisation and reset as metadata, so that it says all that it needs. MODEL
    may be a project's folder (this one by default), whose trained spiking network is then written.
    """
    model = model or Path(".")
    if model.is_dir():
        if nir is not None:
            raise ToolkitError("a project's network has its own settings", fix="leave --dt and the like out")
        _project(session, model, output)
        return
    _file(session, model, output, nir)
    file = output or model
    session.next(f"toolkit export {file} --target NAME -o DIR")


def _file(session: Session, model: Path, output: Path | None, settings: Settings | None) -> None:
    from toolkit.spiking import nir as files
    from toolkit.spiking.nir import hdf5
    from toolkit.spiking.nir.read import NO_SETTINGS, checked, in_file, lacking
    from toolkit.spiking.order import delayed_edges, ordered

    settings = settings or NO_SETTINGS
    with in_file(model):
        found = checked(hdf5.read(model), settings)
    missing = lacking(found)
    back = delayed_edges(found.flat.edges, found.flat.inputs, found.flat.nodes)
    order = ordered(found.flat.nodes, [edge for edge in found.flat.edges if edge not in back])
    if output is not None:
        files.save(files.load(model, settings), output)
    nodes = [
        {"name": name, "type": node.type, "takes": list(found.shapes[name][0]), "gives": list(found.shapes[name][1]),
         "settings": found.own[name]}
        for name, node in ((name, found.flat.nodes[name]) for name in order)
    ]  # fmt: skip
    session.result(
        {"nodes": nodes, "edges": found.flat.edges, "missing": missing, "written": output and str(output)}
    )
    if not session.json:
        _show(session, nodes)
        for setting, names in missing.items():
            click.echo(f"nothing says the {setting} of {', '.join(names)}")
        if output is not None:
            click.echo(f"wrote {output}: {len(nodes)} nodes, {output.stat().st_size:,} B")


def _show(session: Session, nodes: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("node", "type", "gives", "settings"):
        table.add_column(heading, no_wrap=heading != "settings")
    for node in nodes:
        settings = ", ".join(f"{name} {value}" for name, value in node["settings"].items())
        table.add_row(node["name"], node["type"], "x".join(map(str, node["gives"])), settings)
    session.console.print(table)


def _project(session: Session, folder: Path, output: Path | None) -> None:
    from toolkit.cli._recipe import walk
    from toolkit.spiking import nir as files
    from toolkit.spiking.neurons import Neuron
    from toolkit.spiking.nir.write import input_shape
    from toolkit.stages.stage import Work
    from toolkit.stages.train import load_dataset, trained_model

    project, _ = walk(session, folder, "train")
    dataset = load_dataset(project)
    model = trained_model(Work(project, ""), dataset)
    network = getattr(
        model, "layers", model
    )  # in time: what shows it an image and reads it out is around that
    if not any(isinstance(module, Neuron) for module in network.modules()):
        raise ToolkitError(
            f"{project.model.family} is no family of spiking networks",
            at=str(folder),
            fix="toolkit convert makes one",
        )
    file = output or project.build / f"{project.name}.nir"
    files.save(network, file, input_shape(network) or tuple(dataset.x_train.shape[1:]))
    session.result({"written": str(file)})
    if not session.json:
        click.echo(f"wrote {file}: {file.stat().st_size:,} B")
    session.next(f"toolkit nir {file}")
