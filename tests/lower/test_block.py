"""A block of elements leaves and gives what they do one by one; models for which that cannot be are refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from toolkit import models
from toolkit.errors import ToolkitError
from toolkit.lower import reference
from toolkit.lower.block import check_block, with_block
from toolkit.lower.choose import choose_kernels
from toolkit.lower.ir import Model
from toolkit.lower.passes import lower
from toolkit.models.decoder import DecoderStep

PLACES, WORDS = 12, 10


@pytest.fixture(scope="module")
def decoder() -> Model:
    """A decoder in float, one character a run."""
    torch.manual_seed(3)
    sizes = {"width": 8, "layers": 2, "heads": 2, "hidden": 12, "vocabulary": WORDS}
    step = DecoderStep(models.build("decoder", input_shape=(PLACES,), **sizes).eval())
    return _lowered(step, torch.zeros(1, dtype=torch.int64))


def _lowered(model: nn.Module, x: torch.Tensor) -> Model:
    program = torch.export.export(model.eval(), (x,)).run_decompositions({})
    return choose_kernels(lower(program), "armv7em")


def _text(count: int) -> np.ndarray:
    return np.random.default_rng(4).integers(0, WORDS, (count, 1)).astype(np.int32)


@pytest.mark.parametrize("elements", [1, 3, 4])
def test_blocks_and_single_elements_go_on_from_each_other(decoder: Model, elements: int) -> None:
    """Blocks, one element, then as many as there are places: a wrap lies among the last."""
    model = with_block(decoder, elements, "armv7em")
    assert model.block is not None
    text = _text(3 * PLACES)
    expected = reference.run_batch(decoder, [text])[0]
    memory, given = reference.Memory(model), 0
    while given < len(text):
        if given % (2 * elements) < elements:
            (scores,) = reference.run(model.block, [text[given : given + elements]], memory)
            given += elements
        else:
            (scores,) = reference.run(model, [text[given : given + 1]], memory)
            given += 1
        np.testing.assert_allclose(scores[0], expected[given - 1], atol=1e-5)


def test_only_the_last_element_goes_all_the_way(decoder: Model) -> None:
    block = with_block(decoder, 4, "armv7em").block
    assert block is not None
    rows = [step.output.shape[0] for step in block.steps if step.op == "fully_connected"]
    assert rows == [
        4,
        4,
        4,
        4,
        4,
        4,
        4,
        1,
        4,
        4,
        1,
        1,
        1,
        1,
        1,
    ]  # of the last layer only keys and values of all


def test_what_differs_is_found(decoder: Model) -> None:
    model = with_block(decoder, 4, "armv7em")
    assert model.block is not None
    check_block(model, [_text(8)])
    softmax = next(step for step in model.block.steps if step.op == "masked_softmax")
    softmax.attrs = {**softmax.attrs, "kept": tuple((0, PLACES) for _ in range(PLACES))}
    with pytest.raises(ToolkitError, match="do not give what they give one by one"):
        check_block(model, [_text(8)])


class Total(nn.Module):
    """The sum of all inputs so far."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(1, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.total.copy_(self.total + x)
        return self.total * 1


class Window(nn.Module):
    """Scores over a cache that shows later places, too."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("place", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("cache", torch.zeros(1, 6, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.cache.copy_(self.cache.index_copy(1, self.place, x[:, None]))
        y = torch.softmax(x[:, None] @ self.cache.transpose(1, 2), -1) @ self.cache
        self.place.copy_((self.place + 1) % 6)
        return y[:, 0]


class Deep(nn.Module):
    """Such scores on the way to a second cache."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Window(), Window()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.second(self.first(x))
        return y


@pytest.mark.parametrize(
    ("make", "sample", "match"),
    [
        (Total, torch.zeros(1, 4), "otherwise than row by row"),
        (lambda: nn.Linear(4, 4), torch.zeros(1, 4), "keeps nothing"),
        (Deep, torch.ones(1, 4), "no mask hides"),
    ],
)
def test_what_takes_no_blocks_says_why(
    make: Callable[[], nn.Module], sample: torch.Tensor, match: str
) -> None:
    torch.manual_seed(0)
    with pytest.raises(ToolkitError, match=match) as error:
        with_block(_lowered(make(), sample), 2, "armv7em")
    assert "--prompt-block" in error.value.fix


def test_a_block_that_a_new_beginning_would_cut_is_refused(decoder: Model) -> None:
    with pytest.raises(ToolkitError, match="begins anew after 12") as error:
        with_block(decoder, 5, "armv7em")
    assert error.value.fix == "choose a divisor of 12"
