"""Count what an ONNX file would become in memory, before protobuf builds it.

Two bytes of a file can ask for a message of a hundred bytes, so a file within the size limit may still ask for more
memory than there is. This walks the bytes as protobuf will, following the messages' own descriptions, and builds
nothing.
"""

from __future__ import annotations

from typing import Any

from toolkit.program.onnx.refusal import refuse

MAX_FIELDS = 500_000  # of all messages together; a network of a thousand layers has about 30,000
MAX_DEPTH = 32
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def check_wire(data: bytes, description: Any) -> None:
    """Refuse bytes that are not a protobuf message, or are one of too many or too deeply nested parts.

    Args:
        data: the bytes of a message.
        description: its protobuf descriptor, ``onnx.ModelProto.DESCRIPTOR``.

    Raises:
        ToolkitError: see above.
    """
    fields = 0
    parents: list[tuple[int, int, Any]] = []  # where to go on, and up to where, behind the message being read
    at, end, message = 0, len(data), description
    while True:
        while at == end and parents:
            at, end, message = parents.pop()
        if at == end:
            return
        fields += 1
        if fields > MAX_FIELDS:
            raise refuse(f"it has more than {MAX_FIELDS:,} parts")
        tag, at = _varint(data, at, end)
        kind = tag & 7
        if kind == _VARINT:
            _, at = _varint(data, at, end)
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        elif kind == _LENGTH:
            size, at = _varint(data, at, end)
            field = message.fields_by_number.get(tag >> 3)
            if field is not None and field.message_type is not None and at + size <= end:
                if len(parents) >= MAX_DEPTH:
                    raise refuse(f"its messages are nested more than {MAX_DEPTH} deep")
                parents.append((at + size, end, message))
                end, message = at + size, field.message_type
            else:
                if field is not None and field.type == field.TYPE_STRING:
                    _check_text(data[at : at + size])
                at += size
        else:
            raise refuse("it is no protobuf message")
        if at > end:
            raise refuse("it ends too early")


def _check_text(data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise refuse("a name in it is no text") from error


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise refuse("it ends too early, or is no protobuf message")
