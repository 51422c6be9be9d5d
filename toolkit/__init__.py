"""Train, quantize, compile, run and measure small neural networks on microcontrollers.

Imports run one way: ``toolkit.cli`` uses ``toolkit``, and ``toolkit`` uses ``quantize``.
"""

from pathlib import Path as _Path

from toolkit._guard import refuse_foreign as _refuse_foreign

__version__ = "0.1.0"

_refuse_foreign("quantize", _Path(__file__).resolve().parent.parent / "quantize")
