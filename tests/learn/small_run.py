"""Train a small net on digits with checkpoints: what ``test_resume`` runs and kills."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch
from torch import nn

from quantize.lowbit import bitnet158
from toolkit.data import load
from toolkit.learn import Epoch, TrainSettings
from toolkit.learn.loop import train

SETTINGS = TrainSettings(epochs=6, batch_size=64, shift_pixels=1, label_smoothing=0.1, seed=5)


def net() -> nn.Module:
    """Return a net with everything that has state: batch normalization, dropout, ternary shadow weights."""
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(144, 10),
    )
    bitnet158.apply(model)
    return model


def main(checkpoint: Path, weights: Path, pause_s: float) -> None:
    """Train with ``checkpoint``, pausing after each epoch, and save the final weights."""

    def progress(epoch: Epoch) -> None:
        print(epoch.epoch, flush=True)
        time.sleep(pause_s)

    model = net()
    train(model, load("digits"), settings=SETTINGS, checkpoint=checkpoint, progress=progress)
    torch.save(model.state_dict(), weights)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
