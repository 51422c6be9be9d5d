"""Train, quantize, compile, run and measure small neural networks on microcontrollers.

Imports run one way: ``toolkit.cli`` uses ``toolkit``, and ``toolkit`` uses ``quantize``.
"""

__version__ = "0.1.0"
