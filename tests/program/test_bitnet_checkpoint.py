"""Published BitNet b1.58 checkpoints: what they compute, on the device too, and what of a damaged one is said."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.conftest import Cli
from tests.program import bitnet_files as files
from toolkit.errors import ToolkitError
from toolkit.generate import generate
from toolkit.lower import reference
from toolkit.lower.passes import lower
from toolkit.program import checkpoint
from toolkit.program.checkpoint import bitnet
from toolkit.program.checkpoint.config import read_config
from toolkit.program.checkpoint.tensors import Tensors
from toolkit.verify.verify import verify

TEXT = torch.randint(0, files.VOCABULARY, (files.POSITIONS,), generator=torch.Generator().manual_seed(1))
ONLINE = {"quantization_config": {**files.CONFIG["quantization_config"], "quantization_mode": "online"}}
DIVIDES = {"quantization_config": {"quant_method": "bitnet"}}  # as BitLinear does, the default


@pytest.fixture(scope="module")
def packed() -> dict[str, Tensor]:
    return files.packed(files.master_weights())


def _divided(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: 1 / t.float() if name.endswith("_scale") else t for name, t in tensors.items()}


def _in_two_files(folder: Path, tensors: dict[str, Tensor]) -> None:
    from safetensors.torch import save_file

    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    listed = {}
    for part in (0, 1):
        some = names[part::2]
        save_file({name: tensors[name] for name in some}, folder / f"part-{part}.safetensors")
        listed |= dict.fromkeys(some, f"part-{part}.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": listed}))


@pytest.mark.parametrize("variant", ["packed", "divided", "two-files", "online"])
def test_logits_are_those_of_the_published_forward(
    variant: str, packed: dict[str, Tensor], tmp_path: Path
) -> None:
    tensors = files.master_weights() if variant == "online" else packed
    wanted = files.published_forward(tensors, TEXT).numpy()
    changed = {"online": ONLINE, "divided": DIVIDES}.get(variant, {})
    stored = _divided(tensors) if variant == "divided" else tensors
    files.write(tmp_path, stored, **changed)
    if variant == "two-files":
        _in_two_files(tmp_path, stored)
    program, info, _ = checkpoint.read(tmp_path)
    assert (info["vocabulary"], info["positions"]) == (files.VOCABULARY, files.POSITIONS)
    model = lower(program)
    memory = reference.Memory(model)
    runs = [reference.run(model, [token.numpy().astype(np.int32)], memory)[0] for token in TEXT.split(1)]
    error = np.abs(np.concatenate(runs) - wanted) / np.abs(wanted).max()
    assert np.median(error) < 1e-6
    assert error.max() < 0.01  # float32 sums in another order may move one activation by one of its 127 steps


def test_a_device_writes_the_tokens_of_the_published_forward(
    cli: Cli, packed: dict[str, Tensor], tmp_path: Path
) -> None:
    files.write(tmp_path / "bitnet-b1.58", packed)
    prompt, count = TEXT[:4], 12
    text = prompt
    for _ in range(count):
        text = torch.cat([text, files.published_forward(packed, text)[-1:].argmax(-1)])
    wanted = text[len(prompt) :].tolist()
    assert len(set(wanted)) > 4
    asked, device = " ".join(map(str, prompt.tolist())), tmp_path / "m7"
    done = cli(
        "export",
        tmp_path / "bitnet-b1.58",
        "--target",
        "cortex-m7",
        "-o",
        device,
        "--positions",
        16,
        "--prompt-block",
        4,
    )
    assert done.code == 0, done.err
    assert ": bitnet-b1.58 for cortex-m7" in done.out
    written = cli("generate", device, "--prompt", asked, "--tokens", count)
    assert written.out == f"{asked} {' '.join(map(str, wanted))}\n"
    assert generate(device, asked, tokens=count, target="host").tokens == wanted
    drawn = [generate(device, asked, tokens=count, temperature=1.0, target=t).tokens for t in ("host", None)]
    assert drawn[0] == drawn[1] != wanted
    result = verify(device, fresh=0)
    assert result.ok
    assert result.exact
    for prompt_text, what in (
        ("5 64", "'64' is no token"),
        ("5 x", "'x' is no token"),
        ("", "the prompt is empty"),
    ):
        with pytest.raises(ToolkitError, match=what):
            generate(device, prompt_text)
    with pytest.raises(ToolkitError, match="25 positions cannot be"):
        checkpoint.read(tmp_path / "bitnet-b1.58", 25)


QUERY = "model.layers.1.self_attn.q_proj.weight"
Change = Callable[[dict[str, Any]], Any]


def _set(name: str, value: Tensor) -> Change:
    return lambda tensors: tensors.update({name: value})


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda t: t.pop(QUERY), "a tensor is missing"),
        (lambda t: t.pop(f"{QUERY}_scale"), "a tensor is missing"),
        (lambda t: t.pop("model.norm.weight"), "a tensor is missing"),
        (_set("model.layers.2.input_layernorm.weight", torch.ones(32)), "belongs to no layer"),
        (_set("model.layers.0.self_attn.q_proj.bias", torch.ones(32)), "belongs to no layer"),
        (_set(QUERY, torch.ones(8, 31, dtype=torch.uint8)), r"shape \[8, 31\]; config.json says \[8, 32\]"),
        (_set(QUERY, torch.full((8, 32), 0b11010101, dtype=torch.uint8)), "the code 3"),
        (_set("model.norm.weight", torch.ones(32, dtype=torch.int32)), "is I32, not"),
        (_set(QUERY, torch.ones(32, 32)), "is float, but has a scale"),
        (_set(f"{QUERY}_scale", torch.zeros(1)), "a scale is 0"),
        (_set(f"{QUERY}_scale", -torch.ones(())), "a scale is -1"),
        (_set(f"{QUERY}_scale", torch.tensor([torch.inf])), "NaN or infinity"),
        (_set(f"{QUERY}_scale", torch.ones(2)), r"shape \[2\]"),
        (_set("model.embed_tokens.weight", torch.full((64, 32), torch.nan)), "NaN or infinity"),
        (_set("lm_head.weight", torch.ones(64, 32)), "the head is not the embedding"),
    ],
)
def test_damaged_tensors_are_named(
    change: Change, what: str, packed: dict[str, Tensor], tmp_path: Path
) -> None:
    tensors = dict(packed)
    change(tensors)
    files.write(tmp_path, tensors)
    with pytest.raises(ToolkitError, match=what) as error:
        checkpoint.read(tmp_path)
    assert "model" in error.value.at
    assert error.value.fix


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"model_type": "llama"}, 'model_type is "llama"'),
        ({"hidden_act": "silu"}, "hidden_act"),
        ({"attention_bias": True}, "attention_bias is true"),
        ({"rope_scaling": {"type": "linear"}}, "rope_scaling"),
        ({"num_attention_heads": 5}, "num_attention_heads is 5"),
        ({"num_key_value_heads": 3}, "num_key_value_heads is 3"),
        ({"head_dim": 16}, "head_dim is 16"),
        ({"vocab_size": None}, "vocab_size is missing"),
        ({"vocab_size": True}, "vocab_size is true"),
        ({"hidden_size": 10**30}, "hidden_size"),
        ({"rms_norm_eps": float("nan")}, "rms_norm_eps is NaN"),
        ({"rope_theta": "big"}, "rope_theta"),
        ({"quantization_config": None}, "quantization_config is missing"),
        ({"quantization_config": {"quant_method": "fp8"}}, 'quant_method is "fp8"'),
        ({"quantization_config": {"quant_method": "bitnet", "use_rms_norm": True}}, "use_rms_norm"),
        (ONLINE, "is packed, but quantization_mode is online"),
        ({"num_hidden_layers": 1}, "belongs to no layer"),
        ({"max_position_embeddings": 10**6}, "take more than 1 GiB\n.*\n.*--positions"),
        ({"intermediate_size": 48}, r"config.json says \[48\]"),
    ],
)
def test_a_model_of_another_kind_is_refused(
    changed: dict[str, Any], what: str, packed: dict[str, Tensor], tmp_path: Path
) -> None:
    files.write(tmp_path, packed, **changed)
    with pytest.raises(ToolkitError, match=what):
        checkpoint.read(tmp_path)


def test_whatever_is_damaged_ends_in_an_error(packed: dict[str, Tensor], tmp_path: Path) -> None:
    files.write(tmp_path, packed)
    whole = {name: (tmp_path / name).read_bytes() for name in ("model.safetensors", "config.json")}
    header = 8 + int.from_bytes(whole["model.safetensors"][:8], "little")
    draw, said = random.Random(0), set()
    for _ in range(200):
        for name, data in whole.items():
            changed = bytearray(data)
            for _ in range(draw.randint(0, 2)):
                changed[draw.randrange(min(header, len(data)))] = draw.choice(b'0,9"-e' + draw.randbytes(4))
            (tmp_path / name).write_bytes(changed)
        try:
            config = read_config(tmp_path / "config.json")
            with Tensors(tmp_path) as tensors:
                bitnet.decoder(config, tensors, 8)
            said.add("nothing wrong")
        except ToolkitError as error:
            said.add(error.what)
    assert "nothing wrong" in said
    assert len(said) > 10


def test_damaged_files_are_refused(cli: Cli, packed: dict[str, Tensor], tmp_path: Path) -> None:
    folder = files.write(tmp_path / "bitnet", packed)
    weights, config = folder / "model.safetensors", folder / "config.json"

    def says(what: str) -> None:
        with pytest.raises(ToolkitError, match=what) as error:
            checkpoint.read(folder)
        assert error.value.fix

    index = folder / "model.safetensors.index.json"
    for file in ("../model.safetensors", "/etc/passwd", "a/../model.safetensors", "..\\x.safetensors", 7):
        index.write_text(json.dumps({"weight_map": {QUERY: file}}))
        says("outside the folder")
    for text in ("[]", "{", '{"weight_map": 3}'):
        index.write_text(text)
        says("the index is damaged")
    index.write_text(json.dumps({"weight_map": {QUERY: "model.safetensors"}}))
    says("lists other tensors")
    index.unlink()
    outside = tmp_path / "outside.safetensors"
    weights.rename(outside)
    weights.symlink_to(outside)
    says("lies outside")
    weights.unlink()
    says("cannot be read")
    weights.write_bytes(outside.read_bytes()[:-100])
    says("cannot be read")
    weights.write_bytes(b"\xff" * 100)
    says("cannot be read")
    config.write_text("{")
    says("it is no JSON")
    done = cli("export", folder, "--target", "host", "-o", tmp_path / "out")
    assert done.code == 2
    assert done.err.startswith("error: config.json is damaged: it is no JSON\n  at: ")
