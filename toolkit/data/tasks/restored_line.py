"""Lines whose capitals and punctuation are lost, to be restored: what a small encoder-decoder learns.

The source is the line in small letters without punctuation; the target is the line itself. Both are filled up with
one more class, the last, and stand side by side, since a model takes one input.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.data.dataset import NOT_ASKED, Dataset
from toolkit.data.windows import windows
from toolkit.errors import ToolkitError

FILL = "\N{SYMBOL FOR NULL}"


def make(dataset: Dataset, window: int) -> Dataset:
    """Return lines of at most ``window - 1`` characters.

    Returns:
        ``x`` int64 ``(n, 2 * window)``: the source, then the target moved on by one place, a fill first. ``y``
        ``(n, window)``: the target, one fill as its end, then -1.
    """
    x_train, y_train = _lines(dataset, dataset.x_train, window)
    x_test, y_test = _lines(dataset, dataset.x_test, window)
    return replace(
        dataset,
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        classes=[*dataset.classes, FILL],
    )


def _lines(dataset: Dataset, text: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    whole = "".join(dataset.classes[code] for code in windows(dataset, text, 1)[:, 0])
    lines = [line for line in whole.splitlines() if 0 < len(line) < window]
    if not lines:
        raise ToolkitError(
            f"no line is shorter than {window} characters", fix="choose a larger [data] window"
        )
    code = {character: index for index, character in enumerate(dataset.classes)}
    fill = len(dataset.classes)
    sources = np.full((len(lines), window), fill, np.int64)
    targets = np.full((len(lines), window), NOT_ASKED, np.int64)
    for row, line in enumerate(lines):
        bare = [code[c] for c in line.lower() if c.isalpha() or c == " "]
        sources[row, : len(bare)] = bare
        targets[row, : len(line)] = [code[c] for c in line]
        targets[row, len(line)] = fill
    before = np.concatenate([np.full((len(lines), 1), fill), targets[:, :-1]], 1)
    return np.concatenate([sources, np.where(before == NOT_ASKED, fill, before)], 1), targets
