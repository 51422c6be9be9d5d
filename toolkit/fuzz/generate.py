"""Random recipes: each operator has a rule that finds attributes valid for the shapes at hand, or passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from toolkit.fuzz.recipe import Layer, Recipe

INPUT_SHAPES = ((3, 9, 11), (1, 8, 8), (4, 7, 5), (2, 12, 6), (8, 6, 6), (16, 4, 4), (24,), (7,), (6, 8))
MOST_ELEMENTS = 4096  # of an activation
UNARY = ("relu", "relu6", "sigmoid", "tanh", "hardswish", "silu", "gelu", "leaky_relu", "elu")
BINARY = ("add", "sub", "mul", "maximum", "minimum")


class Draft:
    """A recipe while it grows, and the choices the rules draw."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.seed = seed
        self.shapes: list[tuple[int, ...]] = [INPUT_SHAPES[self.rng.integers(len(INPUT_SHAPES))]]
        self.layers: list[Layer] = []

    def one(self, *options: int) -> int:
        """Return one of ``options``."""
        return int(options[self.rng.integers(len(options))])

    def tensor(self, rank: int | None = None) -> int | None:
        """Return the number of a tensor of this rank, late ones more often."""
        found = [i for i, shape in enumerate(self.shapes) if rank is None or len(shape) == rank]
        if not found:
            return None
        return found[-1] if self.rng.random() < 0.7 else found[self.rng.integers(len(found))]

    def add(self, op: str, inputs: tuple[int, ...], shape: tuple[int, ...], **attrs: object) -> bool:
        """Append a layer unless its output is empty or too large."""
        if min(shape) < 1 or np.prod(shape) > MOST_ELEMENTS:
            return False
        self.layers.append(Layer(op, inputs, shape, attrs, seed=len(self.layers)))
        self.shapes.append(shape)
        return True


def generate(seed: int, layers: int = 8) -> Recipe:
    """Return the recipe of ``seed``, of ``layers`` operators at most; the last one sees most of what was made."""
    draft = Draft(seed)
    tries = 0
    while len(draft.layers) < layers and tries < 20 * layers:
        RULES[draft.rng.choice(len(RULES), p=_WEIGHTS)][0](draft)
        tries += 1
    if not draft.layers:
        draft.add("relu", (0,), draft.shapes[0])
    return cut(Recipe(seed, draft.shapes[0], tuple(draft.layers)), len(draft.layers) - 1)


def cut(recipe: Recipe, last: int) -> Recipe:
    """Return the recipe that ends with layer ``last``, without layers that it does not need."""
    needed = {last + 1}
    for number in range(last, -1, -1):
        if number + 1 in needed:
            needed.update(recipe.layers[number].inputs)
    kept = [number for number in range(last + 1) if number + 1 in needed]
    renamed = {0: 0, **{number + 1: i + 1 for i, number in enumerate(kept)}}
    layers = (recipe.layers[number] for number in kept)
    return Recipe(
        recipe.seed,
        recipe.input_shape,
        tuple(replace(x, inputs=tuple(renamed[i] for i in x.inputs)) for x in layers),
    )


def _windows(
    draft: Draft, source: int, *, padding: bool
) -> tuple[dict[str, tuple[int, int]], tuple[int, int]]:
    """Return kernel, stride, padding and dilation that fit, and the output's height and width."""
    sizes = draft.shapes[source][1:]
    kernel = tuple(min(draft.one(1, 2, 3, 3, 5), size) for size in sizes)
    stride = (draft.one(1, 1, 2), draft.one(1, 1, 2, 3))
    pad = tuple(draft.one(0, k // 2) if padding else 0 for k in kernel)
    dilation = tuple(
        2 if draft.rng.random() < 0.15 and 2 * (k - 1) < n else 1 for k, n in zip(kernel, sizes, strict=True)
    )
    out = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(sizes, kernel, stride, pad, dilation, strict=True)
    )
    return {"kernel": kernel, "stride": stride, "pad": pad, "dilation": dilation}, out  # type: ignore[dict-item, return-value]


def _conv(draft: Draft) -> None:
    source = draft.tensor(3)
    if source is not None:
        attrs, out = _windows(draft, source, padding=True)
        draft.add("conv", (source,), (draft.one(1, 3, 4, 6, 8, 17), *out), groups=1, **attrs)


def _depthwise(draft: Draft) -> None:
    source = draft.tensor(3)
    if source is not None:
        attrs, out = _windows(draft, source, padding=True)
        channels = draft.shapes[source][0]
        draft.add("conv", (source,), (channels * draft.one(1, 1, 1, 2), *out), groups=channels, **attrs)


def _linear(draft: Draft) -> None:
    source = draft.tensor(draft.one(1, 1, 2))
    if source is not None:
        draft.add("linear", (source,), (*draft.shapes[source][:-1], draft.one(1, 5, 8, 16)))


def _unary(draft: Draft) -> None:
    source = draft.tensor()
    assert source is not None
    draft.add(UNARY[draft.rng.integers(len(UNARY))], (source,), draft.shapes[source])


def _binary(draft: Draft) -> None:
    one = draft.tensor()
    assert one is not None
    same = [i for i, shape in enumerate(draft.shapes) if shape == draft.shapes[one] and i != one]
    if same:
        other = same[draft.rng.integers(len(same))]
        draft.add(BINARY[draft.rng.integers(len(BINARY))], (one, other), draft.shapes[one])


def _constant(draft: Draft) -> None:
    source = draft.tensor()
    assert source is not None
    shape = draft.shapes[source]
    constant = (1,) * len(shape) if draft.rng.random() < 0.3 else (shape[0], *(1,) * (len(shape) - 1))
    draft.add(("add_constant", "mul_constant")[draft.one(0, 1)], (source,), shape, constant=constant)


def _pool(draft: Draft) -> None:
    source = draft.tensor(3)
    if source is not None:
        attrs, _ = _windows(draft, source, padding=False)
        kernel, stride = attrs["kernel"], attrs["stride"]
        sizes = draft.shapes[source][1:]
        out = tuple((n - k) // s + 1 for n, k, s in zip(sizes, kernel, stride, strict=True))
        op = ("max_pool", "avg_pool")[draft.one(0, 1)]
        draft.add(op, (source,), (draft.shapes[source][0], *out), kernel=kernel, stride=stride)


def _halve(draft: Draft) -> None:
    """The maximum over windows side by side, which the compiler computes together with a convolution before it."""
    source = draft.tensor(3)
    if source is not None:
        kernel = (draft.one(2, 2, 3), draft.one(1, 2, 2, 3))
        channels, height, width = draft.shapes[source]
        shape = (channels, height // kernel[0], width // kernel[1])
        draft.add("max_pool", (source,), shape, kernel=kernel, stride=kernel)


def _mean(draft: Draft) -> None:
    source = draft.tensor(3)
    if source is not None:
        draft.add("mean", (source,), (draft.shapes[source][0],))


def _softmax(draft: Draft) -> None:
    source = draft.tensor(draft.one(1, 2))
    if source is not None:
        draft.add("softmax", (source,), draft.shapes[source])


def _concat(draft: Draft) -> None:
    one = draft.tensor()
    assert one is not None
    shape = draft.shapes[one]
    fitting = [
        i
        for i, other in enumerate(draft.shapes)
        if len(other) == len(shape) and other[1:] == shape[1:] and i != one
    ]
    if fitting:
        other = fitting[draft.rng.integers(len(fitting))]
        draft.add("concat", (one, other), (shape[0] + draft.shapes[other][0], *shape[1:]))


def _slice(draft: Draft) -> None:
    source = draft.tensor()
    assert source is not None
    shape = list(draft.shapes[source])
    axis = int(draft.rng.integers(len(shape)))
    if shape[axis] > 2:
        first = int(draft.rng.integers(shape[axis] - 1))
        last = int(draft.rng.integers(first + 1, shape[axis] + 1))
        shape[axis] = last - first
        draft.add("slice", (source,), tuple(shape), axis=axis, first=first, last=last)


def _pad(draft: Draft) -> None:
    source = draft.tensor(3)
    if source is not None:
        (top, bottom), (left, right) = pads = (
            (draft.one(0, 1, 2), draft.one(0, 1)),
            (draft.one(0, 1), draft.one(1, 2)),
        )
        channels, height, width = draft.shapes[source]
        draft.add("pad", (source,), (channels, height + top + bottom, width + left + right), pads=pads)


def _flatten(draft: Draft) -> None:
    source = draft.tensor(draft.one(2, 3))
    if source is not None:
        draft.add("flatten", (source,), (int(np.prod(draft.shapes[source])),))


def _transpose(draft: Draft) -> None:
    source = draft.tensor(2)
    if source is not None:
        draft.add("transpose", (source,), draft.shapes[source][::-1])


def _tokens(draft: Draft) -> None:
    """(C, H, W) becomes (H * W, C): pixels as tokens."""
    source = draft.tensor(3)
    if source is not None:
        channels, height, width = draft.shapes[source]
        draft.add("tokens", (source,), (height * width, channels))


def _resize(draft: Draft) -> None:
    source = draft.tensor(3)
    if source is not None:
        channels, height, width = draft.shapes[source]
        draft.add("resize", (source,), (channels, 2 * height, 2 * width))


# A rule, and how often it is drawn.
RULES: list[tuple[Callable[[Draft], None], int]] = [
    (_conv, 6), (_depthwise, 4), (_linear, 4), (_unary, 6), (_binary, 5), (_constant, 2), (_pool, 3), (_halve, 3),
    (_mean, 1), (_softmax, 1), (_concat, 3), (_slice, 2), (_pad, 2), (_flatten, 1), (_transpose, 1), (_tokens, 1),
    (_resize, 1),
]  # fmt: skip
_WEIGHTS = np.array([weight for _, weight in RULES]) / sum(weight for _, weight in RULES)
