"""Every type of node: from a file to torch and to C, against the equations in numpy, and out to a file again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir as package
import numpy as np
import pytest
import torch

from tests.spiking.nir.reference import simulate
from toolkit.bundle import export
from toolkit.spiking import nir
from toolkit.verify.verify import verify

STEPS = 24
DT = 1e-3
SETTINGS = nir.Settings(DT, "exact", "subtract")
Make = Callable[[np.random.Generator], list[Any]]


def _each(rng: np.random.Generator, low: float, high: float, *shape: int) -> np.ndarray:
    return rng.uniform(low, high, shape).astype(np.float32)


def _leak(rng: np.random.Generator, *shape: int) -> dict[str, np.ndarray]:
    return {
        "tau": _each(rng, 2e-3, 9e-3, *shape),
        "r": _each(rng, 2, 5, *shape),
        "v_leak": _each(rng, 0, 0.2, *shape),
    }


def _cuba(rng: np.random.Generator, *shape: int) -> dict[str, np.ndarray]:
    found = _leak(rng, *shape)
    found["tau_mem"] = found.pop("tau")
    return {**found, "tau_syn": _each(rng, 1e-3, 4e-3, *shape), "w_in": _each(rng, 1, 2, *shape)}


def _fires(rng: np.random.Generator, *shape: int) -> dict[str, np.ndarray]:
    return {"v_threshold": _each(rng, 0.5, 1, *shape), "v_reset": _each(rng, -0.2, 0.2, *shape)}


def _conv(kind: Any, rng: np.random.Generator, shape: tuple[int, ...], **fields: Any) -> Any:
    given = {"input_shape": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1, **fields}
    return kind(weight=_each(rng, -1, 1, *shape), bias=_each(rng, -0.1, 0.1, shape[0]), **given)


def _pool(kind: Any, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]) -> Any:
    return kind(kernel_size=np.array(kernel), stride=np.array(stride), padding=np.array(padding))


NODES: dict[str, tuple[tuple[int, ...], Make]] = {
    "affine": ((5,), lambda rng: [package.Affine(_each(rng, -1, 1, 3, 5), _each(rng, -1, 1, 3))]),
    "affine-rows": ((2, 5), lambda rng: [package.Affine(_each(rng, -1, 1, 2, 3, 5), _each(rng, -1, 1, 2, 3))]),
    "linear": ((5,), lambda rng: [package.Linear(_each(rng, -1, 1, 3, 5))]),
    "linear-rows": ((2, 2, 5), lambda rng: [package.Linear(_each(rng, -1, 1, 2, 2, 3, 5))]),
    "scale": ((5,), lambda rng: [package.Scale(_each(rng, -1, 1, 5))]),
    "threshold": ((5,), lambda rng: [package.Threshold(_each(rng, 0, 1, 5))]),
    "conv1d": ((2, 9), lambda rng: [_conv(package.Conv1d, rng, (3, 2, 3), stride=2, padding=1)]),
    "conv1d-same": ((2, 9), lambda rng: [_conv(package.Conv1d, rng, (3, 2, 3), padding="same", dilation=2)]),
    "conv2d": ((2, 8, 7), lambda rng: [
        _conv(package.Conv2d, rng, (3, 2, 3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)),
    ]),
    "conv2d-groups": ((4, 6, 6), lambda rng: [_conv(package.Conv2d, rng, (4, 2, 3, 3), groups=2, padding="valid")]),
    "avgpool": ((2, 6, 7), lambda rng: [_pool(package.AvgPool2d, (2, 3), (2, 2), (1, 1))]),
    "sumpool": ((2, 6, 7), lambda rng: [_pool(package.SumPool2d, (2, 3), (2, 2), (1, 1))]),
    "flatten": ((2, 3, 4), lambda rng: [package.Flatten({"input": np.array([2, 3, 4])}, 1, -1)]),
    "delay": ((5,), lambda rng: [package.Delay(np.full(5, 3 * DT))]),
    "delays": ((5,), lambda rng: [package.Delay(DT * np.array([0, 1, 4, 4, 2]))]),
    "i": ((5,), lambda rng: [package.I(_each(rng, 50, 90, 5))]),
    "if": ((5,), lambda rng: [package.IF(r=_each(rng, 200, 500, 5), **_fires(rng, 5))]),
    "li": ((5,), lambda rng: [package.LI(**_leak(rng, 5))]),
    "lif": ((5,), lambda rng: [package.LIF(**_leak(rng, 5), **_fires(rng, 5))]),
    "cubali": ((5,), lambda rng: [package.CubaLI(**_cuba(rng, 5))]),
    "cubalif": ((2, 3, 3), lambda rng: [package.CubaLIF(**_cuba(rng, 2, 3, 3), **_fires(rng, 2, 3, 3))]),
}  # fmt: skip


def chain(name: str) -> tuple[package.NIRGraph, np.ndarray]:
    """Return a graph of the nodes ``name``, and input for it."""
    rng = np.random.default_rng(sum(name.encode()))
    shape, make = NODES[name]
    nodes = {f"n{i}": node for i, node in enumerate(make(rng))}
    ends = {"in": package.Input({"input": np.array(shape)}), "out": package.Output({"output": None})}
    names = ["in", *nodes, "out"]
    edges = list(pairwise(names))
    graph = package.NIRGraph({"in": ends["in"], **nodes, "out": ends["out"]}, edges, type_check=False)
    x = rng.uniform(0, 1.5, (STEPS, *shape)).astype(np.float32)
    return graph, np.where(rng.random(x.shape) < 0.3, 0, x).astype(np.float32)


def ran(net: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    """Return what a network gives for one sample."""
    with torch.no_grad():
        return net(torch.from_numpy(x)[:, None])[:, 0].numpy()


@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize(("discretisation", "reset"), [("exact", "subtract"), ("euler", "zero")])
def test_a_node_follows_its_equation(name: str, discretisation: Any, reset: Any) -> None:
    graph, x = chain(name)
    net = nir.from_graph(graph, nir.Settings(DT, discretisation, reset))
    wanted = simulate(graph, x, DT, discretisation, reset)
    np.testing.assert_allclose(ran(net, x), wanted, rtol=1e-5, atol=1e-5)
    assert len(np.unique(wanted)) > 1


@pytest.mark.parametrize("name", NODES)
def test_a_node_comes_back_from_a_file(name: str, tmp_path: Path) -> None:
    """In once with flags, out, and in again without: the same values, the same graph for the package nir."""
    graph, x = chain(name)
    net = nir.from_graph(graph, SETTINGS)
    nir.save(net, tmp_path / "out.nir")
    again = nir.load(tmp_path / "out.nir")
    np.testing.assert_array_equal(ran(again, x), ran(net, x))
    found = package.read(tmp_path / "out.nir", type_check=False)
    assert found.edges == graph.edges
    for key, node in graph.nodes.items():
        assert type(found.nodes[key]) is type(node)
        for field in ("weight", "bias", "scale", "delay", "tau", "tau_syn", "r", "w_in", "v_leak", "v_reset"):
            if hasattr(node, field):
                np.testing.assert_allclose(getattr(found.nodes[key], field), getattr(node, field), rtol=1e-7)


def test_all_types_are_here() -> None:
    """What the package knows is what is read; and what is read is tested above."""
    from nir.ir import __all__ as names

    from toolkit.spiking.nir.kinds import KINDS

    types = {name for name in names if name[0].isupper()} - {"NIRNode"}
    assert types == set(KINDS) | {"NIRGraph"}
    tested = {type(node).__name__ for name in NODES for node in chain(name)[0].nodes.values()}
    assert tested == set(KINDS)


def _picture(rng: np.random.Generator) -> list[Any]:
    return [
        _conv(package.Conv2d, rng, (4, 2, 3, 3), groups=2),
        package.CubaLIF(**_cuba(rng, 4, 4, 4), **_fires(rng, 4, 4, 4)),
        _pool(package.SumPool2d, (2, 2), (2, 2), (0, 0)),
        package.IF(r=np.full((4, 2, 2), 300.0), **_fires(rng, 4, 2, 2)),
        _pool(package.AvgPool2d, (2, 2), (1, 1), (1, 1)),
        package.Flatten({"input": None}, 0, -1),
        package.Affine(_each(rng, -1, 1, 3, 36), _each(rng, -1, 1, 3)),
        package.LIF(**_leak(rng, 3), **_fires(rng, 3)),
        package.Delay(np.full(3, 2 * DT)),
        package.CubaLI(**_cuba(rng, 3)),
    ]


def _line(rng: np.random.Generator) -> list[Any]:
    return [
        _conv(package.Conv1d, rng, (3, 2, 3), stride=2, padding=1),
        package.Threshold(np.full((3, 5), 0.2, np.float32)),
        package.Flatten({"input": None}, 0, -1),
        package.Delay(DT * np.arange(15)),
        package.Linear(_each(rng, -1, 1, 4, 15)),
        package.I(_each(rng, 50, 90, 4)),
        package.Scale(_each(rng, 0, 1, 4)),
        package.LI(**_leak(rng, 4)),
    ]


for _name, _shape, _make in (("net-picture", (4, 6, 6), _picture), ("net-line", (2, 9), _line)):
    NODES[_name] = (_shape, _make)


@pytest.mark.parametrize("name", ["net-picture", "net-line"])
def test_a_board_computes_what_the_equations_say(name: str, tmp_path: Path) -> None:
    graph, x = chain(name)
    nir.save(nir.from_graph(graph, SETTINGS), tmp_path / "net.nir")
    golden = {"golden": x, "golden_count": STEPS}
    export(tmp_path / "net.nir", "cortex-m4", tmp_path / "bundle", **golden)
    result = verify(tmp_path / "bundle", fresh=0, layer_samples=STEPS)
    assert result.ok, result.first_difference
    assert result.exact
    found = np.load(tmp_path / "bundle" / "golden" / "output_0.npy")
    wanted = simulate(graph, x, DT, "exact", "subtract")
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=1e-4, atol=1e-5)
    assert len(np.unique(wanted)) > 2
