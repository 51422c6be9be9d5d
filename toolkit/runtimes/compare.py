"""Hold what a runtime computed against what is expected, and write down both."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit import tensors
from toolkit.errors import CHECK_FAILED, MISSING, ToolkitError
from toolkit.golden import golden_samples

if TYPE_CHECKING:
    from toolkit.device.targets import Target
    from toolkit.runtimes.expected import Expected


def hold(
    bundle: Path,
    entry: dict[str, Any],
    wanted: Expected,
    rounding: str,
    got: list[np.ndarray] | None,
    not_run: str = "",
) -> None:
    """Give ``entry`` its golden outputs, its bound and what was found.

    The nearer of two references counts: by the model's own rounding, or by the runtime's, called ``rounding``.

    Raises:
        ToolkitError: outputs beyond the bound.
    """
    nearest = wanted
    if got is not None:
        others = [wanted.others[rounding]] if rounding in wanted.others else []
        nearest = min([wanted, *others], key=lambda each: _largest(each, got))
    folder = bundle / "golden" / entry["file"].rpartition("/")[2]
    folder.mkdir()
    for i, array in enumerate(nearest.outputs):
        np.save(folder / f"{i}.npy", array)
    entry |= {
        "golden": [(folder / f"{i}.npy").relative_to(bundle).as_posix() for i in range(len(nearest.outputs))],
        "against": nearest.against,
        "units": nearest.units,
        "unit": nearest.unit,
        "bound": nearest.bound,
        "bound_from": nearest.bound_from,
        "equal_within": nearest.equal_within,
        "run_here": got is not None,
    }
    if got is None:
        entry["not_run_here"] = not_run
        return
    values = sum(array.size for array in got)
    differing, largest = _differing(nearest, got), _largest(nearest, got)
    entry |= {"values": values, "differing": differing, "share_differing": differing / max(values, 1),
              "largest": largest, "same_class": _same_class(nearest.outputs, got)}  # fmt: skip
    if nearest.torchs:
        torch = replace(nearest, outputs=nearest.torchs)
        entry |= {"differing_from_torch": _differing(torch, got), "largest_from_torch": _largest(torch, got)}
    if not largest <= nearest.bound:
        raise ToolkitError(
            f"{entry['file']} computes something else than the model: its largest difference from {nearest.against} is "
            f"{largest:.3g} {nearest.unit}, of {nearest.bound:.3g} allowed".replace("  ", " "),
            at=nearest.bound_from,
            fix="leave that runtime out with --format, and report this with the model",
            exit_code=CHECK_FAILED,
        )


def check_c(
    bundle: Path,
    manifest: dict[str, Any],
    entry: dict[str, Any],
    target: Target,
    progress: Callable[[str], None],
) -> None:
    """Build the bundle's C for its target, run it there on the golden samples and compare to the bit.

    Raises:
        ToolkitError: another output.
    """
    from toolkit.device.build import build
    from toolkit.device.run import run
    from toolkit.verify.difference import differs

    inputs, want = golden_samples(bundle, manifest)
    real = [tensors.to_user(*ends) for ends in zip(manifest["outputs"], want, strict=True)]
    folder = bundle / "golden" / "c"
    folder.mkdir()
    for i, array in enumerate(real):
        np.save(folder / f"{i}.npy", array)
    entry |= {"golden": [f"golden/c/{i}.npy" for i in range(len(real))], **c_bounds(manifest["outputs"])}
    progress(f"run: C on {target.name}")
    try:
        ran = run(build(bundle), target, tensors.to_bytes(inputs))
    except ToolkitError as error:
        if error.exit_code != MISSING and "cannot run programs" not in error.what:
            raise
        entry |= {"run_here": False, "not_run_here": error.what}
        return
    finally:
        shutil.rmtree(bundle / "build", ignore_errors=True)
    got = tensors.from_bytes(manifest["outputs"], ran.outputs)
    wrong = [differs(a, b, exact=entry["unit"] == "steps") for a, b in zip(want, got, strict=True)]
    differing, values = sum(int(each.sum()) for each in wrong), sum(each.size for each in wrong)
    entry |= {"run_here": True, "run_by": ran.emulator, "values": values, "differing": differing,
              "share_differing": differing / max(values, 1), "largest": 0.0 if not differing else None}  # fmt: skip
    if differing:
        raise ToolkitError(
            f"the C computes something else than the model: {differing:,} of {values:,} values differ",
            fix="report this with the model; `toolkit verify` names the layer",
            exit_code=CHECK_FAILED,
        )


def c_bounds(outputs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how far a bundle's C may be from the reference, by the manifest's ``outputs``."""
    from toolkit.verify.difference import FLOAT_TOLERANCE

    integers = all(tensor["scale"] is not None for tensor in outputs)
    return {
        "against": "the reference",
        "units": [tensor["scale"] if integers else 1.0 for tensor in outputs],
        "unit": "steps" if integers else "",
        "bound": 1e-3 if integers else FLOAT_TOLERANCE,
        "bound_from": "C computes the reference's integers" if integers else "float32 sums in another order",
        "equal_within": 1e-3 if integers else FLOAT_TOLERANCE,
    }


def distance(want: np.ndarray, have: np.ndarray, unit: float) -> np.ndarray:
    """Return how far each of ``have`` is from ``want``, in ``unit``; infinity for what is no number."""
    found = np.abs(have.astype(np.float64) - want) / unit
    found[~np.isfinite(found)] = np.inf
    return np.asarray(found)


def _distances(wanted: Expected, got: list[np.ndarray]) -> list[np.ndarray]:
    made = []
    for want, have, unit in zip(wanted.outputs, got, wanted.units, strict=True):
        if want.shape != have.shape:
            raise ToolkitError(
                f"outputs have the shape {have.shape} instead of {want.shape}",
                fix="report this: the file is not what was exported",
                exit_code=CHECK_FAILED,
            )
        made.append(distance(want, have, unit))
    return made


def _differing(wanted: Expected, got: list[np.ndarray]) -> int:
    return sum(int((array > wanted.equal_within).sum()) for array in _distances(wanted, got))


def _largest(wanted: Expected, got: list[np.ndarray]) -> float:
    return max(float(array.max(initial=0)) for array in _distances(wanted, got))


def _same_class(want: list[np.ndarray], got: list[np.ndarray]) -> int | None:
    if len(want) != 1 or want[0].ndim != 2 or want[0].shape[1] < 2:
        return None
    return int((want[0].argmax(1) == got[0].argmax(1)).sum())
