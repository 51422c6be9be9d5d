"""``.tflite`` files for Arm's Ethos-U NPUs: LiteRT's, compiled by Vela; the rest stays on the Cortex-M."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import CHECK_FAILED, ToolkitError
from toolkit.runtimes.kind import Kind, Made

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_TIMEOUT_S = 300
_NPU = b"ethos-u"


def _write(program: ExportedProgram, path: Path, backend: str) -> Made:
    from toolkit.backends.litert.run import layout
    from toolkit.backends.litert.write import write

    with tempfile.TemporaryDirectory(prefix="toolkit-vela-") as name:
        source = Path(name) / "model.tflite"
        write(program, source)
        described = layout(source)
        command = [sys.executable, "-m", "ethosu.vela", str(source), "--output-dir", name]
        try:
            done = subprocess.run(
                [*command, "--accelerator-config", backend],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise ToolkitError(
                f"Vela did not end within {_TIMEOUT_S} s", at=path.name, exit_code=CHECK_FAILED
            ) from error
        compiled = Path(name) / "model_vela.tflite"
        if done.returncode or not compiled.is_file():
            said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1][:300]
            raise ToolkitError(f"Vela cannot compile the model: {said}", at=backend, exit_code=CHECK_FAILED)
        path.write_bytes(compiled.read_bytes())
    return Made(None, on_the_processor(path), (described["inputs"], described["outputs"]))


def on_the_processor(path: Path) -> list[str]:
    """Return the operators of a compiled file that the NPU does not compute, once each."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    codes = [model.operatorCodes[each.opcodeIndex] for each in model.subgraphs[0].operators]
    return sorted({names.get(code.builtinCode, "?") for code in codes if code.customCode != _NPU})


KINDS = [
    Kind("ethos-u", "", "int8", "int8-{backend}.tflite", ("ethosu.vela", "ai_edge_litert.interpreter"), _write,
         not_run="nothing here emulates an Ethos-U"),
]  # fmt: skip
