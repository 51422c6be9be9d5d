"""``toolkit nir``: what is in a file, and networks of projects as files; ``toolkit export`` of those."""

from __future__ import annotations

from pathlib import Path

import nir as package
import numpy as np
import torch
from torch import nn

from tests.conftest import Cli
from toolkit import data, models
from toolkit.spiking import nir


def _write(path: Path) -> None:
    ones = np.ones(3, np.float32)
    nodes = {
        "input": package.Input({"input": np.array([3])}),
        "lif": package.LIF(
            tau=ones * 4e-3, r=ones, v_leak=ones * 0, v_threshold=ones * 0.3, v_reset=ones * 0
        ),
        "back": package.Linear(-np.eye(3, dtype=np.float32)),
        "output": package.Output({"output": np.array([3])}),
    }
    edges = [("input", "lif"), ("lif", "back"), ("back", "lif"), ("lif", "output")]
    package.write(path, package.NIRGraph(nodes, edges))


def test_what_is_in_a_file(cli: Cli, tmp_path: Path) -> None:
    _write(tmp_path / "net.nir")
    done = cli("nir", tmp_path / "net.nir")
    assert done.code == 0, done.err
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[1:5] == [
        ["input", "Input", "3"], ["lif", "LIF", "3", "fires", "above"], ["output", "Output", "3"],
        ["back", "Linear", "3"],
    ]  # fmt: skip
    assert "nothing says the reset of lif" in done.out
    found = cli("nir", tmp_path / "net.nir", "--json").document
    assert found["missing"] == {"dt": ["lif"], "discretisation": ["lif"], "reset": ["lif"]}


def test_a_file_that_says_all(cli: Cli, tmp_path: Path) -> None:
    """With settings it is written so that nothing is missing any more, and exports without flags."""
    _write(tmp_path / "net.nir")
    given = ["--dt", "1e-3", "--discretisation", "euler", "--reset", "zero"]
    done = cli("nir", tmp_path / "net.nir", *given, "-o", tmp_path / "all.nir", "--json")
    assert done.code == 0, done.err
    assert done.document["missing"] == {}
    flags = ["--golden-count", 4, "-t", "cortex-m4"]
    first = cli("export", tmp_path / "net.nir", *flags, *given, "-o", tmp_path / "first")
    # settings may come from the environment, as all options may
    os_flags = {"TOOLKIT_DT": "1e-3", "TOOLKIT_EXPORT_DISCRETISATION": "euler", "TOOLKIT_RESET": "zero"}
    again = cli("export", tmp_path / "net.nir", *flags, "-o", tmp_path / "again", **os_flags)
    second = cli("export", tmp_path / "all.nir", *flags, "-o", tmp_path / "second")
    assert first.code == second.code == again.code == 0, first.err + second.err + again.err
    texts = [(tmp_path / folder / "model.c").read_text() for folder in ("first", "again", "second")]
    assert texts[0] == texts[1] == texts[2]
    done = cli("export", tmp_path / "all.nir", *flags, "--dt", "1e-4", "-o", tmp_path / "third")
    assert done.code == 2
    assert "the LIF lif says dt = 0.001, not 0.0001" in done.err
    done = cli("nir", tmp_path / "net.nir", "-o", tmp_path / "half.nir", "--dt", "1e-3")
    assert done.code == 2
    assert "nothing says the discretisation of lif; the reset of lif" in done.err
    assert not (tmp_path / "half.nir").exists()


def test_a_project_as_a_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "toolkit.toml").write_text(
        "[project]\nname = 'small'\n[data]\nlimit = 300\n[model]\nfamily = 'spiking_cnn'\n"
        "[train]\nepochs = 4\nlearning_rate = 1e-2\n"
        "[quantize]\nmethod = 'float'\n"
    )
    done = cli("nir", tmp_path, "--json", timeout=600)
    assert done.code == 0, done.err
    assert done.document["written"] == str(tmp_path / "build" / "small.nir")
    model = models.build("spiking_cnn", "digits")
    model.load_state_dict(torch.load(tmp_path / "build" / "float.pt", weights_only=True))
    images = torch.from_numpy(data.load("digits").x_test[:20])
    with torch.no_grad():
        wanted = model.eval()(images)
        found = nir.load(tmp_path / "build" / "small.nir")(images.expand(4, *images.shape)).mean(0)
    assert len(wanted.unique()) > 20
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    (tmp_path / "toolkit.toml").write_text(
        "[model]\nfamily = 'mlp'\n[data]\nlimit = 64\n[train]\nepochs = 1\n"
    )
    done = cli("nir", tmp_path, timeout=600)
    assert done.code == 2
    assert "mlp is no family of spiking networks" in done.err


def test_a_converted_network_as_a_file(cli: Cli, tmp_path: Path) -> None:
    """Its potentials begin at half a threshold, which our metadata say."""
    torch.manual_seed(0)
    net, x = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).eval(), torch.rand(40, 6)
    torch.export.save(torch.export.export(net, (x[:1],)), tmp_path / "net.pt2")
    np.save(tmp_path / "x.npy", x.numpy())
    done = cli(
        "convert", tmp_path / "net.pt2", "-c", tmp_path / "x.npy", "-o", tmp_path / "net.nir", "--steps", 64
    )
    assert done.code == 0, done.err
    with torch.no_grad():
        found = nir.load(tmp_path / "net.nir")(x.expand(64, *x.shape))[-1]
        assert float((found - net(x)).abs().max()) < 0.05
