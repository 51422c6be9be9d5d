"""Which nodes XNNPACK computes: ExecuTorch's own rules, without the traces that layers leave which it refuses.

ExecuTorch 1.5.1 marks the quantize and dequantize nodes around a layer as part of its integer kernel before it knows
whether XNNPACK takes the layer. Where it does not, the marks stay, and the nodes are skipped where XNNPACK takes them
with a neighbour: what they would have clamped is lost.
"""

from __future__ import annotations

from typing import Any

from executorch.backends.xnnpack.partition.config import ALL_PARTITIONER_CONFIGS
from executorch.backends.xnnpack.partition.config.gemm_configs import GEMMConfig
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.utils.quant_utils import IS_IMPLICIT_Q_DQ_TAG


def partitioner() -> XnnpackPartitioner:
    """Return the partitioner for ``executorch.exir.to_edge_transform_and_lower``."""
    return XnnpackPartitioner(
        configs=[
            _without_traces(config) if issubclass(config, GEMMConfig) else config
            for config in ALL_PARTITIONER_CONFIGS
        ]
    )


def _without_traces(config: type) -> type:
    def get_deps(self: Any, node: Any, program: Any) -> Any:
        before = {other for other in node.graph.nodes if IS_IMPLICIT_Q_DQ_TAG in other.meta}
        taken, nodes = config.get_deps(self, node, program)  # type: ignore[attr-defined]
        if not taken:
            for other in node.graph.nodes:
                if other not in before:
                    other.meta.pop(IS_IMPLICIT_Q_DQ_TAG, None)
        return taken, nodes

    return type(config.__name__, (config,), {"get_deps": get_deps})
