"""Networks for texts and graphs, trained on to ternary weights, come out of C bit for bit."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from quantize.lowbit import bitnet158
from toolkit import bundle
from toolkit.data.dataset import Dataset, GraphDataset
from toolkit.data.tasks import masked_character, next_character, restored_line, whole_graph
from toolkit.learn import TrainSettings
from toolkit.learn.evaluate import accuracy
from toolkit.learn.loop import train
from toolkit.models import build
from toolkit.program import pt2
from toolkit.program.flow import quantize_by
from toolkit.program.zeros import zeros
from toolkit.verify.verify import verify

if TYPE_CHECKING:
    from tests.conftest import Cli


def text() -> Dataset:
    words = np.random.default_rng(0).choice(["to ", "be ", "or ", "not "], 2000)
    characters = "".join(words)
    alphabet = sorted(set(characters))
    codes = np.array([alphabet.index(character) for character in characters], np.int64)
    return Dataset("made", codes[:-1], codes[1:], codes[:600], codes[1:601], alphabet, "", "")


def lines() -> Dataset:
    characters = "To be,\nor not\nto be:\n" * 40
    alphabet = sorted(set(characters))
    codes = np.array([alphabet.index(character) for character in characters], np.int64)
    return Dataset("made", codes, codes, codes[:200], codes[:200], alphabet, "", "")


def rings() -> GraphDataset:
    """Two kinds of papers whose words are noisy and who cite their own kind, in two rings."""
    rng, nodes = np.random.default_rng(0), 40
    labels = (np.arange(nodes) % 2).astype(np.int64)
    features = (rng.random((nodes, 12)) < np.where(np.arange(12) % 2 == labels[:, None], 0.5, 0.3)).astype(
        np.float32
    )
    following = np.stack([np.arange(nodes), (np.arange(nodes) + 2) % nodes], 1)
    return GraphDataset(
        name="made",
        x_train=features[:16],
        y_train=labels[:16],
        x_test=features[16:],
        y_test=labels[16:],
        classes=["even", "odd"],
        description="",
        licence="",
        features=features,
        labels=labels,
        edges=np.concatenate([following, following[:, ::-1]]),
        train_nodes=np.arange(16),
        val_nodes=np.arange(1),
        test_nodes=np.arange(16, nodes),
    )


def ternary_in_c(
    model: torch.nn.Module, data: Dataset, folder: Path, **options: object
) -> torch.export.ExportedProgram:
    program, _ = quantize_by(
        "bitnet158",
        model,
        data,
        options=bitnet158.Options(epochs=4, learning_rate=5e-3, distill=0.5, **options),
    )
    pt2.save(program, folder / "net.pt2")
    bundle.export(
        folder / "net.pt2", "host", folder / "c", name="net", golden=data.x_test[:2], golden_count=2
    )
    assert verify(folder / "c", fresh=2).to_json()["exact"]
    return program


def test_a_ternary_text_encoder(tmp_path: Path) -> None:
    data = masked_character.make(text(), 16)
    torch.manual_seed(0)
    small = {"vocabulary": 9, "classes": 9, "width": 16, "layers": 1, "hidden": 32, "input_shape": (16,)}
    model = build("text_encoder", "masked", **small)
    train(model, data, settings=TrainSettings(epochs=6, learning_rate=1e-2, batch_size=32))
    program = ternary_in_c(model, data, tmp_path, embedding=True, activation_scale="token")
    ternary = {name for name in zeros(program) if "blocks" in name or name == "head.weight"}
    assert len(ternary) == 8
    assert all(set(program.state_dict[name].unique().tolist()) <= {-1, 0, 1} for name in ternary)
    commonest = np.bincount(data.y_test[data.y_test >= 0]).max() / (data.y_test >= 0).sum()
    assert accuracy(program, data.x_test, data.y_test) > commonest + 0.1


def test_a_ternary_graph_network(tmp_path: Path) -> None:
    data = whole_graph.make(rings(), 0)
    torch.manual_seed(0)
    model = build("gcn", input_shape=(40, 12), classes=2, edges=data.edges)
    train(model, data, settings=TrainSettings(epochs=80, learning_rate=2e-2, batch_size=1))
    program = ternary_in_c(model, data, tmp_path)
    assert set(program.state_dict["fc1.weight"].unique().tolist()) == {-1, 0, 1}
    assert int(program.state_dict["propagate.weight"].abs().max()) == 127  # the graph is no weight
    assert accuracy(program, data.x_test, data.y_test) > 0.8


@pytest.mark.parametrize("family", ["decoder", "encoder_decoder"])
def test_ternary_text_models_with_causal_attention(family: str, tmp_path: Path) -> None:
    made = next_character.make(text(), 16) if family == "decoder" else restored_line.make(lines(), 8)
    torch.manual_seed(0)
    small = {"vocabulary": len(made.classes), "width": 16, "layers": 1, "heads": 2, "hidden": 32}
    program = ternary_in_c(build(family, input_shape=(16,), **small), made, tmp_path)
    attention = [name for name in zeros(program) if ".query." in name]
    assert len(attention) == (1 if family == "decoder" else 3)
    assert all(set(program.state_dict[name].unique().tolist()) <= {-1, 0, 1} for name in attention)


def test_a_text_through_the_recipe(cli: Cli, tmp_path: Path) -> None:
    folder = Path(os.environ.get("TOOLKIT_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    if not (folder / "tinyshakespeare" / "input.txt.gz").is_file():
        pytest.skip(f"no tinyshakespeare in {folder}: set TOOLKIT_DATA to a filled cache")
    (tmp_path / "toolkit.toml").write_text(
        "[data]\ndataset = 'tinyshakespeare'\ntask = 'masked-character'\nwindow = 16\nlimit = 6000\n"
        "[model]\nfamily = 'text_encoder'\npreset = 'masked'\n"
        "options = {input_shape = [16], width = 16, layers = 1, hidden = 32}\n"
        "[train]\nepochs = 1\nthreads = 1\n[quantize]\nmethod = 'int8-ptq'\n[export]\ntarget = 'host'\n"
    )
    trained = cli(
        "train",
        "--quantize",
        "ternary",
        "--project",
        tmp_path,
        "--json",
        timeout=600,
        TOOLKIT_DATA=str(folder),
    )
    assert trained.code == 0, trained.err
    assert json.loads(trained.out)["method"] == "bitnet158"
    assert 'write "bitnet158" there' in trained.err
    made = cli("make", "--until", "test", "--project", tmp_path, timeout=600, TOOLKIT_DATA=str(folder))
    assert made.code == 0, made.err
    report = json.loads((tmp_path / "build" / "test.json").read_text())
    assert report["labels"] > report["samples"] == 375
    quantized = json.loads((tmp_path / "build" / "quantize.json").read_text())
    assert quantized["method"] == "int8-ptq"
    assert report["accuracy"] == pytest.approx(quantized["accuracy"]["quantized"])


def test_an_unknown_method_is_a_users_error(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "toolkit.toml").write_text("")
    asked = cli("train", "--quantize", "turnery", "--project", tmp_path)
    assert asked.code != 0
    assert "no method is called 'turnery'" in asked.err
