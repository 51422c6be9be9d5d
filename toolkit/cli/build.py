"""``toolkit build``: compile a bundle's C into an image."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli._bundle import bundle_argument, toolchain_option
from toolkit.cli._group import command
from toolkit.cli._options import common, option
from toolkit.cli._session import Session


@command("Device", 1)
@bundle_argument
@toolchain_option
@option("--optimize", type=click.Choice(["O2", "O3", "Os", "O1", "O0"]), default="O2", show_default=True,
        help="The compiler's optimisation of the model.")  # fmt: skip
@option(
    "--trace",
    is_flag=True,
    help="Write every layer's output too, when run; with --serial, count every layer's cycles.",
)
@option("--serial", is_flag=True,
        help="Serve the model over the board's serial line: what is flashed. Without it the program runs on an "
        "emulator, or behind a debug probe.")  # fmt: skip
@option("--energy", is_flag=True,
        help="With --serial, for MLPerf Tiny's energy mode: 9,600 baud, windows marked by a pin.")  # fmt: skip
@common
@click.pass_obj
def build(
    session: Session,
    bundle: Path,
    toolchain: str | None,
    optimize: str,
    trace: bool,
    serial: bool,
    energy: bool,
) -> None:
    """Compile the bundle DIR into an image for its target, in every format that its board takes.

    Nothing is compiled when nothing changed.
    """
    from toolkit.device import build as builder
    from toolkit.device import fit, images, targets

    image = builder.build(
        bundle, toolchain=toolchain, optimize=f"-{optimize}", trace=trace, serial=serial, energy=energy
    )
    files = images.make(image, targets.load(builder.read_manifest(bundle)["target"]))
    sizes = fit.sizes(image.path) if image.kind == "bare_metal" else None
    session.result(
        {
            "image": str(image.path),
            "kind": image.kind,
            "toolchain": image.toolchain,
            "flash_bytes": sizes.flash_bytes if sizes else None,
            "ram_bytes": sizes.ram_bytes if sizes else None,
            "slots_bytes": sizes.slots_bytes if sizes else None,
            "files": {name: str(file) for name, file in files.items()},
        }
    )
    if not session.json:
        click.echo(f"built {image.path} with {image.toolchain}")
        if sizes:
            click.echo(f"  flash {sizes.flash_bytes:,} B, RAM {sizes.ram_bytes:,} B with the stack")
            if sizes.slots_bytes:
                click.echo(f"  and the last {sizes.slots_bytes:,} B of flash, for what the model learns")
        for name, file in files.items():
            click.echo(f"  {name:4} {file.stat().st_size:>11,} B  {file}")
    session.next(f"toolkit flash {bundle}" if serial else f"toolkit verify {bundle}")
