"""From a file to a checked protobuf model: sizes first, then what it says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import MISSING, ToolkitError
from toolkit.program.onnx import native
from toolkit.program.onnx.refusal import refuse
from toolkit.program.onnx.wire import check_wire

if TYPE_CHECKING:
    import onnx

MAX_FILE_BYTES = 1 << 28
MAX_NODES = 10_000
OLDEST_OPSET = 13
DOMAINS = {"": "", "ai.onnx": "", "com.microsoft": "com.microsoft"}


def load(path: Path) -> onnx.ModelProto:
    """Return the model in a file: of a known opset, without functions, its graph's form checked. Weights are not read.

    Raises:
        ToolkitError: the file is missing, too large, damaged, or of an opset that cannot be read.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise ToolkitError(
            "reading .onnx files needs the onnx package",
            fix='pip install "edge-toolkit[onnx]"',
            exit_code=MISSING,
        ) from error
    data = _read(path)
    check_wire(data, onnx.ModelProto.DESCRIPTOR)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise refuse("it is no protobuf message") from error
    if not model.HasField("graph") or not (model.graph.node and model.graph.output):
        raise refuse("there is no network in it")
    _check_nodes(model)
    if len(model.functions):
        model = native.inlined(model)
        _check_nodes(model)
    opset = opset_of(model)
    newest = onnx.defs.onnx_opset_version()
    if opset > newest:
        raise ToolkitError(
            f"the file has opset {opset}, but the onnx package here knows opsets up to {newest}",
            fix='pip install --upgrade "edge-toolkit[onnx]", or export the model with an older opset',
        )
    if opset < OLDEST_OPSET:
        model = native.converted(model, OLDEST_OPSET)
        _check_nodes(model)
    return model


def opset_of(model: onnx.ModelProto) -> int:
    """Return the version of ONNX's own operators that the model uses."""
    found = [entry.version for entry in model.opset_import if DOMAINS.get(entry.domain) == ""]
    if len(found) != 1 or not 1 <= found[0] < 2**16:
        raise refuse("it does not say which opset it uses")
    return found[0]


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ToolkitError("this is no file", fix="give the path of a .onnx file")
        if size > MAX_FILE_BYTES:
            raise refuse(
                f"it has {size >> 20} MiB; up to {MAX_FILE_BYTES >> 20} MiB are read", "use a smaller model"
            )
        return path.read_bytes()
    except OSError as error:
        raise ToolkitError(f"the file cannot be read: {error.strerror}", fix="check the path") from error


def _check_nodes(model: onnx.ModelProto) -> None:
    graph = model.graph
    if len(graph.node) > MAX_NODES:
        raise refuse(f"it has {len(graph.node)} nodes; up to {MAX_NODES} are read", "use a smaller model")
    if graph.sparse_initializer:
        raise refuse("it has sparse weights", "store them as ordinary tensors")
