"""Which learning rates suit the methods of ``toolkit finetune``, on samples that it does not report.

Digits: of the images for training, some are kept from the model and turned, to test with. Spoken digits: the new
speaker is another one, and the one of ``toolkit finetune`` is left out. Steps run here as the exported program has
them. Tried are the rate in use, and powers of ``FACTOR`` times it. The best rate is the lowest whose mean of both
worlds and all seeds is at most ``AS_GOOD`` below the highest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import click
import numpy as np

if TYPE_CHECKING:
    from torch import nn

    from toolkit.finetune.methods import Method
    from toolkit.finetune.world import World

FACTOR, AROUND = 2.0, 2  # so many rates on each side of the one in use
STEPS, HELD = 600, 400  # as many steps as `toolkit finetune` takes; images to test with
AS_GOOD = 0.005
OTHER_SPEAKER = "theo"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--method", "names", multiple=True, help="May be repeated. All that have a rate of their own.")
@click.option(
    "--seed", "seeds", multiple=True, type=int, default=(1, 2), show_default=True, help="May be repeated."
)
def main(names: tuple[str, ...], seeds: tuple[int, ...]) -> None:
    """Print how many are right after learning, for every method and rate."""
    import torch

    from toolkit.finetune import prepare
    from toolkit.finetune.methods import METHODS

    torch.set_num_threads(1)
    worlds = [
        (world, prepare.trained(world, epochs=40, seed=seed)) for seed in seeds for world in _worlds(seed)
    ]
    for name in names or METHODS:
        used = METHODS[name]
        means: dict[float, float] = {}
        for power in range(-AROUND, AROUND + 1):
            method = replace(used, rate=used.rate * FACTOR**power)
            right = [_after(world, model, method) for world, model in worlds]
            means[method.rate] = float(np.mean(right))
            each = " ".join(f"{share:6.1%}" for share in right)
            click.echo(f"{name:16}{method.rate:10.3g}  mean {means[method.rate]:6.1%}  each {each}")
        best = min(rate for rate, mean in means.items() if mean >= max(means.values()) - AS_GOOD)
        click.echo(f"{name:16}best is {best:.3g}, in use is {used.rate:.3g}")


def _worlds(seed: int) -> Iterator[World]:
    from toolkit import data
    from toolkit.finetune import world

    rng = np.random.default_rng(seed)
    digits = data.load("digits")
    order = rng.permutation(len(digits.x_train))
    held, rest = order[:HELD], order[HELD:]
    known = replace(digits, x_train=digits.x_train[rest], y_train=digits.y_train[rest])
    x_new = world.turned(digits.x_train[rest[:STEPS]], rng)
    x_test = world.turned(digits.x_train[held], rng)
    yield world.World(
        known, "", ("mlp", "digits"), x_new, digits.y_train[rest[:STEPS]], x_test, digits.y_train[held]
    )
    yield world.new_speaker(rng, OTHER_SPEAKER, without=world.SPEAKER)


def _after(world: World, model: nn.Module, method: Method) -> float:
    """Return the share of test samples that are right when all new ones are learnt."""
    import torch

    from toolkit.finetune import prepare

    program = prepare.step_program(model, method, world.dataset)
    module = program.module(check_guards=False)
    eye, rate = torch.eye(len(world.dataset.classes)), torch.tensor([method.rate])
    with torch.no_grad():
        for i in range(STEPS):
            at = i % len(world.x_new)
            module(torch.from_numpy(world.x_new[at][None]), eye[None, int(world.y_new[at])], rate)
        answers = [module(torch.from_numpy(x[None]), eye[:1], torch.tensor([0.0]))[0] for x in world.x_test]
    return float(np.mean([int(a.argmax()) for a in answers] == world.y_test))


if __name__ == "__main__":
    main()
