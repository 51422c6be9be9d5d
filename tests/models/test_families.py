"""The registry of model families, and what every family must do."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from toolkit import models
from toolkit.errors import ToolkitError
from toolkit.spiking.delayed_linear import DelayedLinear
from toolkit.spiking.methods.hoyer_snn import HoyerSpike
from toolkit.spiking.methods.meta_spikeformer import SpikeAttention
from toolkit.spiking.neurons import LI, LIF, I
from toolkit.spiking.time import GlobalMean

EVERY_PRESET = [(family, preset) for family in models.families() for preset in models.presets(family)]


TEXTS = ("decoder", "encoder_decoder", "text_encoder")
IMAGES = [(family, preset) for family, preset in EVERY_PRESET if family not in (*TEXTS, "gcn")]


def sample(family: str, preset: str, count: int = 2) -> torch.Tensor:
    chosen = models.presets(family)[preset]
    if family in TEXTS:
        return torch.randint(0, 65, (count, *chosen.input_shape))
    return torch.rand(1 if family == "gcn" else count, *chosen.input_shape)


def test_the_families_are_the_modules():
    assert list(models.families()) == [
        "cnn", "decoder", "ds_cnn", "encoder_decoder", "fc_autoencoder", "ff_mlp", "gcn", "hoyer_cnn",
        "meta_spikeformer", "mlp", "mobilenet_v1", "noprop_cnn", "resnet8", "spiking_cnn", "spiking_delays",
        "spiking_mlp", "spiking_rnn", "text_encoder",
    ]  # fmt: skip
    assert all(20 < len(about) <= 120 for about in models.families().values())


def test_listing_families_does_not_import_torch():
    script = "import sys; from toolkit import models; assert models.families(); print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"


@pytest.mark.parametrize(("family", "preset"), EVERY_PRESET)
def test_every_preset_runs_trains_and_exports(family, preset):
    torch.manual_seed(0)
    model = models.build(family, preset)
    x = sample(family, preset)
    model(x).square().sum().backward()
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name

    model.eval()
    expected = model(x)
    exported = torch.export.export(model, (x,)).module()
    assert torch.equal(exported(x), expected)


@pytest.mark.parametrize(("family", "preset"), EVERY_PRESET)
def test_the_seed_decides_the_weights(family, preset):
    torch.manual_seed(3)
    first = models.build(family, preset).state_dict()
    torch.manual_seed(3)
    second = models.build(family, preset).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(("family", "preset"), IMAGES)
def test_only_plain_layers_with_names_of_their_own(family, preset):
    allowed = (
        nn.Conv2d, nn.BatchNorm2d, nn.BatchNorm1d, nn.ReLU, nn.Linear,
        nn.AvgPool2d, nn.MaxPool2d, nn.Flatten, nn.ZeroPad2d, nn.RMSNorm, nn.Dropout,
        LI, LIF, I, DelayedLinear, GlobalMean, SpikeAttention, HoyerSpike,
    )  # fmt: skip
    model = models.build(family, preset)
    leaves = [module for module in model.modules() if not list(module.children())]
    assert {type(leaf) for leaf in leaves} <= set(allowed)


def test_the_first_preset_is_the_default():
    model = models.build("mlp")
    assert [layer.weight.shape for layer in model.modules() if isinstance(layer, nn.Linear)] == [
        (32, 64),
        (10, 32),
    ]


@pytest.mark.parametrize(
    ("family", "settings", "x", "y"),
    [
        ("cnn", {"classes": 3, "input_shape": (3, 20, 12)}, (3, 20, 12), 3),
        ("cnn", {"layers": [[8, 2, 1]]}, (1, 8, 8), 10),  # lists, as TOML has them
        ("mlp", {"hidden": [16, 8]}, (1, 8, 8), 10),
        ("mlp", {"hidden": []}, (1, 8, 8), 10),
        ("mobilenet_v1", {"width": 0.5, "input_shape": (1, 48, 64), "classes": 5}, (1, 48, 64), 5),
        ("resnet8", {"channels": [8, 16]}, (3, 32, 32), 10),
        ("ds_cnn", {"blocks": 1, "channels": 8}, (1, 49, 10), 12),
        ("fc_autoencoder", {"input_shape": (100,), "hidden": (9,)}, (100,), 100),
        ("gcn", {"input_shape": (30, 8), "classes": 3}, (30, 8), 3),
        ("ff_mlp", {"hidden": [16, 8, 4], "classes": 3, "goodness": "direction"}, (1, 8, 8), 3),
        ("noprop_cnn", {"steps": 1, "classes": 4}, (1, 8, 8), 4),
        ("noprop_cnn", {"steps": 3, "shared": True, "path": "flow"}, (1, 8, 8), 10),
        ("meta_spikeformer", {"channels": [4, 8], "depth": [2, 1], "steps": 2}, (1, 8, 8), 10),
        ("spiking_rnn", {"hidden": [8, 6], "neuron": "adaptive", "recurrent": False}, (1, 8, 8), 10),
        ("hoyer_cnn", {"layers": [[4, 1, 1], [6, 1, 1]], "pooled": [1, 2], "classes": 3}, (1, 8, 8), 3),
        ("spiking_mlp", {"hidden": [], "steps": 2, "classes": 3}, (1, 8, 8), 3),
        ("spiking_cnn", {"steps": 2, "reset": "zero", "discretisation": "euler"}, (1, 8, 8), 10),
        ("spiking_delays", {"hidden": [8], "input_shape": (20, 5), "classes": 3}, (20, 5), 3),
        ("spiking_delays", {"max_delay": 0}, (50, 64), 10),
    ],
)
def test_overrides(family, settings, x, y):
    model = models.build(family, **settings).eval()
    assert model(torch.zeros(2, *x)).shape[-1] == y


def test_presets_are_the_readers_own_copy():
    models.presets("mlp").clear()
    assert "digits" in models.presets("mlp")


@pytest.mark.parametrize(
    ("arguments", "settings", "what", "fix"),
    [
        (("resnet",), {}, "no model family called 'resnet'", "did you mean resnet8?"),
        (("_preset",), {}, "no model family called '_preset'", ""),
        (("perceiver",), {}, "no model family called 'perceiver'", "use one of: cnn, decoder"),
        (("decoder",), {"heads": 3}, "3 heads do not share a width of 128 evenly", ""),
        (("text_encoder",), {"feed_forward": "wide"}, "no feed-forward is called 'wide'", ""),
        (("encoder_decoder",), {"input_shape": (31,)}, "its length is even", ""),
        (("cnn", "mnst"), {}, "cnn has no preset called 'mnst'", "did you mean mnist?"),
        (("cnn",), {"class": 3}, "cnn has no setting called 'class'", "did you mean classes?"),
        (("cnn", "mnist"), {"input_shape": (1, 4, 4)}, "nothing is left of a (1, 4, 4) image", ""),
        (("cnn",), {"input_shape": (28, 28)}, "cannot build cnn", ""),
        (("cnn",), {"classes": -1}, "cannot build cnn", ""),
        (("mlp",), {"hidden": "wide"}, "cannot build mlp", ""),
        (("ff_mlp",), {"hidden": []}, "hidden layers, and there are none", ""),
        (("ff_mlp",), {"goodness": "wide"}, "no goodness is called 'wide'", ""),
        (("noprop_cnn",), {"steps": 0}, "0 steps do not lead to a class", ""),
        (("noprop_cnn",), {"path": "straight"}, "no path is called 'straight'", ""),
        (("spiking_delays",), {"max_delay": 255}, "a longest delay of 255 steps", "give 1 to 254"),
        (("meta_spikeformer",), {"heads": 3}, "3 heads do not share 32 channels", ""),
        (("spiking_rnn",), {"neuron": "if"}, "no neuron is called 'if'", ""),
        (("spiking_rnn",), {"repeats": 0}, "reads each row at least once", ""),
        (("mobilenet_v1",), {"width": 0.01}, "width 0.01 leaves no channels", ""),
    ],
)
def test_mistakes_are_named(arguments, settings, what, fix):
    with pytest.raises(ToolkitError) as caught:
        models.build(*arguments, **settings)
    assert what in caught.value.what
    assert fix in caught.value.fix


def test_the_digits_cnn_learns():
    from toolkit import data

    digits = data.load("digits")
    x, y = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)
    torch.manual_seed(0)
    model = models.build("cnn", "digits")
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(8):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
    model.eval()
    predicted = model(torch.from_numpy(digits.x_test)).argmax(1).numpy()
    assert (predicted == digits.y_test).mean() >= 0.97
