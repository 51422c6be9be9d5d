"""Let a bundle's language model write: token after token on its target, as the text goes on."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolkit import manifest as manifests
from toolkit.device import targets
from toolkit.device.build import build
from toolkit.device.emulators.base import Job
from toolkit.device.run import emulate
from toolkit.errors import DEVICE, ToolkitError

_TOKEN = np.dtype("<i4")
_LARGEST_WEIGHT = 2**23  # generate.h: below 2^24
_FIX = "export `toolkit.models.decoder.DecoderStep` of a trained decoder"


@dataclass(frozen=True)
class Generated:
    """The text that followed the prompt, and what wrote it."""

    text: str
    tokens: list[int]
    target: str
    emulator: str
    toolchain: str


def generate(
    bundle: Path,
    prompt: str,
    *,
    tokens: int = 100,
    temperature: float = 0.0,
    seed: int = 1,
    target: str | None = None,
    emulator: str | None = None,
    toolchain: str | None = None,
    timeout_s: float = 600.0,
    on_text: Callable[[str], None] = lambda _: None,
) -> Generated:
    """Let the language model in ``bundle`` continue ``prompt``.

    Args:
        bundle: of a model that takes one token a run and keeps what came before.
        prompt: characters of the model's vocabulary, at least one.
        tokens: how many to write.
        temperature: 0 takes the most probable token each time; 1 draws them with the model's probabilities; in
            between the likely ones come more often. All targets draw the same ones.
        seed: of the drawing.
        target: another target than the bundle's own; ``host`` runs the same C on this machine.
        emulator: one that the target lists.
        toolchain: a compiler that the target lists.
        timeout_s: limit for all tokens together.
        on_text: given each piece of text when the device has written it.

    Raises:
        ToolkitError: the bundle is no language model, the prompt has characters it does not know, prompt and text
            are longer than it remembers, a tool is missing, or the device fails.
    """
    manifest = manifests.read(bundle)
    vocabulary = _vocabulary(bundle, manifest)
    asked = _tokens(prompt, vocabulary)
    _check_length(manifest, len(asked), tokens)
    if not 0 <= temperature <= 100:
        raise ToolkitError(
            f"a temperature of {temperature} cannot be", fix="give one from 0 to 100; 0 is greedy"
        )
    chosen = targets.load(target or manifest["target"])
    image = build(bundle, toolchain=toolchain, target=chosen.name, generate=True)
    request = _request(asked, tokens, temperature, seed, manifest["outputs"][0]["scale"])
    parts: list[bytes] = []

    def on_output(data: bytes) -> None:
        whole = sum(map(len, parts)) // _TOKEN.itemsize
        parts.append(data)
        on_text(_text(b"".join(parts)[whole * _TOKEN.itemsize :], vocabulary))

    job = Job(image.path, chosen, request, False, timeout_s, image.prefix, on_output)
    finished, used = emulate(job, emulator)
    written = finished.files.get("output.bin", b"")
    if len(written) != tokens * _TOKEN.itemsize:
        raise ToolkitError(
            f"the device wrote {len(written)} bytes for {tokens} tokens",
            at=str(image.path),
            fix="export the bundle again",
            exit_code=DEVICE,
        )
    found = np.frombuffer(written, _TOKEN).tolist()
    return Generated(_text(written, vocabulary), found, chosen.name, used, image.toolchain)


def _vocabulary(bundle: Path, manifest: dict[str, Any]) -> list[str]:
    """Return the characters that a bundle's tokens stand for."""
    inputs, outputs, info = manifest["inputs"], manifest["outputs"], manifest.get("info")
    classes = info.get("classes") if isinstance(info, dict) else None
    one = len(inputs) == len(outputs) == 1 and (inputs[0]["dtype"], inputs[0]["bytes"]) == ("int32", 4)
    if not one or not manifest.get("states") or outputs[0]["dtype"] != "int8":
        raise ToolkitError(
            "the bundle is no language model that goes token by token", at=str(bundle), fix=_FIX
        )
    known = isinstance(classes, list) and all(isinstance(each, str) and each for each in classes)
    if not known or classes is None or len(classes) != outputs[0]["bytes"]:
        raise ToolkitError("the bundle does not say what its tokens stand for", at=str(bundle), fix=_FIX)
    return classes


def _tokens(prompt: str, vocabulary: list[str]) -> list[int]:
    places = {text: number for number, text in enumerate(vocabulary)}
    unknown = sorted(set(prompt) - places.keys())
    if unknown or not prompt:
        known = "".join(text if text.isprintable() else repr(text)[1:-1] for text in vocabulary)
        raise ToolkitError(
            f"the model does not know {unknown[0]!r}" if unknown else "the prompt is empty",
            fix=f"write the prompt in these characters: {known}",
        )
    return [places[character] for character in prompt]


def _check_length(manifest: dict[str, Any], prompt: int, tokens: int) -> None:
    limit = manifest["info"].get("positions")
    if tokens < 1:
        raise ToolkitError(f"{tokens} tokens cannot be written", fix="ask for at least 1")
    if isinstance(limit, int) and prompt + tokens - 1 > limit:
        raise ToolkitError(
            f"the model remembers {limit} characters, and {prompt} of prompt with {tokens} to write are more",
            fix=f"ask for at most {max(limit - prompt + 1, 0)} with this prompt",
        )


def _request(prompt: list[int], tokens: int, temperature: float, seed: int, scale: float) -> bytes:
    """Return what the harness reads: ``tk_request`` of generate.h, and the prompt."""
    weights = np.zeros(256, np.uint32)
    if temperature:
        below = np.arange(256) * (scale / temperature)
        weights = np.rint(_LARGEST_WEIGHT * np.exp(-below)).astype(np.uint32)
    state = 0 if not temperature else (seed * 0x9E3779B9 + 0x7F4A7C15) & 0xFFFFFFFF or 1
    head = struct.pack("<3I", len(prompt), tokens, state)
    return head + weights.astype("<u4").tobytes() + np.array(prompt, _TOKEN).tobytes()


def _text(tokens: bytes, vocabulary: list[str]) -> str:
    whole = len(tokens) // _TOKEN.itemsize * _TOKEN.itemsize
    return "".join(
        vocabulary[int(token) % len(vocabulary)] for token in np.frombuffer(tokens[:whole], _TOKEN)
    )
