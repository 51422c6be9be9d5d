"""Every pass from an exported program to steps that can be planned and written as C, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from toolkit.lower.fuse import fold_batch_norm, fuse_activation, fuse_pad
from toolkit.lower.ir import Model
from toolkit.lower.layout import channels_last, layout_at_boundary, remove_permutes
from toolkit.lower.quantized import integer_boundary, quantize_bias, remove_dead, use_integers
from toolkit.lower.read import read

if TYPE_CHECKING:
    from torch.export import ExportedProgram

PASSES: list[Callable[[Model], Model]] = [
    fold_batch_norm,
    fuse_activation,
    use_integers,
    remove_dead,
    integer_boundary,
    fuse_activation,  # once more: a relu with its own quantize, now with integers
    fuse_pad,
    quantize_bias,
    channels_last,
    remove_permutes,
    layout_at_boundary,
    remove_dead,
]


def lower(program: ExportedProgram, name: str = "model") -> Model:
    """Turn an exported program into steps in device layout.

    Raises:
        ToolkitError: operators, types or shapes that cannot be compiled, all listed at once.
    """
    model = read(program, name)
    for run_pass in PASSES:
        model = run_pass(model)
    return model
