"""Other tools' figures, with how they were measured, to print beside ours.

Unless a source is named: measured on 2026-11-20 on an emulated Cortex-M4F with GCC arm-none-eabi 12.2 and
qemu-system-arm 7.2 with ``-icount shift=6``; a CMSDK timer at 25 MHz of virtual time, instructions = ticks / 1.6.
Multiply-accumulates count convolutions, depthwise convolutions and fully connected layers, padded taps included.
"""

from __future__ import annotations

from dataclasses import dataclass

METHOD = (
    "Peers: GCC arm-none-eabi 12.2, qemu-system-arm 7.2 with -icount shift=6, instructions = CMSDK timer ticks / 1.6, "
    "second inference."
)


@dataclass(frozen=True)
class Reference:
    """What one MLPerf Tiny model costs elsewhere.

    Args:
        macs: multiply-accumulates of one inference.
        instructions: TensorFlow Lite Micro with CMSIS-NN, its default optimisation.
        code_bytes: its code flash, with the small ``_INT8`` registrations.
        arena_bytes: the smallest arena with which it works.
        cube_ai_cycles_per_mac: ST X-CUBE-AI v10.2 on a real Cortex-M4 (L4R5ZI at 120 MHz), from the published
            MLPerf Tiny v1.3 results: clock divided by inferences per second and by ``macs``.
    """

    macs: int
    instructions: int
    code_bytes: int
    arena_bytes: int
    cube_ai_cycles_per_mac: float


MLPERF_TINY = {
    "anomaly detection": Reference(264_192, 582_944, 28_512, 3_024, 2.18),
    "keyword spotting": Reference(2_656_768, 7_699_892, 53_780, 22_832, 1.96),
    "image classification": Reference(12_501_632, 29_863_358, 51_552, 55_008, 1.59),
    "visual wake words": Reference(7_489_664, 24_101_962, 53_780, 100_720, 1.43),
}

# TensorFlow Lite Micro with CMSIS-NN on other cores, the same builds: instructions per multiply-accumulate.
INSTRUCTIONS_PER_MAC = {
    family: dict(zip(MLPERF_TINY, figures, strict=True))
    for family, figures in {
        "cortex-m0plus": (6.67, 10.9, 7.8, 11.6),
        "cortex-m7": (2.21, 2.88, 2.40, 3.21),
        "cortex-m55": (0.57, 0.68, 0.39, 0.88),
    }.items()
}


# A matrix of 256x320 weights times a vector: instructions per multiply-accumulate. BitNetMCU's weights take 1.6 bits.
TERNARY_GEMV = {
    "CMSIS-NN, int8": {"cortex-m3": 3.46, "cortex-m4": 2.03, "cortex-m7": 2.03, "cortex-m55": 0.51},
    "CMSIS-NN, int4": {"cortex-m3": 5.14, "cortex-m4": 5.03, "cortex-m7": 5.03, "cortex-m55": 0.45},
    "BitNetMCU, ternary": {"cortex-m3": 7.44, "cortex-m4": 7.45, "cortex-m7": 7.45, "cortex-m55": 7.11},
}


@dataclass(frozen=True)
class Mlp:
    """What a code generator makes of the digits MLP, 64-32-10."""

    tool: str
    arithmetic: str
    instructions: int
    code_bytes: int


DIGITS_MLP = (
    Mlp("onnx2c", "float32", 17_303, 212),
    Mlp("emlearn", "float32", 16_884, 3_044),
)
