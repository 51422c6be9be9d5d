"""Circles, graphs within graphs, and graphs that make no sense: errors name the node."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import nir as package
import numpy as np
import pytest
import torch
from torch import nn

from tests.spiking.nir.reference import simulate
from tests.spiking.nir.test_nodes import DT, SETTINGS, ran
from toolkit.bundle import export
from toolkit.errors import ToolkitError
from toolkit.spiking import nir
from toolkit.spiking.delayed_linear import DelayedLinear
from toolkit.spiking.neurons import LI, LIF, AdaptiveLIF, CubaLIF, Firing, Recurrent, Timing
from toolkit.spiking.nir.program import step_program
from toolkit.spiking.order import delayed_edges
from toolkit.spiking.time import EachStep
from toolkit.verify.verify import verify

STEPS = 24
Nodes = dict[str, Any]
Edges = list[tuple[str, str]]


def _weights(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def _lif(count: int, **changes: Any) -> package.LIF:
    given = {"tau": 4e-3, "r": 4.0, "v_leak": 0.0, "v_threshold": 0.6, "v_reset": 0.0, **changes}
    return package.LIF(**{key: np.full(count, value, np.float32) for key, value in given.items()})


def _ends(count: int, out: int | None = None) -> Nodes:
    shapes = np.array([count]), np.array([count if out is None else out])
    return {"input": package.Input({"input": shapes[0]}), "output": package.Output({"output": shapes[1]})}


def _graph(nodes: Nodes, edges: Edges) -> package.NIRGraph:
    return package.NIRGraph(nodes, edges, type_check=False)


def _input(count: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 1.5, (STEPS, count)).astype(np.float32)


def _loop() -> tuple[Nodes, Edges]:
    """A layer that takes its own spikes, listed so that weights run before neurons."""
    nodes = {
        "input": package.Input({"input": np.array([3])}), "back": package.Affine(_weights(4, 4), _weights(4, seed=3)),
        "in": package.Linear(_weights(4, 3, seed=1)), "lif": _lif(4), "out": package.Linear(_weights(2, 4, seed=2)),
        "output": package.Output({"output": np.array([2])}),
    }  # fmt: skip
    edges = [
        ("input", "in"),
        ("in", "lif"),
        ("lif", "back"),
        ("back", "lif"),
        ("lif", "out"),
        ("out", "output"),
    ]
    return nodes, edges


def test_a_circle_is_closed_by_a_step(tmp_path: Path) -> None:
    graph, x = _graph(*_loop()), _input(3)
    net = nir.from_graph(graph, SETTINGS)
    assert net.delayed == {("lif", "back")}
    wanted = simulate(graph, x, DT, "exact", "subtract")
    np.testing.assert_allclose(ran(net, x), wanted, rtol=1e-5, atol=1e-5)
    shuffled = nir.from_graph(_graph(_loop()[0], _loop()[1][::-1]), SETTINGS)
    np.testing.assert_allclose(ran(shuffled, x), wanted, rtol=1e-5, atol=1e-5)
    package.write(tmp_path / "loop.nir", graph)
    export(
        tmp_path / "loop.nir", "cortex-m4", tmp_path / "bundle", nir=SETTINGS, golden=x, golden_count=STEPS
    )
    result = verify(tmp_path / "bundle", fresh=0, layer_samples=2)
    assert result.ok, result.first_difference
    found = np.load(tmp_path / "bundle" / "golden" / "output_0.npy")
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=1e-5, atol=1e-5)


def test_a_delay_in_a_circle_adds_no_step() -> None:
    nodes, edges = _loop()
    nodes = {"input": nodes["input"], "later": package.Delay(np.full(4, 2 * DT)), **nodes}
    del nodes["back"]
    nodes["back"] = package.Linear(_weights(4, 4))
    edges = [edge for edge in edges if edge[0] != "back"] + [("back", "later"), ("later", "lif")]
    net, x = nir.from_graph(_graph(nodes, edges), SETTINGS), _input(3)
    assert net.delayed == set()
    # numpy: the delay runs first, so what it takes is a step old already; one step less of its own makes it the same
    nodes["later"] = package.Delay(np.full(4, DT))
    wanted = simulate(_graph(nodes, edges), x, DT, "exact", "subtract")
    np.testing.assert_allclose(ran(net, x), wanted, rtol=1e-5, atol=1e-5)


def test_a_delay_alone_may_close_a_circle() -> None:
    nodes = {**_ends(2), "half": package.Scale(np.full(2, 0.5)), "later": package.Delay(np.full(2, 2 * DT))}
    edges = [("input", "half"), ("half", "later"), ("later", "half"), ("half", "output")]
    x = np.zeros((7, 2), np.float32)
    x[0] = 8
    assert ran(nir.from_graph(_graph(nodes, edges), SETTINGS), x)[:, 0].tolist() == [4, 0, 2, 0, 1, 0, 0.5]


def test_the_way_back_is_delayed_and_not_the_way_on() -> None:
    edges = [
        ("in", "a"), ("a", "rec"), ("rec", "a"), ("a", "on"), ("on", "b"), ("b", "top"), ("top", "a"), ("b", "out"),
        ("a", "skip"), ("skip", "b"),
    ]  # fmt: skip
    for order in (edges, edges[::-1], sorted(edges)):
        assert delayed_edges(order, ["in"], {"a", "b"}) == {("a", "rec"), ("b", "top")}


def test_a_graph_within_a_graph(tmp_path: Path) -> None:
    """What other platforms make of a recurrent layer; it stays a graph of its own when it goes out."""
    inner = _graph(
        {**_ends(4), "lif": _lif(4), "w_rec": package.Linear(_weights(4, 4))},
        [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")],
    )
    nodes = {**_ends(3, 4), "in": package.Linear(_weights(4, 3, seed=1)), "rec": inner}
    graph = _graph(nodes, [("input", "in"), ("in", "rec"), ("rec", "output")])
    package.write(tmp_path / "in.nir", graph)
    net, x = nir.load(tmp_path / "in.nir", SETTINGS), _input(3)
    assert net.delayed == {("rec/lif", "rec/w_rec")}
    flat = {
        "input": nodes["input"], "w_rec": inner.nodes["w_rec"], "in": nodes["in"], "lif": inner.nodes["lif"],
        "output": nodes["output"],
    }  # fmt: skip
    edges = [("input", "in"), ("in", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")]
    wanted = simulate(_graph(flat, edges), x, DT, "exact", "subtract")
    np.testing.assert_allclose(ran(net, x), wanted, rtol=1e-5, atol=1e-5)
    nir.save(net, tmp_path / "out.nir")
    found = package.read(tmp_path / "out.nir")
    assert set(found.nodes) == set(nodes)
    assert set(found.nodes["rec"].edges) == set(inner.edges)
    np.testing.assert_array_equal(ran(nir.load(tmp_path / "out.nir"), x), ran(net, x))


def test_our_own_network_comes_back(tmp_path: Path) -> None:
    """Convolutions with normalization, a recurrent layer of current-based neurons, a read-out."""
    torch.manual_seed(0)
    timing = Timing(DT, "euler")
    conv, norm = nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4)
    net = nn.Sequential(
        EachStep(nn.Sequential(conv, norm)),
        LIF(timing, Firing(reset="zero", v_reset=-0.1, surrogate="fast-sigmoid", slope=9.0), tau=5e-3, r=6.0),
        EachStep(nn.Sequential(nn.AvgPool2d(2), nn.Dropout(), nn.Flatten(), nn.Linear(36, 6))),
        Recurrent(CubaLIF(timing, Firing(v_threshold=0.3), 2e-3, 4e-3, r=5.0), nn.Linear(6, 6)),
        EachStep(nn.Linear(6, 3)),
        LI(timing, 9e-3),
    )
    x = 3 * torch.rand(STEPS, 2, 1, 8, 8)
    net(x)  # statistics
    net.eval()
    nir.save(net, tmp_path / "net.nir", (1, 8, 8))
    again = nir.load(tmp_path / "net.nir")
    with torch.no_grad():
        torch.testing.assert_close(again(x), net(x), rtol=1e-5, atol=1e-6)
        assert net(x).unique().numel() > 9
    firing = next(each for each in again.modules() if type(each) is LIF).firing
    assert (firing.fires, firing.surrogate, firing.slope) == ("at", "fast-sigmoid", 9.0)
    assert set(package.read(tmp_path / "net.nir").nodes["3"].nodes) == {"input", "lif", "w_rec", "output"}


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    nodes = {
        "left": package.Input({"input": np.array([3])}), "right": package.Input({"input": np.array([2])}),
        "a": package.Linear(_weights(4, 3)), "b": package.Linear(_weights(4, 2, seed=1)), "lif": _lif(4),
        "spikes": package.Output({"output": np.array([4])}), "sum": package.Linear(_weights(1, 4, seed=2)),
        "last": package.Output({"output": np.array([1])}),
    }  # fmt: skip
    edges = [
        ("left", "a"), ("right", "b"), ("a", "lif"), ("b", "lif"), ("lif", "spikes"), ("lif", "sum"), ("sum", "last"),
    ]  # fmt: skip
    package.write(tmp_path / "net.nir", _graph(nodes, edges))
    net = nir.load(tmp_path / "net.nir", SETTINGS)
    inputs = {"left": _input(3), "right": _input(2)[::-1].copy()}
    with torch.no_grad():
        found = net(tuple(torch.from_numpy(inputs[name])[:, None] for name in net.inputs))
        current = inputs["left"] @ nodes["a"].weight.T + inputs["right"] @ nodes["b"].weight.T
        spikes = net.node("lif")(torch.from_numpy(current)[:, None])
    wanted = {"spikes": spikes, "last": spikes @ torch.from_numpy(nodes["sum"].weight.T)}
    for name, output in zip(net.outputs, found, strict=True):
        torch.testing.assert_close(output, wanted[name])
    assert spikes.sum() > 5
    nir.save(net, tmp_path / "again.nir")
    assert set(package.read(tmp_path / "again.nir", type_check=False).inputs) == {"left", "right"}
    manifest = export(tmp_path / "again.nir", "cortex-m4", tmp_path / "bundle")
    assert [tensor["name"] for tensor in manifest["inputs"]] == ["left", "right"]
    assert sorted(tensor["name"] for tensor in manifest["outputs"]) == ["last", "spikes"]
    assert verify(tmp_path / "bundle", fresh=9, layer_samples=2).exact


def test_any_name_will_do(tmp_path: Path) -> None:
    """Names of our own attributes, words of Python's, other scripts."""
    names = [
        "in", "lambda", "forward", "sources", "remembered", "names", "training", "state_0_v", "a b", "a.b", "a_b", "ß",
        "__class__", "0", "step", "'); import os; ('",
    ]  # fmt: skip
    nodes: Nodes = {
        "input": _ends(2)["input"],
        **{name: _lif(2) for name in names},
        "output": _ends(2)["output"],
    }
    graph, x = _graph(nodes, list(pairwise(nodes))), 9 * _input(2)
    package.write(tmp_path / "net.nir", graph)
    net = nir.load(tmp_path / "net.nir", SETTINGS)
    np.testing.assert_allclose(ran(net, x), simulate(graph, x, DT, "exact", "subtract"))
    program = step_program(tmp_path / "net.nir", SETTINGS)[0].module()
    with torch.no_grad():
        found = np.stack([program(at[None]).numpy()[0] for at in torch.from_numpy(x)])
    np.testing.assert_array_equal(found, ran(net, x))


def test_learnt_delays_are_delays(tmp_path: Path) -> None:
    """A delay and weights for each number of steps, with the normalization behind them."""
    torch.manual_seed(0)
    timing, norm = Timing(DT, "euler"), nn.BatchNorm1d(6)
    net = nn.Sequential(
        DelayedLinear(timing, 5, 6, 4), EachStep(norm), LIF(timing, Firing(0.5), tau=5e-3, r=3.0),
        DelayedLinear(timing, 6, 2, 3), LI(timing, 9e-3),
    )  # fmt: skip
    x = torch.rand(STEPS, 3, 5)
    net(x)  # statistics
    net.eval()
    nir.save(net, tmp_path / "net.nir")
    again = nir.load(tmp_path / "net.nir")
    with torch.no_grad():
        torch.testing.assert_close(again(x), net(x), rtol=1e-4, atol=1e-6)
        assert net(x).unique().numel() > STEPS
    inner = package.read(tmp_path / "net.nir").nodes["0"].nodes
    assert {name for name, node in inner.items() if isinstance(node, package.Delay)} == {
        f"delay_{steps}" for steps in range(1, 5)
    }


def test_gradients_go_round_a_circle() -> None:
    net = nir.from_graph(_graph(*_loop()), SETTINGS)
    net(torch.from_numpy(_input(3))[:, None]).sum().backward()
    assert float(net.node("back").weight.grad.abs().sum()) > 0


WRONG: dict[str, tuple[Nodes, Edges, str]] = {
    "unknown node": ({"a": {"type": "Lift"}}, [], "the Lift a is of an unknown type"),
    "no delay": (
        {"a": package.Scale(np.ones(3)), "b": package.Linear(np.ones((3, 3)))}, [("a", "b"), ("b", "a")],
        "a circle without a delay: a -> b -> a",
    ),
    "a delay of nothing": (
        {"a": package.Scale(np.ones(3)), "b": package.Delay(np.zeros(3))}, [("a", "b"), ("b", "a")],
        "a circle without a delay: a -> b -> a",
    ),
    "shapes": ({"a": package.Linear(np.ones((3, 5)))}, [], r"the Linear a takes the shape \[5\], but input gives \[3"),
    "shapes of parameters": (
        {"a": package.IF(np.ones(3), np.ones(3)), "b": {"type": "IF", "r": np.ones(3), "v_threshold": np.ones(2)}}, [],
        "the IF b has parameters of different shapes",
    ),
    "what comes out": ({"a": package.Linear(np.ones((2, 3)))}, [], r"the Output output takes the shape \[3\], but a"),
    "tau below zero": ({"a": _lif(3, tau=-1e-3)}, [], "the LIF a has a tau of -0.001 s"),
    "tau of nothing": ({"a": _lif(3, tau=0.0)}, [], "the LIF a has a tau of 0 s"),
    "not a number": ({"a": _lif(3, r=np.nan)}, [], "the LIF a has a r that is not finite"),
    "infinite weight": ({"a": package.Linear(np.full((3, 3), np.inf))}, [], "the Linear a has a weight that is not"),
    "no parameter": ({"a": {"type": "LI", "tau": np.ones(3)}}, [], "the LI a has no r"),
    "half a step": ({"a": package.Delay(np.full(3, 2.5 * DT))}, [], "a delay of 2.5 steps"),
    "back in time": ({"a": package.Delay(np.full(3, -DT))}, [], "a delay of -1 steps"),
    "too coarse": ({"a": _lif(3, tau=0.5e-3)}, [], "overshoot"),
    "nothing leads there": ({"a": _lif(3), "b": _lif(3)}, [("b", "a")], "the LIF b gets nothing"),
    "an edge to nowhere": ({"a": _lif(3)}, [("a", "c")], "an edge from a to c, but no node c"),
    "an edge twice": ({"a": _lif(3)}, [("input", "a")], "two edges from input to a"),
    "padding": (
        {"a": {"type": "Conv1d", "weight": np.ones((3, 3, 1)), "bias": np.ones(3), "stride": 1, "padding": "full",
               "dilation": 1, "groups": 1}}, [], "the Conv1d a takes 3 channels and 1 axes|a padding 'full'",
    ),
    "axes that are not there": (
        {"a": {"type": "Flatten", "start_dim": 3, "end_dim": 4}}, [], "the Flatten a flattens the axes 3 to 4 of 1",
    ),
    "a huge picture": (
        {"a": {"type": "Flatten", "input_type": np.array([1 << 20, 1 << 20])}}, [], "the Flatten a has a tensor of",
    ),
    "an input in the middle": ({"a": package.Input({"input": np.array([3])})}, [], "the Input a gets what another"),
    "two inputs within": (
        {"a": {"type": "NIRGraph", "nodes": {**{key: node.to_dict() for key, node in _ends(3).items()},
               "more": _ends(3)["input"].to_dict()}, "edges": [("input", "output")]}}, [],
        "a has 2 nodes of type Input: a/input, a/more",
    ),
    "dt of nothing": (
        {"a": {**_lif(3).to_dict(), "metadata": {"toolkit": {"dt": 0.0}}}}, [], "the LIF a has a dt of 0.0",
    ),
    "another dt": (
        {"a": {**_lif(3).to_dict(), "metadata": {"toolkit": {"dt": 0.5}}}}, [], r"the LIF a says dt = 0.5, not 0.001",
    ),
    "a reset of its own": (
        {"a": {**_lif(3).to_dict(), "metadata": {"toolkit": {"reset": "__import__('os')"}}}}, [], "the LIF a has reset",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_an_error_names_the_node(name: str) -> None:
    from toolkit.spiking.nir.read import from_tree

    nodes, more, wanted = WRONG[name]
    trees = {
        key: node if isinstance(node, dict) else node.to_dict() for key, node in {**_ends(3), **nodes}.items()
    }
    names = [
        "input",
        *(key for key in nodes if key != "b" or name == "shapes of parameters"),
    ]
    edges = [*zip(names, [*names[1:], "output"], strict=True), *more]
    with pytest.raises(ToolkitError, match=wanted) as caught:
        from_tree({"type": "NIRGraph", "nodes": trees, "edges": edges}, nir.Settings(DT, "euler", "zero"))
    assert caught.value.fix


def test_nothing_is_guessed() -> None:
    """All that is missing is named at once, with what platforms take; what neurons do not need is not asked for."""
    graph = _graph(*_loop())
    with pytest.raises(
        ToolkitError, match="the dt of lif; the discretisation of lif; the reset of lif"
    ) as caught:
        nir.from_graph(graph)
    assert "--dt 1e-4 --discretisation euler --reset subtract" in caught.value.fix
    assert "snnTorch: 1e-4, euler" in caught.value.fix
    with pytest.raises(ToolkitError, match=r"^nothing says the reset of lif\n"):
        nir.from_graph(graph, nir.Settings(1e-3, "exact"))
    nodes = {**_ends(3), "if": package.IF(np.ones(3), np.ones(3))}
    nir.from_graph(_graph(nodes, [("input", "if"), ("if", "output")]), nir.Settings(1.0, reset="zero"))


@pytest.mark.parametrize(
    "given", [{"dt": 0.0}, {"dt": float("nan")}, {"reset": "hard"}, {"discretisation": "Euler"}]
)
def test_settings_that_make_no_sense(given: dict[str, Any]) -> None:
    with pytest.raises(ToolkitError):
        nir.Settings(**given)


def test_what_nir_has_no_node_for_is_listed() -> None:
    timing = Timing()
    net = nn.Sequential(
        EachStep(nn.Sequential(nn.Linear(3, 4), nn.ReLU())),
        AdaptiveLIF(timing, Firing(), 5e-3, 9e-3, 0.1),
        EachStep(nn.LayerNorm(4)),
    )
    with pytest.raises(ToolkitError, match="3 layers cannot be written to NIR") as caught:
        nir.to_graph(net)
    for line in (
        "0.1: NIR has no node for ReLU",
        "1: NIR has no node for AdaptiveLIF",
        "2: NIR has no node for Layer",
    ):
        assert line in caught.value.at
    with pytest.raises(ToolkitError, match="nothing says the shape"):
        nir.to_graph(nn.Sequential(EachStep(nn.Conv2d(1, 2, 3))))
    with pytest.raises(ToolkitError, match=r"cannot take the shape \[2, 8, 8\]"):
        nir.to_graph(nn.Sequential(EachStep(nn.Conv2d(1, 2, 3))), (2, 8, 8))
