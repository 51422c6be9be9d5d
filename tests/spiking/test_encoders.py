"""Numbers become spikes."""

from __future__ import annotations

import pytest
import torch

from toolkit.errors import ToolkitError
from toolkit.spiking import encoders

X = torch.tensor([[0.0, 0.25, 0.5, 1.0]])


def test_direct_repeats() -> None:
    assert torch.equal(encoders.direct(X, 3), torch.stack([X, X, X]))


def test_rate_is_the_chance_of_a_spike() -> None:
    spikes = encoders.rate(X, 4000, torch.Generator().manual_seed(0))
    assert set(spikes.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(spikes.mean(0), X, atol=0.03, rtol=0)
    assert spikes[:, 0, 0].sum() == 0
    assert spikes[:, 0, 3].sum() == 4000


def test_latency_is_earlier_for_more() -> None:
    spikes = encoders.latency(X, 5)
    assert spikes.sum(0).tolist() == [[0.0, 1.0, 1.0, 1.0]]
    assert spikes.argmax(0)[0, 1:].tolist() == [3, 2, 0]


def test_delta_follows_what_moves() -> None:
    signal = torch.tensor([0.0, 0.6, 1.2, 1.2, 0.1]).view(-1, 1)
    assert encoders.delta(signal, 0.5).flatten().tolist() == [0.0, 1.0, 1.0, 0.0, -1.0]
    with pytest.raises(ToolkitError, match="threshold of 0"):
        encoders.delta(signal, 0.0)
