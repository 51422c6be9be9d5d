"""AugLocal: blocks learn alone, each through a small network like the layers that follow it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor, nn

from quantize.method import Method, between
from toolkit.learn.heads import pooled_classifier
from toolkit.learn.local import LocalLearner
from toolkit.learn.rule import Setup

if TYPE_CHECKING:
    from toolkit.data import Dataset

METHOD = Method(
    slug="auglocal",
    title="Local learning with augmented auxiliary networks",
    paper="Scaling Supervised Local Learning with Augmented Auxiliary Networks, Ma et al. 2024, arXiv 2402.17318",
    kind="learn",
    cost="a few auxiliary layers per block while training; keeps one block's activations and its auxiliary's at a time",
)


@dataclass(frozen=True)
class Options:
    """``depth`` is how many auxiliary layers the first block has; the number falls linearly to one."""

    depth: int = between(1, 100, 2)


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> LocalLearner:
    """Return what trains ``model`` block by block; see ``toolkit.learn.rule.Rule``."""

    def auxiliary(blocks: list[nn.Module], index: int, outputs: list[Tensor]) -> nn.Module:
        shapes = [tuple(output.shape[1:]) for output in outputs]
        layers: list[nn.Module] = []
        features = shapes[index]
        for follower in chosen(index, len(blocks), setup.options.depth):
            layer, features = _like(features, shapes[follower])
            layers.append(layer)
        return nn.Sequential(*layers, pooled_classifier(features, outputs[-1].shape[-1]))

    return LocalLearner(METHOD.slug, model, dataset, setup, auxiliary)


def chosen(index: int, blocks: int, depth: int) -> list[int]:
    """Return the hidden blocks after ``index`` that its auxiliary network is made like, evenly spread."""
    hidden = blocks - 1
    count = round(depth - (depth - 1) * index / max(1, hidden - 1))
    following = range(index + 1, hidden)
    count = min(count, len(following))
    if count <= 1:
        return list(following)[-count:] if count else []
    return [following[round(at * (len(following) - 1) / (count - 1))] for at in range(count)]


def _like(features: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[nn.Module, tuple[int, ...]]:
    """Return a layer from ``features`` to a shape as ``wanted``, and what it makes.

    It is a convolution between images, whose size it meets by strides only, else a linear layer.
    """
    if len(features) == len(wanted) == 3:
        down, right = (max(1, round(a / b)) for a, b in zip(features[1:], wanted[1:], strict=True))
        conv = nn.Conv2d(features[0], wanted[0], 3, (down, right), padding=1, bias=False)
        made = (wanted[0], -(-features[1] // down), -(-features[2] // right))
        return nn.Sequential(conv, nn.BatchNorm2d(wanted[0]), nn.ReLU()), made
    linear = nn.Linear(math.prod(features), math.prod(wanted))
    return nn.Sequential(nn.Flatten(), linear, nn.ReLU(), nn.Unflatten(1, wanted)), wanted
