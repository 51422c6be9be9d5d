"""What the onnx package does in C++: its checker, here; its converter and inliner in a process of their own.

The file is a stranger's. The checker stood two million damaged models without a crash, and sees no weights and no
paths. The converter and the inliner recurse and assert on what they are given, so they run where they can do no harm:
limited in time and memory, and a crash there is an error here.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from toolkit.errors import ToolkitError
from toolkit.program.onnx.refusal import refuse

if TYPE_CHECKING:
    import onnx

TIMEOUT_S = 60
MAX_MEMORY_BYTES = 4 << 30
_CHILD = """
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except (ImportError, ValueError, OSError):
    pass  # not there on Windows
import onnx, onnx.inliner, onnx.version_converter
model = onnx.ModelProto()
model.ParseFromString(sys.stdin.buffer.read())
try:
    if sys.argv[1] == "inline":
        model = onnx.inliner.inline_local_functions(model)
    else:
        model = onnx.version_converter.convert_version(model, int(sys.argv[1]))
except Exception as error:
    print((str(error).strip().splitlines() or [type(error).__name__])[0][:300], file=sys.stderr)
    sys.exit(1)
sys.stdout.buffer.write(model.SerializeToString())
"""


def check(model: onnx.ModelProto) -> None:
    """Let the onnx package check everything but the weights.

    Raises:
        ToolkitError: what the checker says.
    """
    import onnx
    from onnx import checker

    skeleton = onnx.ModelProto()
    skeleton.ir_version = model.ir_version
    skeleton.opset_import.extend(model.opset_import)
    graph = skeleton.graph
    graph.name = model.graph.name or "graph"
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    for value in (*graph.input, *graph.output):
        if value.type.HasField("tensor_type"):
            value.type.tensor_type.shape.SetInParent()  # where it is left out: shapes are found out here
    known = {value.name for value in graph.input}
    for tensor in model.graph.initializer:
        if tensor.name not in known:
            graph.input.append(
                onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            )
    try:
        checker.check_model(skeleton)
    except (checker.ValidationError, ValueError, RuntimeError) as error:
        line = (str(error).strip().splitlines() or ["it is not valid"])[0][:300]
        raise refuse(f"the ONNX checker says: {line}") from error


def inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with its own functions in place of their calls."""
    return _in_child(model, "inline", "its functions cannot be inlined")


def converted(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """Return the model in another opset."""
    what = f"it has an opset before {opset}, and cannot be converted"
    return _in_child(model, str(opset), what, f"export it again with opset {opset} or newer")


def _in_child(model: onnx.ModelProto, task: str, what: str, fix: str = "") -> onnx.ModelProto:
    command = [sys.executable, "-I", "-c", _CHILD, task, str(MAX_MEMORY_BYTES)]
    try:
        ran = subprocess.run(command, input=model.SerializeToString(), capture_output=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise ToolkitError(f"{what}: no end after {TIMEOUT_S} s", fix=fix or "simplify the model") from error
    if ran.returncode != 0:
        said = ran.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1][:300] if ran.returncode == 1 and said else "the onnx package failed"
        raise ToolkitError(f"{what}: {reason}", fix=fix or "export it again without functions")
    result = type(model)()
    result.ParseFromString(ran.stdout)
    return result
