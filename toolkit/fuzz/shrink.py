"""The smallest part of a recipe that still shows a finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from toolkit.fuzz.generate import cut
from toolkit.fuzz.recipe import Recipe


def shrink(recipe: Recipe, fails: Callable[[Recipe], bool]) -> Recipe:
    """Return a part of ``recipe`` that still ``fails``: its first such prefix, then without single layers.

    A layer can go where its input has its output's shape.
    """
    for last in range(len(recipe.layers)):
        shorter = cut(recipe, last)
        if len(shorter.layers) == len(recipe.layers) or fails(shorter):
            recipe = shorter
            break
    number = 0
    while number < len(recipe.layers) - 1:
        without = _without(recipe, number)
        if without is not None and fails(without):
            recipe = without
        else:
            number += 1
    return recipe


def _without(recipe: Recipe, number: int) -> Recipe | None:
    """Return the recipe with layer ``number`` replaced by its first input, where that has the same shape."""
    layer = recipe.layers[number]
    if recipe.shape(layer.inputs[0]) != layer.shape:
        return None

    def renamed(tensor: int) -> int:
        if tensor == number + 1:
            return layer.inputs[0]
        return tensor - 1 if tensor > number + 1 else tensor

    rest = (replace(other, inputs=tuple(map(renamed, other.inputs))) for other in recipe.layers[number + 1 :])
    shorter = Recipe(recipe.seed, recipe.input_shape, (*recipe.layers[:number], *rest))
    return cut(shorter, len(shorter.layers) - 1)
