"""Networks of snnTorch and SpikingJelly through NIR to ours and back: the same spikes.

Both are installed for this test alone, without what they depend on: that is gigabytes, and no part of it runs here.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from toolkit.spiking import nir
from toolkit.spiking.neurons import LIF, CubaLIF, Firing, Recurrent, Timing
from toolkit.spiking.time import EachStep

PACKAGES = ("snntorch==1.0.0", "spikingjelly==2.0.0", "nirtorch==2.6", "loguru==0.7.3")
STEPS = 40
DT = 1e-4  # what both take unless told otherwise
Network = Callable[[Any], nn.Module]


@pytest.fixture(scope="module")
def platforms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The two packages' modules."""
    folder = tmp_path_factory.mktemp("platforms")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run(
        [*pip, "--target", str(folder), *PACKAGES], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"pip install {' '.join(PACKAGES)}: {done.stderr.strip()[-300:]}")
    sys.path.insert(0, str(folder))
    jelly = "spikingjelly.activation_based"
    yield SimpleNamespace(
        snn=importlib.import_module("snntorch"),
        snn_out=importlib.import_module("snntorch.export_nir").export_to_nir,
        snn_in=importlib.import_module("snntorch.import_nir").import_from_nir,
        neuron=importlib.import_module(f"{jelly}.neuron"),
        layer=importlib.import_module(f"{jelly}.layer"),
        reset=importlib.import_module(f"{jelly}.functional").reset_net,
        jelly=importlib.import_module(f"{jelly}.nir_exchange"),
    )
    sys.path.remove(str(folder))


def _input(*shape: int, most: float = 3.0) -> Tensor:
    return most * torch.rand(STEPS, 1, *shape, generator=torch.Generator().manual_seed(0))


def _ran(net: Callable[..., Any], x: Tensor) -> Tensor:
    """Return what a network gives step by step, when it keeps its states itself."""
    with torch.no_grad():
        return torch.stack([net(at) for at in x])


def _ran_with_state(net: Callable[..., Any], x: Tensor) -> Tensor:
    """Return what one from ``nirtorch`` gives, which takes and returns its states."""
    outputs, state = [], None
    with torch.no_grad():
        for at in x:
            y, state = net(at, state)
            outputs.append(y)
    return torch.stack(outputs)


def _loud(inputs: int, outputs: int) -> nn.Linear:
    """Weights that make neurons spike."""
    layer = nn.Linear(inputs, outputs)
    nn.init.uniform_(layer.weight, -0.25, 0.3)
    return layer


def _same(found: Tensor, wanted: Tensor) -> None:
    assert torch.equal(found, wanted)
    assert 0.02 < float((wanted != 0).float().mean()) < 0.98


def _ours(graph: Any, x: Tensor, settings: nir.Settings) -> tuple[nn.Module, Tensor]:
    net = nir.from_graph(graph, settings)
    with torch.no_grad():
        return net, net(x)


# --- snnTorch: Euler steps of 1e-4 s; spikes above the threshold


def _leaky(p: Any, *shape: int, kind: str = "Leaky", **more: Any) -> nn.Module:
    """Neurons whose parameters have a value each: with numbers snnTorch writes no file."""
    betas = {"beta": 0.85 + 0.1 * torch.rand(shape)}
    if kind == "Synaptic":
        betas["alpha"] = 0.7 * torch.ones(shape)
    given = {
        "threshold": torch.ones(shape),
        "init_hidden": True,
        "reset_delay": False,
        "reset_mechanism": "zero",
    }
    return getattr(p.snn, kind)(**betas, **{**given, **more})


def _recurrent(p: Any, kind: str = "RLeaky") -> nn.Module:
    return getattr(p.snn, kind)(
        beta=0.9,
        threshold=1.0,
        linear_features=8,
        init_hidden=True,
        reset_delay=False,
        reset_mechanism="zero",
    )


def _forget(net: nn.Module) -> None:
    for module in net.modules():
        for state in {"mem", "syn", "spk"} & set(module.__dict__.get("_buffers", {})):
            setattr(module, state, torch.zeros(0))


SNNTORCH: dict[str, tuple[tuple[int, ...], float, Network]] = {
    "leaky": ((5,), 6, lambda p: nn.Sequential(nn.Linear(5, 8), _leaky(p, 8), nn.Linear(8, 3), _leaky(p, 3))),
    "subtract": ((5,), 0.7, lambda p: nn.Sequential(nn.Linear(5, 8), _leaky(p, 8, reset_mechanism="subtract"))),
    "synaptic": ((5,), 2, lambda p: nn.Sequential(nn.Linear(5, 8), _leaky(p, 8, kind="Synaptic"))),
    "recurrent": ((5,), 6, lambda p: nn.Sequential(nn.Linear(5, 8), _recurrent(p))),
    "convolution": ((1, 8, 8), 16, lambda p: nn.Sequential(
        nn.Conv2d(1, 4, 3), _leaky(p, 4, 6, 6), nn.AvgPool2d((2, 2)), nn.Flatten(), _loud(36, 3), _leaky(p, 3),
    )),
}  # fmt: skip


@pytest.mark.parametrize("name", SNNTORCH)
def test_out_of_snntorch(name: str, platforms: Any) -> None:
    shape, most, make = SNNTORCH[name]
    torch.manual_seed(0)
    net, x = make(platforms), _input(*shape, most=most)
    graph = platforms.snn_out(net, x[0], ignore_dims=[0])
    _forget(net)
    reset = "subtract" if name == "subtract" else "zero"
    _, found = _ours(graph, x, nir.Settings(DT, "euler", reset))
    _same(found, _ran(net, x))


def _our_lif(kind: type[nn.Module] = LIF) -> nn.Module:
    timing, firing = Timing(DT, "euler"), Firing(reset="zero", fires="above")
    if kind is LIF:
        return LIF(timing, firing, 1e-3, r=10.0)
    return CubaLIF(timing, firing, 5e-4, 1e-3, r=10.0, w_in=5.0)


OURS: dict[str, tuple[tuple[int, ...], float, Callable[[], nn.Module]]] = {
    "lif": ((5,), 6, lambda: nn.Sequential(
        EachStep(nn.Linear(5, 8)), _our_lif(), EachStep(nn.Linear(8, 3)), _our_lif(),
    )),
    "cuba": ((5,), 2, lambda: nn.Sequential(EachStep(nn.Linear(5, 8)), _our_lif(CubaLIF))),
    "recurrent": ((5,), 6, lambda: nn.Sequential(
        EachStep(nn.Linear(5, 8)), Recurrent(_our_lif(), nn.Linear(8, 8, bias=False)),  # type: ignore[arg-type]
    )),
    "convolution": ((1, 8, 8), 9, lambda: nn.Sequential(
        EachStep(nn.Conv2d(1, 4, 3)), _our_lif(), EachStep(nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), _loud(36, 3))),
        _our_lif(),
    )),
}  # fmt: skip


@pytest.mark.parametrize("name", OURS)
def test_into_snntorch(name: str, platforms: Any) -> None:
    shape, most, make = OURS[name]
    torch.manual_seed(0)
    net, x = make(), _input(*shape, most=most)
    with torch.no_grad():
        wanted = net(x)
    _same(_ran_with_state(platforms.snn_in(nir.to_graph(net, shape)), x).reshape(wanted.shape), wanted)


def test_what_snntorch_itself_cannot_read_back(platforms: Any) -> None:
    """If this fails, it reads its own files by now: take the sentences out of docs/nir.md."""
    shape, most, make = SNNTORCH["convolution"]
    x = _input(*shape, most=most)
    own = platforms.snn_in(platforms.snn_out(make(platforms), x[0], ignore_dims=[0]))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        _ran_with_state(own, torch.cat([x, x], 1))  # its Flatten takes samples together
    shape, most, make = SNNTORCH["recurrent"]
    torch.manual_seed(0)
    net, x = make(platforms), _input(*shape, most=most)
    graph = platforms.snn_out(net, x[0], ignore_dims=[0])
    _forget(net)
    wanted = _ran(net, x)
    own = platforms.snn_in(graph)  # leads the input through the weights that lead back
    assert not torch.equal(_ran_with_state(own, x), wanted)
    net = nn.Sequential(nn.Linear(5, 8), platforms.snn.Leaky(beta=0.9, init_hidden=True))
    with pytest.raises(ValueError, match="type mismatch"):
        platforms.snn_out(net, x[0])  # one beta for all neurons


# --- SpikingJelly: Euler steps, reset to v_reset; spikes at the threshold


JELLY: dict[str, tuple[tuple[int, ...], float, Network]] = {
    "if": ((5,), 6, lambda p: nn.Sequential(p.layer.Linear(5, 8), p.neuron.IFNode(v_reset=-0.1))),
    "lif": ((5,), 9, lambda p: nn.Sequential(
        p.layer.Linear(5, 8), p.neuron.LIFNode(tau=3.0, decay_input=False), p.layer.Linear(8, 3, bias=False),
        p.neuron.LIFNode(tau=2.0, v_threshold=0.1),
    )),
    "learnt tau": ((5,), 9, lambda p: nn.Sequential(p.layer.Linear(5, 8), p.neuron.ParametricLIFNode(init_tau=3.0))),
    "cuba": ((5,), 3, lambda p: nn.Sequential(p.layer.Linear(5, 8), p.neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75))),
    "line": ((2, 9), 3, lambda p: nn.Sequential(p.layer.Conv1d(2, 4, 3, padding=1), p.neuron.LIFNode(v_threshold=0.3))),
    "convolution": ((1, 8, 8), 9, lambda p: nn.Sequential(
        p.layer.Conv2d(1, 4, 3), p.neuron.LIFNode(v_threshold=0.3), p.layer.AvgPool2d(2), p.layer.Flatten(),
        _loud(36, 3), p.neuron.IFNode(),
    )),
}  # fmt: skip


@pytest.mark.parametrize("name", JELLY)
def test_out_of_spikingjelly_and_back(name: str, platforms: Any) -> None:
    shape, most, make = JELLY[name]
    torch.manual_seed(0)
    net, x = make(platforms), _input(*shape, most=most)
    graph = platforms.jelly.export_to_nir(net, x[0], dt=1e-3)
    platforms.reset(net)
    wanted = _ran(net, x)
    ours, found = _ours(graph, x, nir.Settings(1e-3, "euler", "zero", "at"))
    _same(found, wanted)
    back = platforms.jelly.import_from_nir(nir.to_graph(ours), dt=1e-3)
    _same(_ran_with_state(back, x), wanted)


def test_into_spikingjelly(platforms: Any) -> None:
    """A recurrent layer, which it cannot write itself."""
    torch.manual_seed(0)
    timing = Timing(DT, "euler")
    neurons = LIF(timing, Firing(0.4, "zero"), 4e-4, r=4.0)
    net = nn.Sequential(
        EachStep(nn.Linear(5, 8)), Recurrent(neurons, nn.Linear(8, 8, bias=False)), EachStep(nn.Linear(8, 3)),
        LIF(timing, Firing(0.05, "zero"), 3e-4),
    )  # fmt: skip
    x = _input(5)
    with torch.no_grad():
        wanted = net(x)
    _same(_ran_with_state(platforms.jelly.import_from_nir(nir.to_graph(net)), x), wanted)
