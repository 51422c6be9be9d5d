"""``.pte`` files: XNNPACK for processors, Vulkan for Android's GPUs, Core ML for Apple's."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.runtimes.kind import Kind, Made

if TYPE_CHECKING:
    from torch.export import ExportedProgram


def _xnnpack(program: ExportedProgram, path: Path, _backend: str) -> Made:
    from toolkit.backends.executorch import write_file

    written = write_file(program, path)
    return Made(sum(weight.bytes for weight in written.weights), written.portable)


def _vulkan(program: ExportedProgram, path: Path, _backend: str) -> Made:
    from executorch.backends.vulkan.partitioner.vulkan_partitioner import VulkanPartitioner

    return _partitioned(program, path, VulkanPartitioner())


def _core_ml(program: ExportedProgram, path: Path, _backend: str) -> Made:
    from executorch.backends.apple.coreml.partition import CoreMLPartitioner

    return _partitioned(program, path, CoreMLPartitioner())


def _partitioned(program: ExportedProgram, path: Path, partitioner: Any) -> Made:
    from toolkit.backends.executorch import write_partitioned

    loud = [logging.getLogger(name) for name in ("coremltools", "executorch", "root", "")]
    levels = [logger.level for logger in loud]
    try:
        for logger in loud:
            logger.setLevel(logging.ERROR)
        return Made(None, write_partitioned(program, path, partitioner))
    finally:
        for logger, level in zip(loud, levels, strict=True):
            logger.setLevel(level)


KINDS = [
    Kind("executorch", "xnnpack", "int8", "int8.pte", ("executorch",), _xnnpack),
    Kind("executorch", "xnnpack", "int16", "int16.pte", ("executorch",), _xnnpack, as_given=True),
    Kind("executorch", "xnnpack", "float32", "float32.pte", ("executorch",), _xnnpack),
    Kind("executorch", "xnnpack", "int4-dynamic", "int4-dynamic.pte", ("executorch",), _xnnpack),
    Kind("executorch", "vulkan", "float32", "vulkan.pte", ("executorch",), _vulkan,
         not_run="ExecuTorch's Python package has no Vulkan backend; it runs in an Android app"),
    Kind("executorch", "coreml", "float32", "coreml.pte", ("executorch", "coremltools"), _core_ml,
         not_run="Core ML is on Apple's systems only"),
]  # fmt: skip
