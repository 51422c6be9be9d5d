"""Data before and after the world changes: what a model is trained on here, and what its board then sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from toolkit import data
from toolkit.data.dataset import Dataset
from toolkit.errors import ToolkitError, suggestion
from toolkit.finetune.spectra import spectra


@dataclass(frozen=True, eq=False)
class World:
    """A dataset as it was, and samples of how it has become: some to learn from, in the order of their coming, and
    others to test with.

    ``change`` says in words what has happened; ``model`` names a family of ``toolkit.models`` and its preset.
    """

    dataset: Dataset
    change: str
    model: tuple[str, str]
    x_new: np.ndarray
    y_new: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def worlds() -> list[str]:
    """Return the names that ``load`` knows."""
    return sorted(_WORLDS)


def load(name: str, *, steps: int, tests: int, seed: int = 0) -> World:
    """Return a world with ``steps`` new samples to learn from and ``tests`` to test with.

    Raises:
        ToolkitError: no such world, or it has not so many samples.
    """
    if name not in _WORLDS:
        raise ToolkitError(f"no world is called {name!r}", fix=suggestion(name, worlds()))
    world = _WORLDS[name](np.random.default_rng(seed))
    if not 1 <= tests <= len(world.x_test):
        raise ToolkitError(
            f"{tests} test samples, and there are {len(world.x_test)}", fix="ask for at least 1, and not more"
        )
    if steps < 1:
        raise ToolkitError(f"{steps} steps", fix="let the board learn from at least 1 sample")
    again = -(-steps // len(world.x_new))  # from the beginning once all were seen
    order = np.tile(np.arange(len(world.x_new)), again)[:steps]
    return World(
        world.dataset, world.change, world.model, world.x_new[order], world.y_new[order],
        world.x_test[:tests], world.y_test[:tests],
    )  # fmt: skip


ANGLE, NOISE = 30.0, 0.1


def _turned_digits(rng: np.random.Generator) -> World:
    """The bundled digits, as a camera sees them that was knocked askew in bad light."""
    digits = data.load("digits")
    order = rng.permutation(len(digits.x_train))
    return World(
        digits,
        f"images turned by {ANGLE:g} degrees, with noise of {NOISE:g} of the brightest pixel",
        ("mlp", "digits"),
        turned(digits.x_train[order], rng),
        digits.y_train[order],
        turned(digits.x_test, rng),
        digits.y_test,
    )


def turned(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return images ``(n, channels, height, width)``, turned by ``ANGLE`` degrees, with Gaussian noise, in 0 to 1."""
    from scipy.ndimage import rotate

    moved = rotate(images, ANGLE, axes=(3, 2), reshape=False, order=1)
    return np.clip(moved + rng.normal(0, NOISE, moved.shape), 0, 1).astype(np.float32)


SPEAKER = "lucas"  # of the six, the one whom a model of the other five understands least
_TO_LEARN = 300  # of the speaker's 450 recordings for training; the others test, with the publisher's


def _new_speaker(rng: np.random.Generator) -> World:
    """Spoken digits: the model knows five speakers, and now a sixth speaks."""
    return new_speaker(rng, SPEAKER)


def new_speaker(rng: np.random.Generator, speaker: str, without: str = "") -> World:
    """Return spoken digits of ``speaker``, new to a model that knows the others, but for ``without``."""
    spoken = data.load("fsdd")
    assert isinstance(spoken, data.AudioDataset)
    x, x_test = (spectra(x, spoken.sample_rate_hz) for x in (spoken.x_train, spoken.x_test))
    who, who_test = np.array(spoken.speaker_train), np.array(spoken.speaker_test)
    new, new_test = who == speaker, who_test == speaker
    known, known_test = ~new & (who != without), ~new_test & (who_test != without)
    before = Dataset(
        name="fsdd",
        x_train=x[known],
        y_train=spoken.y_train[known],
        x_test=x_test[known_test],
        y_test=spoken.y_test[known_test],
        classes=spoken.classes,
        description=spoken.description,
        licence=spoken.licence,
    )
    order = rng.permutation(int(new.sum()))
    own_x, own_y = x[new][order], spoken.y_train[new][order]
    return World(
        before,
        f"a speaker whom it has never heard, {speaker}",
        ("mlp", "digits"),
        own_x[:_TO_LEARN],
        own_y[:_TO_LEARN],
        np.concatenate([own_x[_TO_LEARN:], x_test[new_test]]),
        np.concatenate([own_y[_TO_LEARN:], spoken.y_test[new_test]]),
    )


_WORLDS: dict[str, Callable[[np.random.Generator], World]] = {
    "digits": _turned_digits,
    "fsdd": _new_speaker,
}
