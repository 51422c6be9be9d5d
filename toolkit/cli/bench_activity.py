"""``toolkit bench activity``: what a spiking network costs by how many of its inputs spike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli._bundle import bundle_argument, toolchain_option
from toolkit.cli._group import command
from toolkit.cli._options import PATH, common, option
from toolkit.cli._session import Session

if TYPE_CHECKING:
    from toolkit.measure.studies.activity import Activity


@command("Device", 5)
@bundle_argument
@option(
    "-o", "--output", type=PATH, default=Path("activity.svg"), show_default=True, help="File for the picture."
)
@toolchain_option
@common
@click.pass_obj
def bench_activity(session: Session, bundle: Path, output: Path, toolchain: str | None) -> None:
    """Count what the layers of bundle DIR that take spikes cost when 1 % to 50 % of their inputs are ones.

    Beside it stands the dense int8 network of the same shapes. Inputs are random; counts are exact.
    """
    from toolkit import atomic
    from toolkit import manifest as manifests
    from toolkit.device import targets
    from toolkit.errors import ToolkitError
    from toolkit.measure.studies import activity
    from toolkit.verify.bundled import lowered_model

    manifest = manifests.read(bundle, "layers")
    model, target = lowered_model(bundle, manifest), targets.load(manifest["target"])
    if not any(layer["op"] == "fire" for layer in manifest["layers"]):
        raise ToolkitError(
            "no layer of this network spikes", at=str(bundle), fix="count it with `toolkit bench`"
        )
    found = activity.sweep(model, target, toolchain=toolchain, progress=session.status)
    atomic.write_bytes(output, _picture(found).encode())
    session.result({**found.to_json(), "picture": str(output)})
    if not session.json:
        _table(session, found)
    session.say(f"wrote {output}")


def _table(session: Session, found: Activity) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("layer", no_wrap=True, overflow="ellipsis")
    for heading in ("dense int8", "neurons", *(f"{share:.0%}" for share in found.activities)):
        table.add_column(heading, justify="right", no_wrap=True)
    for layer in found.layers:
        counts = (layer.dense_instructions, layer.neuron_instructions, *layer.instructions)
        table.add_row(layer.name, *(f"{count:,}" for count in counts))
    whole = (found.dense_instructions, found.neuron_instructions, *found.instructions)
    table.add_row("a step, with neurons", *(f"{count:,}" for count in whole), style="bold")
    table.add_row("of dense", "", "", *(f"{share:.2f}" for share in found.of_dense))
    session.console.print(table)
    runs = max(layer.runs for layer in found.layers)
    if runs > 1:
        session.console.print(f"an inference takes {runs} such steps", style="dim")


def _picture(found: Activity) -> str:
    from toolkit.report.lines import Line, lines

    shares = [100 * share for share in found.activities]
    drawn = [
        Line("spiking, a step", shares, [count / 1e3 for count in found.instructions]),
        Line("dense int8", shares, [found.dense_instructions / 1e3] * len(shares)),
    ]
    top = max(value for line in drawn for value in line.y)
    title = f"Instructions by activity, {found.target}"
    return str(lines(title, drawn, x="% of inputs that spike", y="1,000 instructions", top=top))
