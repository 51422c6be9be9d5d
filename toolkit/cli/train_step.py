"""``toolkit train-step``: one step of learning as a program, for devices that learn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from toolkit.cli._group import command
from toolkit.cli._options import PATH, ByteCount, common, option
from toolkit.cli._session import Session
from toolkit.errors import ToolkitError
from toolkit.training.settings import Loss, Only, Optimizer, StepSettings, Stored

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_DEFAULT = StepSettings()


@command("Model", 5)
@click.argument("model", type=PATH)
@option("-o", "--output", type=PATH, required=True, metavar="FILE", help="The step's .pt2 file.")
@option("--rule", default=_DEFAULT.rule, show_default=True, help="How it learns; a wrong name lists them.")
@option(
    "--optimizer", type=click.Choice(get_args(Optimizer)), default=_DEFAULT.optimizer, show_default=True,
    help="What turns gradients into changes.",
)  # fmt: skip
@option("--momentum", type=click.FloatRange(0, 0.9999), default=_DEFAULT.momentum, show_default=True,
        help="Of the optimizers that keep a mean.")  # fmt: skip
@option(
    "--loss",
    type=click.Choice(get_args(Loss)),
    default=_DEFAULT.loss,
    show_default=True,
    help="What it makes small.",
)
@option("--label-smoothing", type=click.FloatRange(0, 0.999), default=_DEFAULT.label_smoothing, show_default=True,
        help="Share of the target that is spread over all classes.")  # fmt: skip
@option("--layer", multiple=True, metavar="NAME",
        help="Layer that may change, * and ? allowed; may be repeated.  [default: all]")  # fmt: skip
@option("--only", type=click.Choice(get_args(Only)), default=_DEFAULT.only, show_default=True,
        help="What of the layers may change.")  # fmt: skip
@option("--channels", "channels", multiple=True, metavar="LAYER=SHARE",
        help="Share of a layer's input channels that may change, as in 'fc=1/4'; may be repeated.")  # fmt: skip
@option("--weights", type=click.Choice(get_args(Stored)), default=_DEFAULT.weights, show_default=True,
        help="What int8 weights that may change are kept in.")  # fmt: skip
@option("--method", default="", metavar="NAME",
        help="How layers keep less for their gradients; a wrong name lists them.")  # fmt: skip
@option(
    "--set", "options", multiple=True, metavar="OPTION=VALUE", help="Option of --method; may be repeated."
)
@option("--max-arena", type=ByteCount(), metavar="BYTES",
        help="Train those layers only that lower the loss most and fit; needs --dataset.")  # fmt: skip
@option("--dataset", metavar="NAME", help="What to try layers on, for --max-arena.")
@option("-n", "--samples", type=click.IntRange(2), default=200, show_default=True, help="How many of it.")
@option(
    "-t", "--target", default="cortex-m4", show_default=True, help="Whose kernels --max-arena counts with."
)
@option("--epsilon", type=click.FloatRange(1e-6, 1), default=_DEFAULT.epsilon, show_default=True,
        help="How far zeroth-order moves the weights to compare.")  # fmt: skip
@option("--seed", type=click.IntRange(0, 2**31 - 1), default=_DEFAULT.seed, show_default=True,
        help="Of what a rule draws.")  # fmt: skip
@common
@click.pass_obj
def train_step(
    session: Session,
    model: Path,
    output: Path,
    rule: str,
    optimizer: Optimizer,
    momentum: float,
    loss: Loss,
    label_smoothing: float,
    layer: tuple[str, ...],
    only: Only,
    channels: tuple[str, ...],
    weights: Stored,
    method: str,
    options: tuple[str, ...],
    max_arena: int | None,
    dataset: str | None,
    samples: int,
    target: str,
    epsilon: float,
    seed: int,
) -> None:
    """Make a program that learns from one sample each time it runs.

    MODEL is a .pt2, .tflite or .onnx file, float or quantized. Export what comes out like any model: its C has
    model_predict() and model_learn(), and all that it learns lies in its states.
    """
    from dataclasses import asdict

    from toolkit.program import pt2
    from toolkit.program.source import load
    from toolkit.training.source import sample_of
    from toolkit.training.step import training_step

    settings = StepSettings(
        rule, optimizer, momentum, loss, label_smoothing, layer, only, _shares(channels), weights, epsilon, seed,
        method, _parsed(options),
    )  # fmt: skip
    source = load(model, keep_float=True)
    if max_arena is not None:
        settings = _within(session, settings, source.program, max_arena, dataset, samples, target)
    session.status("tracing the step and checking its gradients")
    step = training_step(source.program, sample_of(source.program, model), settings)
    pt2.save(step, output, {**source.info, "training": {**asdict(settings), "layers": list(settings.layers)}})
    changed = list(step.graph_signature.buffers_to_mutate.values())
    kept = sum(step.state_dict[name].nbytes for name in changed)
    session.result({"program": str(output), "rule": rule, "states": changed, "state_bytes": kept})
    if not session.json:
        click.echo(f"{output}: {rule}, {len(changed)} states of {kept:,} B in all")
    session.next(f"toolkit export {output} --target cortex-m4 -o DIR")


def _shares(options: tuple[str, ...]) -> dict[str, float]:
    """Return ``LAYER=SHARE`` as numbers; a share may be a fraction."""
    from fractions import Fraction

    found: dict[str, float] = {}
    for given in options:
        layer, _, share = given.rpartition("=")
        try:
            found[layer] = float(Fraction(share))
        except (ValueError, ZeroDivisionError):
            raise ToolkitError(
                f"{given!r} gives no share of a layer's channels",
                at="--channels",
                fix="write it as in --channels fc=1/4",
            ) from None
    return found


def _parsed(options: tuple[str, ...]) -> dict[str, Any]:
    """Return ``OPTION=VALUE`` lines as TOML reads them."""
    import tomllib

    found: dict[str, Any] = {}
    for line in options:
        try:
            found |= tomllib.loads(line)
        except tomllib.TOMLDecodeError as error:
            raise ToolkitError(
                f"{line!r} is no option: {error}", at="--set", fix="write it as in --set patch=4"
            ) from None
    return found


def _within(
    session: Session,
    settings: StepSettings,
    program: ExportedProgram,
    max_arena: int,
    dataset: str | None,
    samples: int,
    target: str,
) -> StepSettings:
    """Return ``settings`` with the layers, or shares of their channels, that fit and contribute most."""
    from dataclasses import replace

    from toolkit import data
    from toolkit.device import targets
    from toolkit.training.select import select

    if dataset is None:
        raise ToolkitError(
            "which layers contribute shows on data, and there is none",
            at="--max-arena",
            fix="add --dataset NAME, or choose layers with --layer",
        )
    loaded = data.load(dataset)
    chosen = select(
        program,
        loaded.x_train[:samples],
        loaded.y_train[:samples],
        max_arena=max_arena,
        kernel_set=targets.load(target).kernels,
        settings=settings,
        progress=session.status,
    )
    named = [
        f"{name} ({chosen.channels[name]:g} of its channels)" if name in chosen.channels else name
        for name in chosen.layers
    ]
    session.say(f"{', '.join(named)} may learn: {chosen.arena_bytes:,} B of arena")
    return replace(settings, layers=chosen.layers, channels=chosen.channels)
