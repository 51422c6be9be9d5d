"""Small programs and ways to tamper with their ``.pt2`` files, for the tests of `toolkit.program.pt2`."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

MODEL = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
CONSTANTS = "data/constants/model_constants_config.json"
SAMPLE_INPUTS = "data/sample_inputs/model.pt"


class Net(torch.nn.Module):
    """Convolution, batch norm, linear, and a constant tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 2, 3)
        self.bn = torch.nn.BatchNorm2d(2)
        self.fc = torch.nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.bn(self.conv(x))).flatten(1)
        return self.fc(y) + torch.tensor([2.0])


def sample() -> torch.Tensor:
    return torch.randn(1, 1, 4, 4, generator=torch.Generator().manual_seed(1))


def float_program() -> torch.export.ExportedProgram:
    torch.manual_seed(0)
    return torch.export.export(Net().eval(), (sample(),))


def quantized_program() -> torch.export.ExportedProgram:
    """The same net in int8 with per-channel weights, by torchao's PT2E."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
        from torchao.testing.pt2e._xnnpack_quantizer import (
            XNNPACKQuantizer,
            get_symmetric_quantization_config,
        )

        quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
        prepared = prepare_pt2e(float_program().module(), quantizer)
        prepared(sample())
        return torch.export.export(convert_pt2e(prepared), (sample(),))


def saved_by_torch(program: torch.export.ExportedProgram) -> bytes:
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


def entries(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        return {name.removeprefix("archive/"): file.read(name) for name in file.namelist()}


def archive(parts: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, data in parts.items():
            file.writestr(f"archive/{name}", data)
    return buffer.getvalue()


def with_entry(original: bytes, name: str, data: bytes) -> bytes:
    return archive(entries(original) | {name: data})


def with_json(original: bytes, name: str, change: Callable[[Any], None]) -> bytes:
    """Return the archive with the JSON entry ``name`` changed in place by ``change``."""
    content = json.loads(entries(original)[name])
    change(content)
    return with_entry(original, name, json.dumps(content).encode())


class Touch:
    """Unpickling this makes the file: code that a pickle runs."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (open, (str(self.marker), "w"))


def pickled(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()
