"""Many random models, one after the other, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from toolkit import atomic
from toolkit.fuzz.compare import BACKENDS, Finding, compare
from toolkit.fuzz.generate import generate
from toolkit.fuzz.recipe import Recipe
from toolkit.fuzz.shrink import shrink

SCHEMA = 1


@dataclass(frozen=True)
class Failure:
    """A recipe that backends disagree about, as small as it got."""

    recipe: Recipe
    findings: list[Finding]


@dataclass
class Campaign:
    """What was compared, and what was found."""

    seed: int
    models: int = 0
    layers: int = 0
    failures: list[Failure] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        found = [
            {"seed": f.recipe.seed, "findings": [{"backend": x.backend, "what": x.what} for x in f.findings]}
            for f in self.failures
        ]
        return {
            "schema": SCHEMA,
            "seed": self.seed,
            "models": self.models,
            "layers": self.layers,
            "failures": found,
        }


def _fails(recipe: Recipe, backends: Sequence[str], targets: Sequence[str]) -> bool:
    return bool(compare(recipe, backends=backends, targets=targets))


def campaign(
    count: int,
    seed: int,
    *,
    layers: int = 8,
    backends: Sequence[str] = BACKENDS,
    targets: Sequence[str] = ("host", "cortex-m4"),
    keep: Path | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Campaign:
    """Compare the models of ``count`` seeds from ``seed`` on.

    Args:
        count: of models.
        seed: of the first.
        layers: of each model, at most.
        backends: see ``toolkit.fuzz.compare.compare``.
        targets: likewise.
        keep: folder for the recipes that fail, ``<seed>.json``, shrunk.
        progress: told how many models are done.
    """
    result = Campaign(seed)
    for number in range(count):
        recipe = generate(seed + number, layers)
        result.models += 1
        result.layers += len(recipe.layers)
        findings = compare(recipe, backends=backends, targets=targets)
        if findings:
            failing = sorted({finding.backend for finding in findings})
            small = shrink(recipe, partial(_fails, backends=failing, targets=targets))
            findings = compare(small, backends=failing, targets=targets) or findings
            result.failures.append(Failure(small, findings))
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                atomic.write_text(keep / f"{small.seed}.json", small.to_json())
        progress(number + 1)
    return result
