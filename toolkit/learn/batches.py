"""The training samples in a seeded order, augmented."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from toolkit.learn.settings import TrainSettings


def batches(x: Tensor, y: Tensor, settings: TrainSettings) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield one epoch of (samples, labels); order and augmentation are drawn from torch's generator."""
    order = torch.randperm(len(x))
    for indices in order.split(settings.batch_size):
        if len(indices) == 1 < len(x):
            continue  # batch normalization has no statistics of one sample
        yield augment(x[indices], settings), y[indices]


def steps_per_epoch(samples: int, settings: TrainSettings) -> int:
    """Return how many batches ``batches`` yields of so many samples."""
    steps, left = divmod(samples, settings.batch_size)
    return steps + (left > 1 or (left == 1 and steps == 0))


def augment(images: Tensor, settings: TrainSettings) -> Tensor:
    """Return ``images`` (NCHW) shifted and flipped as the settings ask; anything else as it is."""
    if images.dim() != 4:
        return images
    if settings.shift_pixels:
        images = shift(images, settings.shift_pixels)
    if settings.flip:
        images = torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, images.flip(3), images)
    return images


def shift(images: Tensor, pixels: int) -> Tensor:
    """Move each image by its own whole offset in ``-pixels..pixels`` on both axes; zeros come in."""
    count, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (pixels,) * 4)
    down, right = torch.randint(0, 2 * pixels + 1, (2, count))
    rows = down[:, None] + torch.arange(height)
    columns = right[:, None] + torch.arange(width)
    sample = torch.arange(count)
    # indices of shapes (N,1,1) (N,H,1) (N,1,W) around the channel slice give (N,H,W,C)
    moved = padded[sample[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2).contiguous()
