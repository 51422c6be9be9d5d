"""What is asked of a text or a graph besides its labels."""

from __future__ import annotations

import numpy as np
import pytest

from toolkit import data
from toolkit.data.dataset import NOT_ASKED, Dataset, GraphDataset
from toolkit.data.tasks import masked_character, next_character, restored_line, whole_graph
from toolkit.errors import ToolkitError

TEXT = "To be, or not to be:\nthat is the question!\n" * 6


def text() -> Dataset:
    alphabet = sorted(set(TEXT))
    codes = np.array([alphabet.index(character) for character in TEXT], np.int64)
    return Dataset("made", codes[:-1], codes[1:], codes[:-1], codes[1:], alphabet, "", "")


def graph() -> GraphDataset:
    features = np.array([[1, 1, 0], [0, 0, 1], [0, 0, 0], [1, 1, 1]], np.float32)
    labels, nodes = np.array([0, 1, 1, 0], np.int64), np.arange(4)
    return GraphDataset(
        name="made",
        x_train=features[:1],
        y_train=labels[:1],
        x_test=features[1:3],
        y_test=labels[1:3],
        classes=["a", "b"],
        description="",
        licence="",
        features=features,
        labels=labels,
        edges=np.zeros((0, 2), np.int64),
        train_nodes=nodes[:1],
        val_nodes=nodes[3:],
        test_nodes=nodes[1:3],
    )


def test_the_tasks_are_the_modules() -> None:
    assert data.task_names() == [
        "masked-character",
        "next-character",
        "restored-line",
        "sound-spikes",
        "whole-graph",
    ]
    with pytest.raises(ToolkitError, match="no task called 'next'"):
        data.load("digits", task="next")


def test_next_character() -> None:
    made = next_character.make(text(), 20)
    assert made.x_train.shape == made.y_train.shape == ((len(TEXT) - 1) // 20, 20)
    assert np.array_equal(made.x_train[0, 1:], made.y_train[0, :-1])
    assert made.y_train[0, -1] == made.x_train[1, 0]


def test_masked_character() -> None:
    whole = text()
    made = masked_character.make(whole, 20)
    blots = made.x_train == len(whole.classes)
    assert made.classes[-1] == masked_character.BLOT
    assert 0.05 < blots.mean() < 0.25
    assert (made.y_train[~blots] == NOT_ASKED).all()
    restored = np.where(blots, made.y_train, made.x_train)
    assert np.array_equal(restored.ravel(), whole.x_train[: restored.size])
    assert np.array_equal(made.x_train, masked_character.make(whole, 20).x_train)


def test_restored_line() -> None:
    whole = text()
    made = restored_line.make(whole, 24)
    spell = np.array([*whole.classes, ""])
    source, shifted = made.x_train[1, :24], made.x_train[1, 24:]
    assert "".join(spell[source]) == "that is the question"
    assert "".join(spell[made.y_train[1][made.y_train[1] >= 0]]) == "that is the question!"
    assert "".join(spell[shifted]) == "that is the question!"
    assert shifted[0] == len(whole.classes)
    assert np.array_equal(shifted[1:22], made.y_train[1, :21])
    with pytest.raises(ToolkitError, match="no line is shorter than 2"):
        restored_line.make(whole, 2)


def test_whole_graph() -> None:
    made = whole_graph.make(graph(), 0)
    assert made.x_train.shape == (1, 4, 3)
    assert made.x_train.sum(-1).tolist() == [[1, 1, 0, 1]]
    assert made.y_train.tolist() == [[0, -1, -1, -1]]
    assert made.y_test.tolist() == [[-1, 1, 1, -1]]


@pytest.mark.parametrize("make", [next_character.make, masked_character.make, restored_line.make])
def test_what_is_no_text_is_refused(make) -> None:
    with pytest.raises(ToolkitError, match="not a text"):
        make(data.load("digits", limit=50), 20)
    with pytest.raises(ToolkitError, match="not a graph"):
        whole_graph.make(text(), 20)


def test_windows_must_fit() -> None:
    with pytest.raises(ToolkitError, match="no window of 1000 characters"):
        next_character.make(text(), 1000)
