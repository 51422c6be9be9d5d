"""What LiteRT's reference kernels compute, in a process of their own: they end it where a file displeases them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np

from toolkit.errors import MISSING, ToolkitError
from toolkit.measure.child import run_in_child

# Operators whose int8 reference kernels in LiteRT 2.3 are no definition, by our names.
UNDEFINED = {
    "sum": "its int8 kernel reads the values as unsigned",
    "div": "its int8 kernel shifts quotients near zero by more than 31 bits, which C leaves undefined",
}
INSTALL = 'pip install "edge-toolkit[litert]"'


def installed() -> bool:
    """True when LiteRT can be imported."""
    try:
        return importlib.util.find_spec("ai_edge_litert.interpreter") is not None
    except ImportError:
        return False


def run_reference(
    model: Path, stored: list[np.ndarray], real: list[np.ndarray], timeout_s: float = 600.0
) -> list[np.ndarray]:
    """Return the outputs of a ``.tflite`` file for samples, computed by LiteRT's reference kernels.

    Args:
        model: the file.
        stored: one array per input, first axis the sample, in the file's layout, as a device takes them.
        real: the same as real numbers, for inputs that are float32 in the file.
        timeout_s: for all samples together.

    Returns:
        One array per output, first axis the sample.

    Raises:
        ToolkitError: LiteRT is not installed, refuses the file or ends without an answer.
    """
    if not installed():
        raise ToolkitError("LiteRT is not installed", fix=INSTALL, exit_code=MISSING)
    fix = "use another --rounding than litert: there is nothing to compare with"
    return run_in_child(__name__, "LiteRT", model, [*stored, *real], fix=fix, timeout_s=timeout_s)


def _main(model: str, given: str, made: str) -> None:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )
    interpreter.allocate_tensors()
    with np.load(given) as arrays:
        given_inputs = [arrays[name] for name in arrays.files]
    details, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    stored, real = given_inputs[: len(details)], given_inputs[len(details) :]
    inputs = [
        r if detail["dtype"] == np.float32 else s for detail, s, r in zip(details, stored, real, strict=True)
    ]
    found: list[list[np.ndarray]] = [[] for _ in outputs]
    for sample in range(len(inputs[0])):
        interpreter.reset_all_variables()  # every inference starts anew, as ours do
        for detail, data in zip(details, inputs, strict=True):
            interpreter.set_tensor(
                detail["index"], data[sample].reshape(detail["shape"]).astype(detail["dtype"])
            )
        interpreter.invoke()
        for kept, detail in zip(found, outputs, strict=True):
            kept.append(interpreter.get_tensor(detail["index"]).copy())
    np.savez(made, *(np.stack(kept) for kept in found))


if __name__ == "__main__":
    _main(*sys.argv[1:])
