"""Let a bundle's language model write: token after token on its target, as the text goes on."""

from __future__ import annotations

import re
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
_LARGEST_WEIGHT = 2**23  # generate.h: at most that
_STEPS = 16  # of float32 scores: so many where a chance falls by e
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
        prompt: characters of the model's vocabulary, at least one; of a model that names none, numbers of tokens.
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
    asked = vocabulary.encode(prompt)
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


@dataclass(frozen=True)
class _Vocabulary:
    """What a bundle's tokens stand for: a text each, or nothing but their numbers."""

    count: int
    texts: list[str] | None

    def encode(self, prompt: str) -> list[int]:
        if self.texts is None:
            return self._numbers(prompt)
        places = {text: number for number, text in enumerate(self.texts)}
        unknown = sorted(set(prompt) - places.keys())
        if unknown or not prompt:
            known = "".join(text if text.isprintable() else repr(text)[1:-1] for text in self.texts)
            raise ToolkitError(
                f"the model does not know {unknown[0]!r}" if unknown else "the prompt is empty",
                fix=f"write the prompt in these characters: {known}",
            )
        return [places[character] for character in prompt]

    def decode(self, token: int) -> str:
        return f" {token}" if self.texts is None else self.texts[token % self.count]

    def _numbers(self, prompt: str) -> list[int]:
        words = prompt.split()
        wrong = [word for word in words if not re.fullmatch("[0-9]{1,9}", word) or int(word) >= self.count]
        if wrong or not words:
            raise ToolkitError(
                f"{wrong[0][:40]!r} is no token of the model" if wrong else "the prompt is empty",
                fix=f"write the prompt as numbers of tokens, 0 to {self.count - 1}: --prompt '5 17 3'",
            )
        return [int(word) for word in words]


def _vocabulary(bundle: Path, manifest: dict[str, Any]) -> _Vocabulary:
    """Return what a bundle's tokens stand for."""
    inputs, outputs, info = manifest["inputs"], manifest["outputs"], manifest.get("info")
    one = len(inputs) == len(outputs) == 1 and (inputs[0]["dtype"], inputs[0]["bytes"]) == ("int32", 4)
    if not one or not manifest.get("states") or outputs[0]["dtype"] not in ("int8", "float32"):
        raise ToolkitError(
            "the bundle is no language model that goes token by token", at=str(bundle), fix=_FIX
        )
    count = outputs[0]["bytes"] // np.dtype(outputs[0]["dtype"]).itemsize
    said = info if isinstance(info, dict) else {}
    classes = said.get("classes")
    if classes is None and said.get("vocabulary") == count:
        return _Vocabulary(count, None)
    known = isinstance(classes, list) and all(isinstance(each, str) and each for each in classes)
    if not known or classes is None or len(classes) != count:
        raise ToolkitError("the bundle does not say what its tokens stand for", at=str(bundle), fix=_FIX)
    return _Vocabulary(count, classes)


def _check_length(manifest: dict[str, Any], prompt: int, tokens: int) -> None:
    limit = manifest["info"].get("positions")
    if tokens < 1:
        raise ToolkitError(f"{tokens} tokens cannot be written", fix="ask for at least 1")
    if isinstance(limit, int) and prompt + tokens - 1 > limit:
        raise ToolkitError(
            f"the model remembers {limit} tokens, and {prompt} of prompt with {tokens} to write are more",
            fix=f"ask for at most {max(limit - prompt + 1, 0)} with this prompt",
        )


def _request(prompt: list[int], tokens: int, temperature: float, seed: int, scale: float | None) -> bytes:
    """Return what the harness reads: ``tk_request`` of generate.h, and the prompt. Scores of no scale are float32."""
    weights = np.zeros(256, np.uint32)
    steps = 0.0 if scale is not None else min(_STEPS / temperature, 1e30) if temperature else 1.0
    if temperature:
        below = np.arange(256) * (1 / _STEPS if scale is None else scale / temperature)
        weights = np.rint(_LARGEST_WEIGHT * np.exp(-below)).astype(np.uint32)
        weights[255] *= scale is not None  # or more steps below
    state = 0 if not temperature else (seed * 0x9E3779B9 + 0x7F4A7C15) & 0xFFFFFFFF or 1
    head = struct.pack("<3If", len(prompt), tokens, state, steps)
    return head + weights.astype("<u4").tobytes() + np.array(prompt, _TOKEN).tobytes()


def _text(tokens: bytes, vocabulary: _Vocabulary) -> str:
    whole = len(tokens) // _TOKEN.itemsize * _TOKEN.itemsize
    return "".join(vocabulary.decode(int(token)) for token in np.frombuffer(tokens[:whole], _TOKEN))
