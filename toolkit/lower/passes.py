"""Every pass from an exported program to steps that can be planned and written as C, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from toolkit.lower.attention import fuse_scale, read_in_place
from toolkit.lower.descend import step_down
from toolkit.lower.events import note_spikes
from toolkit.lower.fuse import fold_batch_norm, fuse_activation, fuse_pad
from toolkit.lower.halves import use_halves
from toolkit.lower.int16 import int16_operators
from toolkit.lower.ir import Model
from toolkit.lower.late import dequantize_late
from toolkit.lower.layout import as_images, channels_last, layout_at_boundary, turn_states
from toolkit.lower.learning import learns
from toolkit.lower.masks import fuse_mask
from toolkit.lower.per_token import fuse_per_token
from toolkit.lower.permutes import remove_permutes
from toolkit.lower.quantized import (
    integer_boundary,
    quantize_before_reshape,
    quantize_bias,
    remove_dead,
    use_integers,
)
from toolkit.lower.read import read
from toolkit.lower.rescale import rescale_after_sharing, rescale_between_quantizations
from toolkit.lower.rounding import set_rounding
from toolkit.lower.scales import check_scales
from toolkit.lower.schedule import update_early
from toolkit.lower.states import settle_states
from toolkit.ops import operators

if TYPE_CHECKING:
    from torch.export import ExportedProgram


def name_values(model: Model) -> Model:
    """Name every activation after the layer that makes it: these names stand in the manifest and the report."""
    taken = {value.name for value in model.inputs}
    # what takes no code shows nowhere: it takes what names are left
    for step in sorted(model.steps, key=lambda step: operators()[step.op].code_free):
        name, count = step.name, 2
        while name in taken:
            name, count = f"{step.name}_{count}", count + 1
        step.output.name = name
        taken.add(name)
    return model


PASSES: list[Callable[[Model], Model]] = [
    fold_batch_norm,
    fuse_per_token,
    fuse_activation,
    fuse_scale,
    fuse_mask,
    rescale_between_quantizations,
    quantize_before_reshape,
    use_integers,
    check_scales,
    remove_dead,
    integer_boundary,
    use_halves,
    fuse_activation,  # once more: a relu with its own quantize, now with integers
    fuse_pad,
    rescale_after_sharing,
    quantize_bias,
    as_images,
    channels_last,
    turn_states,
    remove_permutes,
    layout_at_boundary,
    read_in_place,
    remove_dead,
    dequantize_late,
    step_down,
    update_early,
    settle_states,
    int16_operators,
    note_spikes,
    name_values,
]


def lower(
    program: ExportedProgram, name: str = "model", *, rounding: str = "single", views: bool = True
) -> Model:
    """Turn an exported program into steps in device layout, rounding by a convention of ``lower.rounding``.

    Args:
        program: what ``torch.export`` made, or a file's reader.
        name: what C files and names begin with.
        rounding: a convention of ``lower.rounding``.
        views: let matrix products read permuted and sliced tensors in the memory of those they come from.

    Raises:
        ToolkitError: operators, types or shapes that cannot be compiled, all listed at once.
    """
    return lowered(as_read(program, name), rounding=rounding, views=views)


def as_read(program: ExportedProgram, name: str = "model") -> Model:
    """Return the steps of a program before any pass.

    Raises:
        ToolkitError: as of ``lower``.
    """
    from toolkit.program.decompose import expand  # needs torch
    from toolkit.program.spellings import respelled

    model = read(respelled(expand(program)), name)
    model.learns = learns(model)
    return model


def lowered(model: Model, *, rounding: str = "single", views: bool = True) -> Model:
    """Run every pass on what ``as_read`` returns; arguments as of ``lower``."""
    for run_pass in PASSES:
        if views or run_pass is not read_in_place:
            model = run_pass(model)
    return set_rounding(model, rounding)
