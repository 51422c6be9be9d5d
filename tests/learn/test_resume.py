"""A run that is killed and resumed ends with the same bits as one that was left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from toolkit.data import load
from toolkit.errors import ToolkitError
from toolkit.learn import TrainSettings
from toolkit.learn.loop import train

RUN = Path(__file__).parent / "small_run.py"


def start(checkpoint: Path, weights: Path, pause_s: float) -> subprocess.Popen[str]:
    command = [sys.executable, str(RUN), str(checkpoint), str(weights), str(pause_s)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_killed_run_resumes_to_the_same_weights(tmp_path: Path) -> None:
    whole = start(tmp_path / "whole.ckpt", tmp_path / "whole.pt", 0)
    killed = start(tmp_path / "killed.ckpt", tmp_path / "killed.pt", 30)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "1\n"
    killed.kill()  # SIGKILL on POSIX
    assert killed.wait() != 0
    assert not (tmp_path / "killed.pt").exists()

    resumed = start(tmp_path / "killed.ckpt", tmp_path / "killed.pt", 0)
    assert resumed.communicate()[0].split() == list("123456")
    assert whole.communicate()[0].split() == list("123456")
    expected = torch.load(tmp_path / "whole.pt", weights_only=True)
    weights = torch.load(tmp_path / "killed.pt", weights_only=True)
    assert expected.keys() == weights.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, weights[name]), name


def test_kill_in_the_middle_of_an_epoch_loses_only_that_epoch(tmp_path: Path) -> None:
    digits = load("digits")
    settings = TrainSettings(epochs=3, batch_size=64)

    class Killed(Exception):
        """Stands for the power going off."""

    class DiesInSecondEpoch(nn.Linear):
        calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            DiesInSecondEpoch.calls += 1
            if DiesInSecondEpoch.calls == 35:
                raise Killed
            return super().forward(x)

    def net(layer: type[nn.Linear]) -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), layer(64, 10))

    whole = net(nn.Linear)
    train(whole, digits, settings=settings)
    with pytest.raises(Killed):
        train(net(DiesInSecondEpoch), digits, settings=settings, checkpoint=tmp_path / "c")
    resumed = net(nn.Linear)
    result = train(resumed, digits, settings=settings, checkpoint=tmp_path / "c")
    assert [epoch.epoch for epoch in result.epochs] == [1, 2, 3]
    assert torch.equal(whole[1].weight, resumed[1].weight)


def test_leftovers_of_a_kill_while_writing_are_swept(tmp_path: Path) -> None:
    leftover = tmp_path / ".run.ckpt.abc123"
    leftover.mkdir()
    (leftover / "run.ckpt").write_bytes(b"half")
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    train(model, load("digits"), settings=TrainSettings(epochs=1), checkpoint=tmp_path / "run.ckpt")
    assert [path.name for path in tmp_path.iterdir()] == ["run.ckpt"]


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    path = tmp_path / "run.ckpt"
    torch.manual_seed(0)
    train(
        nn.Sequential(nn.Flatten(), nn.Linear(64, 10)),
        load("digits"),
        settings=TrainSettings(epochs=1),
        checkpoint=path,
    )
    return path


def resume(path: Path, settings: TrainSettings, seed: int = 0) -> None:
    torch.manual_seed(seed)
    train(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), load("digits"), settings=settings, checkpoint=path)


def test_checkpoint_of_other_settings_is_refused(finished: Path) -> None:
    with pytest.raises(ToolkitError, match="another run"):
        resume(finished, TrainSettings(epochs=1, seed=1))


def test_checkpoint_of_other_first_weights_is_refused(finished: Path) -> None:
    with pytest.raises(ToolkitError, match="another run"):
        resume(finished, TrainSettings(epochs=1), seed=1)


@pytest.mark.parametrize("damage", ["truncated", "noise", "empty", "pickle"])
def test_damaged_checkpoint_is_refused(finished: Path, damage: str) -> None:
    content = finished.read_bytes()
    if damage == "pickle":
        torch.save({"run": Path("x")}, finished)  # a class that weights_only does not load
    else:
        parts = {
            "truncated": content[: len(content) // 2],
            "noise": b"\x80\x02" + content[2:200],
            "empty": b"",
        }
        finished.write_bytes(parts[damage])
    with pytest.raises(ToolkitError, match="cannot be read") as error:
        resume(finished, TrainSettings(epochs=1))
    assert str(finished) in error.value.at
