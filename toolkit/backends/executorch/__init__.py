"""``.pte`` files: XNNPACK where it takes a layer, ExecuTorch's portable kernels for the rest.

XNNPACK computes int8 layers in integers and rounds their sums in float32, half to even. Weights of linear layers that
fit in 4 bits are stored so (``prepare``); convolutions know int8 only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.backends.formats import Format, Sample, StoredWeight
from toolkit.errors import CHECK_FAILED, ToolkitError, first_line

if TYPE_CHECKING:
    import torch
    from torch import fx
    from torch.export import ExportedProgram

# of q/dq nodes: XNNPACK raises for others instead of leaving them alone
_TYPES_OF_XNNPACK = ("float32", "int8", "int32")


@dataclass(frozen=True)
class WrittenFile:
    """A ``.pte`` file: its weights, and the operators left to ExecuTorch's own kernels, once each."""

    weights: list[StoredWeight]
    portable: list[str]


def write(program: ExportedProgram, path: Path) -> list[StoredWeight]:
    """Write ``program`` as a ``.pte``; see ``toolkit.backends.formats.Format``."""
    return write_file(program, path).weights


def write_file(program: ExportedProgram, path: Path) -> WrittenFile:
    """Write ``program`` as a ``.pte`` for processors; say what is in it."""
    from quantize.quiet import quiet
    from toolkit.backends.executorch.prepare import prepare
    from toolkit.program.spikes import plain

    with quiet():
        ready, packed = prepare(plain(program))
        edge = _lowered(ready)
        _check_operators(edge.exported_program().graph)
        left = _left(edge)  # the next line changes the graph
        try:
            path.write_bytes(edge.to_executorch(_with_first_content(edge)).buffer)
        except (RuntimeError, AssertionError) as error:
            raise _refused(error) from error
    portable, states = edge.exported_program().state_dict, _states(edge)
    weights = {
        tensor.data_ptr(): _stored(_layer(ready, name), tensor, name in packed and name not in portable)
        for name, tensor in ready.state_dict.items()
        if tensor.dim() > 1 and name not in states
    }
    return WrittenFile(list(weights.values()), left)


def write_partitioned(program: ExportedProgram, path: Path, partitioner: Any) -> list[str]:
    """Write a float32 ``program`` for another backend, XNNPACK taking what that refuses; return what neither takes."""
    from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower

    from quantize.quiet import quiet
    from toolkit.backends.executorch.partition import partitioner as xnnpack
    from toolkit.program.spikes import plain

    with quiet():
        try:
            edge = to_edge_transform_and_lower(
                plain(program),
                partitioner=[partitioner, xnnpack()],
                compile_config=EdgeCompileConfig(_check_ir_validity=False),
            )
            left = _left(edge)  # the next line changes the graph
            path.write_bytes(edge.to_executorch(_with_first_content(edge)).buffer)
        except Exception as error:  # whatever its passes meet
            raise _refused(error) from error
    return left


def write_step(program: ExportedProgram, path: Path) -> None:
    """Write a training step, in portable kernels alone: XNNPACK has none that give gradients."""
    from executorch.exir import EdgeCompileConfig, to_edge

    from quantize.quiet import quiet
    from toolkit.backends.executorch.pools import GRADIENTS
    from toolkit.backends.executorch.rounding import PER_CHANNEL

    with quiet():
        program = program.run_decompositions({**GRADIENTS, **PER_CHANNEL})
        try:
            edge = to_edge(program, compile_config=EdgeCompileConfig(_check_ir_validity=False))
        except Exception as error:  # whatever its passes meet
            raise _refused(error) from error
        _check_operators(edge.exported_program().graph)
        path.write_bytes(edge.to_executorch().buffer)


def run(path: Path, samples: list[Sample]) -> list[Sample]:
    """Return what ExecuTorch's Python runtime computes; see ``toolkit.backends.formats.Format``."""
    import torch

    from quantize.quiet import quiet

    with quiet():
        import executorch.kernels.quantized  # noqa: F401 # registers them
        from executorch.runtime import Runtime
    try:
        method = Runtime.get().load_program(path).load_method("forward")
        assert method is not None
        found = [method.execute([torch.from_numpy(array) for array in sample]) for sample in samples]
    except RuntimeError as error:
        raise ToolkitError(
            f"ExecuTorch cannot run the file: {first_line(error)}",
            at=path.name,
            fix="see what it printed; XNNPACK refuses int8 layers whose sums' steps are 256 output steps or more",
            exit_code=CHECK_FAILED,
        ) from error
    return [[output.numpy() for output in outputs] for outputs in found]


def _lowered(program: ExportedProgram) -> Any:
    """Return the ``EdgeProgramManager`` of ``program``, with XNNPACK's parts delegated to it."""
    from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower

    from toolkit.backends.executorch.partition import partitioner

    takes = all(_quantized_type(node) in _TYPES_OF_XNNPACK for node in program.graph.nodes)
    try:
        return to_edge_transform_and_lower(
            program,
            partitioner=[partitioner()] if takes else [],
            compile_config=EdgeCompileConfig(
                _check_ir_validity=False
            ),  # it refuses dtypes that the kernels take
        )
    except Exception as error:  # whatever its passes meet
        raise _refused(error) from error


def _with_first_content(edge: Any) -> Any:
    """Return the settings by which a file holds what its states are before the first run."""
    from executorch.exir import ExecutorchBackendConfig
    from executorch.exir.passes.init_mutable_pass import InitializedMutableBufferPass

    buffers, kept = edge.exported_program().graph_signature.inputs_to_buffers, _states(edge)
    names = [name for name, buffer in buffers.items() if buffer in kept]
    return ExecutorchBackendConfig(passes=[InitializedMutableBufferPass(names)] if names else [])


def _states(edge: Any) -> set[str]:
    """Return the names of the buffers that a run changes."""
    return set(edge.exported_program().graph_signature.buffers_to_mutate.values())


def _quantized_type(node: fx.Node) -> str:
    """Return the type of a q/dq node's integers, float32 for all other nodes."""
    quantizes = str(node.target).startswith("quantized_decomposed.")
    return str(node.args[-1]).removeprefix("torch.") if quantizes else "float32"


def _left(edge: Any) -> list[str]:
    """Return the operators that no backend takes, once each."""
    graph = edge.exported_program().graph
    return sorted({node.target.name() for node in graph.nodes if hasattr(node.target, "to_out_variant")})


def _check_operators(graph: fx.Graph) -> None:
    """Raise for the operators that are left to ExecuTorch's own kernels and that it has none for."""
    import executorch.kernels.quantized  # noqa: F401 # registers them
    from executorch.runtime import Runtime

    from toolkit.program.clean import layer_name

    known = Runtime.get().operator_registry.operator_names
    missing = [
        f"{node.target.name()} in {layer_name(node)}"
        for node in graph.nodes
        if hasattr(node.target, "to_out_variant") and _kernel(node.target) not in known
    ]
    if missing:
        raise ToolkitError(
            "ExecuTorch has no kernels for some operators",
            at="\n      ".join(dict.fromkeys(missing)),
            fix="replace them in the model, or use --format c",
        )


def _kernel(operator: Any) -> str:
    try:
        return str(operator.to_out_variant().name())
    except RuntimeError:  # there is none
        return ""


def _refused(error: Exception) -> ToolkitError:
    return ToolkitError(
        f"ExecuTorch cannot convert the program: {first_line(error)}",
        fix="report this with the model, or use --format c",
    )


def _layer(program: ExportedProgram, name: str) -> str:
    """Return the layer that a constant belongs to; what the quantizer made (of a table) has its reader's name."""
    from toolkit.program.clean import layer_name

    if "." in name:
        return name.rpartition(".")[0]
    names = program.graph_signature.inputs_to_buffers
    (node,) = (node for node in program.graph.nodes if names.get(node.name) == name)
    reader = next(iter(node.users))
    return layer_name(next(iter(reader.users)) if _quantized_type(reader) != "float32" else reader)


def _stored(layer: str, tensor: torch.Tensor, packed: bool) -> StoredWeight:
    stored = "int4" if packed else str(tensor.dtype).removeprefix("torch.")
    return StoredWeight(layer, stored, tensor.numel() // 2 if packed else tensor.nbytes)


FORMAT = Format(
    "executorch", ".pte", "ExecuTorch", ("executorch",), write, run, write_step=write_step, keeps_states=True
)
