"""A size that a model family comes in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Preset:
    """Settings with a name.

    ``input_shape`` is one sample's shape without the batch axis; images are ``(channels, height, width)``.
    """

    about: str
    input_shape: tuple[int, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
