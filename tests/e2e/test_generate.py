"""A language model writes the same text on every target, and the text that its reference would write."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.conftest import Cli
from toolkit import bundle, models
from toolkit.errors import ToolkitError
from toolkit.generate import generate
from toolkit.lower import reference
from toolkit.lower.passes import lower
from toolkit.measure.bench import bench
from toolkit.models.decoder import DecoderStep
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.verify.verify import verify

CHARACTERS = list("\n abcdefghij")
POSITIONS = 24
PROMPT, TOKENS = "abc a", 18


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ternary decoder with random weights, one character a run."""
    torch.manual_seed(1)
    sizes = {"width": 32, "layers": 2, "heads": 2, "hidden": 48, "vocabulary": len(CHARACTERS)}
    decoder = models.build("decoder", input_shape=(POSITIONS,), **sizes).eval()
    with torch.no_grad():
        for layer in decoder.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.copy_(0.2 * torch.randint(-1, 2, layer.weight.shape))
    text = np.random.default_rng(0).integers(0, len(CHARACTERS), 100)
    step = quantize_ptq(DecoderStep(decoder), text, weights="ternary", int8_layers=["embedding"])
    file = tmp_path_factory.mktemp("lm") / "lm.pt2"
    pt2.save(step, file, {"classes": CHARACTERS, "positions": POSITIONS})
    return file


@pytest.fixture(scope="module")
def on_host(program: Path) -> Path:
    bundle.export(program, "host", program.parent / "host")
    return program.parent / "host"


def _expected(program: Path) -> str:
    """Write greedily with the reference."""
    model = lower(pt2.load(program)[0])
    memory, text = reference.Memory(model), PROMPT
    for place in range(len(PROMPT) + TOKENS - 1):
        token = np.array([CHARACTERS.index(text[place])], np.int32)
        (scores,) = reference.run(model, [token], memory)
        if place >= len(PROMPT) - 1:
            text += CHARACTERS[int(scores.argmax())]
    return text[len(PROMPT) :]


def test_the_step_gives_what_the_whole_decoder_gives() -> None:
    torch.manual_seed(2)
    decoder = models.build("decoder", "micro").eval()
    text = torch.randint(0, 65, (1, decoder.positions))
    with torch.no_grad():
        whole, step = decoder(text)[0], DecoderStep(decoder)
        runs = [torch.cat([step(token) for token in text[0].split(1)]) for _ in range(2)]
    for run in runs:  # after the last position it begins anew
        torch.testing.assert_close(run, whole, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("target", ["host", "rpi", "cortex-m7", "cortex-m0plus", "rv32imc"])
def test_every_target_writes_what_the_reference_writes(target: str, program: Path, tmp_path: Path) -> None:
    """The prompt goes in two blocks of two tokens, and the fifth by itself."""
    if target == "rpi" and shutil.which("qemu-aarch64") is None:
        pytest.skip("qemu-aarch64 is not installed: apt-get install qemu-user")
    bundle.export(program, target, tmp_path / "lm", prompt_block=2)
    pieces: list[str] = []
    done = generate(tmp_path / "lm", PROMPT, tokens=TOKENS, on_text=pieces.append)
    assert done.text == _expected(program)
    assert "".join(pieces) == done.text


def test_blocks_take_whole_prompts_are_verified_and_cost_less(
    program: Path, on_host: Path, tmp_path: Path, cli: Cli
) -> None:
    folder = tmp_path / "lm"
    asked = ("--target", "cortex-m4", "--prompt-block", 8, "--prefix", "writer")
    done = cli("export", program, *asked, "-o", folder)
    assert done.code == 0, done.err
    prompt = "abc abcd"
    assert generate(folder, prompt, tokens=6).tokens == generate(on_host, prompt, tokens=6).tokens
    one, eight = (bench(folder, blocks=blocks).instructions for blocks in (False, True))
    assert one is not None
    assert eight is not None
    assert eight.value < 8 * 0.7 * one.value
    result = verify(folder, host=False)
    assert result.ok
    assert [found.samples for found in result.comparisons if "in blocks of 8" in found.device] == [4]
    refused = cli("bench", on_host, "--blocks")
    assert (refused.code, refused.out) == (2, "")
    assert "takes no blocks" in refused.err


def test_drawing_is_the_same_everywhere_and_follows_the_seed(program: Path, on_host: Path) -> None:
    bundle.export(program, "cortex-m4", on_host.parent / "m4")
    drawn = {
        seed: generate(on_host, PROMPT, tokens=TOKENS, temperature=1.5, seed=seed).text for seed in (1, 2, 3)
    }
    assert len(set(drawn.values())) > 1
    for seed in (1, 2):
        again = generate(on_host.parent / "m4", PROMPT, tokens=TOKENS, temperature=1.5, seed=seed)
        assert again.text == drawn[seed]


def test_drawing_follows_the_probabilities(on_host: Path, program: Path) -> None:
    model = lower(pt2.load(program)[0])
    (scores,) = reference.run(model, [np.array([CHARACTERS.index("a")], np.int32)])
    quant = model.outputs[0].quant
    assert quant is not None
    chances = np.exp(scores.reshape(-1) * float(quant.scale[0]))
    chances /= chances.sum()
    drawn = [generate(on_host, "a", tokens=1, temperature=1.0, seed=seed).tokens[0] for seed in range(150)]
    counts = np.bincount(drawn, minlength=len(CHARACTERS)) / len(drawn)
    assert np.abs(counts - chances).max() < 5 * np.sqrt(0.25 / len(drawn))


def test_what_cannot_be_written_is_refused(on_host: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match="does not know 'z'") as error:
        generate(on_host, "az")
    assert "abcdefghij" in error.value.fix
    with pytest.raises(ToolkitError, match="remembers 24 tokens") as error:
        generate(on_host, "abc", tokens=23)
    assert "at most 22" in error.value.fix
    for wrong, match in (({"tokens": 0}, "0 tokens"), ({"temperature": -1.0}, "temperature of -1")):
        with pytest.raises(ToolkitError, match=match):
            generate(on_host, "abc", **{"tokens": 3, **wrong})
    shutil.copytree(on_host, tmp_path / "lm")
    manifest = json.loads((tmp_path / "lm" / "manifest.json").read_text(encoding="utf-8"))
    for damaged, match in (
        ({**manifest, "states": []}, "no language model"),
        ({**manifest, "info": {"classes": CHARACTERS[1:]}}, "does not say what its tokens"),
    ):
        (tmp_path / "lm" / "manifest.json").write_text(json.dumps(damaged), encoding="utf-8")
        with pytest.raises(ToolkitError, match=match):
            generate(tmp_path / "lm", "abc", tokens=3)


def test_the_command_prints_the_text(cli: Cli, on_host: Path, program: Path) -> None:
    done = cli("generate", on_host, "--prompt", PROMPT, "--tokens", TOKENS)
    assert done.code == 0
    assert done.out == f"{PROMPT}{_expected(program)}\n"
    document = cli("generate", on_host, "-p", PROMPT, "-n", TOKENS, "--json").document
    assert document["text"] == _expected(program)
    refused = cli("generate", on_host, "-p", "Z")
    assert (refused.code, refused.out) == (2, "")
    assert "fix: write the prompt in these characters" in refused.err
