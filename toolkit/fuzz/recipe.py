"""A model as plain data: what the generator makes, every framework's builder reads and a regression case stores."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any

import numpy as np

from toolkit.errors import ToolkitError

SCHEMA = 1


@dataclass(frozen=True)
class Layer:
    """One operator. ``inputs`` are tensor numbers: 0 is the model's input, i + 1 the output of layer i.

    Shapes are channels first and without the batch: (C, H, W), (T, C) or (N,).
    """

    op: str
    inputs: tuple[int, ...]
    shape: tuple[int, ...]  # of the output
    attrs: dict[str, Any] = field(default_factory=dict)
    seed: int = 0  # of its weights, with the recipe's


@dataclass(frozen=True)
class Recipe:
    """A model: its last layer gives the output. Weights come from ``seed`` and the layer's own."""

    seed: int
    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Return the shape of a tensor, without the batch."""
        return self.input_shape if tensor == 0 else self.layers[tensor - 1].shape

    def weights(self, number: int) -> dict[str, np.ndarray]:
        """Return the float32 constants of layer ``number``, such that activations keep their size."""
        layer = self.layers[number]
        rng = np.random.default_rng([self.seed, layer.seed])
        if layer.op == "conv":
            channels = self.shape(layer.inputs[0])[0] // layer.attrs["groups"]
            shape: tuple[int, ...] = (layer.shape[0], channels, *layer.attrs["kernel"])
        elif layer.op == "linear":
            shape = (layer.shape[-1], self.shape(layer.inputs[0])[-1])
        elif layer.op in ("add_constant", "mul_constant"):
            return {"constant": _float32(rng.uniform(0.5, 1.5, layer.attrs["constant"]))}
        else:
            return {}
        weight = rng.normal(size=shape) * (2 / prod(shape[1:])) ** 0.5
        return {"weight": _float32(weight), "bias": _float32(rng.normal(size=shape[0]) * 0.1)}

    def samples(self, count: int) -> np.ndarray:
        """Return ``count`` inputs, (count, *input_shape), float32."""
        return _float32(np.random.default_rng([self.seed, 1 << 20]).normal(size=(count, *self.input_shape)))

    def to_json(self) -> str:
        """Return the recipe as JSON text."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Return the recipe that ``to_json`` wrote.

        Raises:
            ToolkitError: it is no recipe.
        """
        try:
            data = json.loads(text)
            if data["schema"] != SCHEMA:
                raise ValueError(f"schema {data['schema']}")
            layers = tuple(
                Layer(
                    e["op"],
                    tuple(e["inputs"]),
                    tuple(e["shape"]),
                    {k: _tuples(v) for k, v in e["attrs"].items()},
                    e["seed"],
                )
                for e in data["layers"]
            )
            return cls(int(data["seed"]), tuple(data["input_shape"]), layers)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ToolkitError(
                f"this is no recipe of a random model: {error}", fix="see toolkit/fuzz/recipe.py"
            ) from error

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, input {self.input_shape}"]
        for number, layer in enumerate(self.layers, 1):
            lines.append(f"  {number}: {layer.op}{layer.inputs} {layer.attrs or ''} -> {layer.shape}")
        return "\n".join(lines)


def _float32(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
