"""Call torch and torchao without notices that no user can act on.

torchao tries to load its GPU libraries and logs a warning for each that a CPU build lacks; torch's exporter
announces deprecations of its own internals.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_NOISY = ("torchao", "torch.export", "torch.onnx", "torch.utils._pytree")


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back torch's and torchao's notices about themselves; errors still come through."""
    loggers = [logging.getLogger(name) for name in _NOISY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
