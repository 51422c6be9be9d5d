"""Random models across all backends: a few fresh ones on every run, and every one that ever failed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("ai_edge_litert", reason='pip install "edge-toolkit[litert]"')
pytest.importorskip("onnxruntime", reason='pip install "edge-toolkit[onnx]"')

from toolkit.errors import ToolkitError
from toolkit.fuzz import compare as comparing
from toolkit.fuzz.campaign import campaign
from toolkit.fuzz.compare import BACKENDS, compare
from toolkit.fuzz.generate import cut, generate
from toolkit.fuzz.recipe import Recipe
from toolkit.fuzz.shrink import shrink
from toolkit.fuzz.torch_model import RecipeModule
from toolkit.ops import operators

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))


@pytest.mark.parametrize("seed", range(8))
def test_backends_agree(seed: int) -> None:
    assert compare(generate(seed)) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_what_once_failed_agrees(case: Path) -> None:
    assert compare(Recipe.from_json(case.read_text(encoding="utf-8"))) == []


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), layers=st.integers(1, 12))
def test_every_recipe_is_a_valid_model(seed: int, layers: int) -> None:
    recipe = generate(seed, layers)
    assert 1 <= len(recipe.layers) <= layers
    outputs = RecipeModule(recipe).every(torch.from_numpy(recipe.samples(1)))
    for layer, output in zip(recipe.layers, outputs[1:], strict=True):
        assert tuple(output.shape) == (1, *layer.shape)
        assert bool(torch.isfinite(output).all())
    assert Recipe.from_json(recipe.to_json()) == recipe
    used = {tensor for layer in recipe.layers for tensor in layer.inputs}
    assert used >= set(range(1, len(recipe.layers)))  # nothing is computed in vain


def test_all_kinds_of_layers_are_drawn() -> None:
    drawn = {layer.op for seed in range(300) for layer in generate(seed).layers}
    assert len(drawn) >= 25


def test_a_wrong_operator_is_found_and_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: a reference that is off by one is noticed by the C on the host."""
    recipe = next(
        r for r in map(generate, range(100)) if any(layer.op == "max_pool" for layer in r.layers[1:])
    )
    operator = type(operators()["max_pool2d"])
    right = operator.reference

    def wrong(self: object, step: object, inputs: list[np.ndarray]) -> np.ndarray:
        return np.roll(right(self, step, inputs), 1)  # type: ignore[arg-type]

    monkeypatch.setattr(operator, "reference", wrong)

    def fails(part: Recipe) -> bool:
        return bool(compare(part, backends=["devices"], targets=["host"]))

    assert fails(recipe)
    small = shrink(recipe, fails)
    assert small.layers[-1].op == "max_pool"
    assert len(small.layers) <= len(recipe.layers)


def test_a_crash_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "_litert", lambda *_: 1 / 0)
    assert [f.backend for f in compare(generate(1), backends=["litert"])] == ["litert"]


def test_failures_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(comparing, "_litert", lambda *_: ["wrong"])
    result = campaign(2, 7, backends=["litert"], keep=tmp_path)
    assert (result.models, len(result.failures)) == (2, 2)
    kept = sorted(tmp_path.glob("*.json"))
    assert [Recipe.from_json(file.read_text()).seed for file in kept] == [7, 8]
    assert all(len(failure.recipe.layers) == 1 for failure in result.failures)


def test_a_cut_keeps_the_weights() -> None:
    recipe = generate(3, 12)
    short = cut(recipe, len(recipe.layers) - 2)
    sample = torch.from_numpy(recipe.samples(1))
    torch.testing.assert_close(
        RecipeModule(short)(sample), RecipeModule(recipe).every(sample)[len(recipe.layers) - 1]
    )


@pytest.mark.parametrize(
    "text", ["", "[]", '{"schema": 2}', '{"schema": 1, "seed": 0, "input_shape": [1], "layers": [1]}']
)
def test_what_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(ToolkitError, match="no recipe"):
        Recipe.from_json(text)


def test_backends_have_names() -> None:
    assert set(BACKENDS) == {"eager", "devices", "litert", "litert-export", "onnx"}
