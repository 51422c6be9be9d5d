"""``toolkit run``: run a bundle's model on its target's emulator."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli._bundle import bundle_argument, emulator_option, toolchain_option
from toolkit.cli._group import command
from toolkit.cli._options import PATH, common, option, timeout_option
from toolkit.cli._session import Session
from toolkit.errors import ToolkitError


@command("Device", 2)
@bundle_argument
@option("-i", "--input", type=PATH, multiple=True, required=True, metavar="X.npy",
        help="Samples in the model's own layout, first axis the sample; once per input tensor.")  # fmt: skip
@option("-o", "--output", type=PATH, multiple=True, required=True, metavar="Y.npy",
        help="Where the outputs go, as real numbers; once per output tensor.")  # fmt: skip
@option("--raw", is_flag=True, help="Write the device's integers instead of real numbers.")
@emulator_option
@toolchain_option
@timeout_option(120)
@common
@click.pass_obj
def run(
    session: Session,
    bundle: Path,
    input: tuple[Path, ...],
    output: tuple[Path, ...],
    raw: bool,
    emulator: str | None,
    toolchain: str | None,
    timeout: float,
) -> None:
    """Run the bundle DIR on samples; builds it first when needed.

    Inputs are float32, quantized here with the manifest's scale, or integers already quantized.
    """
    import io

    import numpy as np

    from toolkit import atomic, tensors
    from toolkit.infer import infer

    arrays = [tensors.load_npy(file) for file in input]
    done = infer(
        bundle,
        arrays,
        raw=raw,
        emulator=emulator,
        toolchain=toolchain,
        timeout_s=timeout,
        labels=[str(file) for file in input],
    )
    if len(output) != len(done.outputs):
        raise ToolkitError(
            f"the model has {len(done.outputs)} outputs, got {len(output)} --output",
            at=str(bundle),
            fix="give --output once per output tensor",
        )
    for file, array in zip(output, done.outputs, strict=True):
        data = io.BytesIO()
        np.save(data, array, allow_pickle=False)
        atomic.write_bytes(file, data.getvalue())
    written = [
        {"file": str(file), "dtype": str(array.dtype), "shape": list(array.shape)}
        for file, array in zip(output, done.outputs, strict=True)
    ]
    session.result(
        {"samples": done.samples, "target": done.target, "emulator": done.emulator, "outputs": written}
    )
    if not session.json:
        for entry in written:
            click.echo(f"wrote {entry['file']}: {entry['dtype']} {tuple(entry['shape'])}")
        session.say(f"{done.samples} samples on {done.target} under {done.emulator}")
    session.next(f"toolkit verify {bundle}")
