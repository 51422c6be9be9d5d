"""Which operators compute on int16 activations (16x8 quantization) exactly as LiteRT's reference kernels."""

from __future__ import annotations

from toolkit.program.tflite.op import Op, Unsupported

# Compared with LiteRT one by one; the others would pass through float32, which rounds otherwise.
EXACT = frozenset(
    [
        "ADD",
        "AVERAGE_POOL_2D",
        "BATCH_MATMUL",
        "CONCATENATION",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "DEQUANTIZE",
        "EXPAND_DIMS",
        "FULLY_CONNECTED",
        "GELU",
        "LOGISTIC",
        "MAX_POOL_2D",
        "MUL",
        "PACK",
        "PAD",
        "QUANTIZE",
        "RELU",
        "RELU6",
        "RESHAPE",
        "RESIZE_NEAREST_NEIGHBOR",
        "SLICE",
        "SPLIT",
        "SPLIT_V",
        "SQUEEZE",
        "STRIDED_SLICE",
        "SUB",
        "TANH",
        "TRANSPOSE",
        "UNIDIRECTIONAL_SEQUENCE_LSTM",  # its cell state alone is int16
        "UNPACK",
    ]
)


def check_int16(op: Op) -> None:
    """Check that an operator on int16 activations is one of those.

    Raises:
        Unsupported: it is not.
    """
    tensors = [tensor for tensor in (*op.inputs, *op.operator.outputs) if tensor is not None]
    if op.operator.kind not in EXACT and any(tensor.dtype == "int16" for tensor in tensors):
        raise Unsupported("int16 activations")
