"""How right a bundle's model is, where somebody found out: ``toolkit make`` on the device, or a note in the program."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from toolkit.measure.figure import Figure

METRICS = {"accuracy": 1.0, "mean_squared_error": math.inf}  # by name, the largest there can be


def fingerprint(bundle: Path) -> str:
    """Return what tells a bundle from any other: the hash of its manifest, which holds those of its files."""
    return hashlib.sha256((Path(bundle) / "manifest.json").read_bytes()).hexdigest()


def of_bundle(bundle: Path, info: Any) -> dict[str, Figure]:
    """Return ``accuracy`` or ``mean_squared_error``, whichever was taken of this very bundle; nothing is guessed.

    Args:
        bundle: its folder; the ``test.json`` of a project counts when it is of this bundle.
        info: the manifest's, what the program says of itself; strangers may have written anything there.
    """
    return _tested(Path(bundle)) or {
        metric: Figure(value, "counted", f"{samples:,} test samples, as noted in the program")
        for metric in METRICS
        for label, value, samples in noted(info, metric)
        if label == "quantized"
    }


def noted(info: Any, metric: str) -> list[tuple[str, float, int]]:
    """Return ``(form, value, samples)`` of ``float`` and ``quantized`` as a program's notes say; plain numbers only."""
    scores, samples = (info.get(metric), info.get("test_samples")) if isinstance(info, dict) else (None, None)
    if not isinstance(scores, dict) or not isinstance(samples, int) or samples < 1:
        return []
    return [
        (form, float(scores[form]), samples)
        for form in ("float", "quantized")
        if _within(scores.get(form), metric)
    ]


def _tested(bundle: Path) -> dict[str, Figure]:
    """Return what the stage ``test`` counted with this bundle."""
    try:
        test = json.loads((bundle.parent / "test.json").read_text(encoding="utf-8"))
        if test["manifest_sha256"] != fingerprint(bundle):
            return {}
        core = f"{test['samples_on_core']:,} of them on {test['target']} under {test['emulator']}"
        where = f"{test['samples']:,} test samples, {core}"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {
        metric: Figure(float(test[metric]), "counted", where)
        for metric in METRICS
        if _within(test.get(metric), metric)
    }


def _within(value: Any, metric: str) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= METRICS[metric]
