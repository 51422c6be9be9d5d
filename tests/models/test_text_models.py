"""What the families for texts and graphs promise beyond shapes."""

from __future__ import annotations

import numpy as np
import torch

from toolkit import models
from toolkit.models._attention import Rotary
from toolkit.models.gcn import neighbourhood


def built(family: str, **settings: object) -> torch.nn.Module:
    torch.manual_seed(0)
    return models.build(family, **settings).eval()


def test_a_decoder_does_not_see_what_comes_later() -> None:
    model = built("decoder", preset="micro")
    text = torch.randint(0, 65, (1, 64))
    changed = text.clone()
    changed[0, 20] = (text[0, 20] + 1) % 65
    before, after = model(text), model(changed)
    assert torch.equal(before[0, :20], after[0, :20])
    assert not torch.equal(before[0, 20:], after[0, 20:])


def test_an_encoder_sees_both_sides() -> None:
    model = built("text_encoder")
    text = torch.randint(0, 65, (1, 64))
    changed = text.clone()
    changed[0, 20] = (text[0, 20] + 1) % 65
    moved = (model(text) != model(changed)).any(-1)[0]
    assert moved[:20].any()
    assert moved[21:].any()


def test_an_encoder_decoder_reads_the_whole_source_and_only_what_it_wrote() -> None:
    model = built("encoder_decoder")
    text = torch.randint(0, 66, (1, 96))
    before = model(text)
    source, target = text.clone(), text.clone()
    source[0, 47] = (text[0, 47] + 1) % 66
    target[0, 48 + 30] = (text[0, 48 + 30] + 1) % 66
    assert not torch.equal(model(source)[0, 0], before[0, 0])
    assert torch.equal(model(target)[0, :30], before[0, :30])
    assert not torch.equal(model(target)[0, 30:], before[0, 30:])


def test_rotated_products_depend_on_the_distance_only() -> None:
    rotary = Rotary(8, 16)
    torch.manual_seed(0)
    query, key = torch.randn(2, 1, 1, 1, 8).expand(2, 1, 1, 16, 8)
    products = (rotary(query) @ rotary(key).transpose(2, 3))[0, 0]
    for distance in range(-15, 16):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))
    assert (products.diagonal(1)[0] - products.diagonal(0)[0]).abs() > 1e-3


def test_squared_relu_has_no_gate() -> None:
    gated, plain = (
        built("decoder", preset="micro"),
        built("decoder", preset="micro", feed_forward="squared-relu"),
    )
    count = [sum(parameter.numel() for parameter in model.parameters()) for model in (gated, plain)]
    assert count[0] - count[1] == 2 * 64 * 176


def test_a_graphs_neighbourhood_is_kipf_and_wellings() -> None:
    edges = np.array([[0, 1], [1, 0], [1, 2], [2, 1]])
    # a path of three nodes and one alone; degrees with loops are 2, 3, 2, 1
    expected = torch.tensor(
        [
            [1 / 2, 6**-0.5, 0, 0],
            [6**-0.5, 1 / 3, 6**-0.5, 0],
            [0, 6**-0.5, 1 / 2, 0],
            [0, 0, 0, 1],
        ]
    )
    torch.testing.assert_close(neighbourhood(4, edges), expected)


def test_a_graph_network_mixes_two_steps_of_neighbours() -> None:
    edges = np.array([[a, a + 1] for a in range(5)] + [[a + 1, a] for a in range(5)])
    model = built("gcn", input_shape=(6, 4), edges=edges)
    x = torch.rand(1, 6, 4)
    changed = x.clone()
    changed[0, 0] += 1
    moved = (model(x) != model(changed)).any(-1)[0]
    assert moved.tolist() == [True, True, True, False, False, False]
