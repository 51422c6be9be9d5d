"""The program in a bundle, as the steps that its C computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Model, Step
from toolkit.lower.rounding import CONVENTIONS
from toolkit.ops import operators


def lowered_model(bundle: Path, manifest: dict[str, Any]) -> Model:
    """Return the steps of the C in a bundle: what ``layers`` of its manifest describes, in that order.

    Raises:
        ToolkitError: ``model.pt2`` is not the program the bundle was made of.
    """
    from toolkit.lower.passes import lower
    from toolkit.lower.patches import Patches, apply_patches
    from toolkit.lower.pooled import fuse_pools
    from toolkit.lower.residual import fuse_adds
    from toolkit.program import pt2

    program, _ = pt2.load(bundle / "model.pt2")
    model = lower(program, rounding=_rounding(bundle, manifest))
    layers_made = {(layer["name"], layer["op"]) for layer in manifest["layers"]}
    for fuse in (fuse_pools, fuse_adds):
        model = fuse(model, lambda step: (step.name, step.op) in layers_made)
    if manifest.get("patches") is not None:
        bands = Patches(manifest["patches"]["layers"], manifest["patches"]["bands"])
        model = apply_patches(model, bands) or model
    described = [tuple(tensor["device_shape"]) for tensor in (*manifest["inputs"], *manifest["outputs"])]
    layers = steps_with_code(model)
    shapes = [value.shape for value in (*model.inputs, *model.outputs)]
    if described != shapes or len(manifest["layers"]) != len(layers):
        raise ToolkitError(
            "model.pt2 is not the program this bundle was made of",
            at=str(bundle),
            fix="export the bundle again",
        )
    return model


def steps_with_code(model: Model) -> list[Step]:
    """Return the steps that are layers of the C."""
    return [step for step in model.steps if not operators()[step.op].code_free]


def _rounding(bundle: Path, manifest: dict[str, Any]) -> str:
    convention = manifest.get("rounding")
    if convention not in CONVENTIONS:
        raise ToolkitError(
            f"the manifest is damaged: rounding is {convention!r}",
            at=str(bundle / "manifest.json"),
            fix="make the bundle again with `toolkit export`",
        )
    return str(convention)
