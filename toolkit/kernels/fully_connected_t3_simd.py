"""Ternary fully connected layer with NEON, AVX2 or AVX-512: five weights a byte, for matrices that come from memory."""

from __future__ import annotations

from toolkit.kernels.fully_connected_t2_simd import FullyConnectedT2Simd


class FullyConnectedT3Simd(FullyConnectedT2Simd):
    """A fifth less to read than two bits a weight, and more to compute."""

    name = "tk_fully_connected_t3_simd"
    packing = "t3"
    rank = -1


KERNEL = FullyConnectedT3Simd()
