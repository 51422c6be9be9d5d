"""The outermost layer of a ``.pt2`` file: a zip archive of uncompressed entries below one folder."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

from toolkit.errors import ToolkitError
from toolkit.program.pt2_errors import SAVE, refuse

MAX_BYTES = 1 << 30  # of the whole file; entries are stored, so nothing unpacks to more
MAX_ENTRIES = 20_000

_ENTRY_NAME = re.compile(r"[^\\/\x00-\x1f\x7f-\x9f]+(/[^\\/\x00-\x1f\x7f-\x9f]+)+")
_DIRECTORY_ENTRY = b"PK\x01\x02"
_TORCH_SAVE_MARK = re.compile(rb"\x80[\x02-\x05]")  # how a pickle begins


def read_file(path: Path) -> dict[str, bytes]:
    """Return the entries of the archive ``path`` by name, without the leading folder.

    Raises:
        ToolkitError: no such file, not a zip archive, damaged, or not laid out as torch does it.
    """
    try:
        if not path.exists():
            raise ToolkitError("there is no such file", fix="check the path, or make one: " + SAVE)
        if not path.is_file():
            raise refuse("it is not a file", "give the path of the .pt2 file itself")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ToolkitError(
            f"cannot read it: {error.strerror or error}", fix="check the file's permissions"
        ) from error
    return read_bytes(data)


def read_bytes(data: bytes) -> dict[str, bytes]:
    """Return the entries of the archive ``data`` by name, without the leading folder; see `read_file`."""
    if not data:
        raise refuse("the file is empty")
    if len(data) > MAX_BYTES:
        raise refuse(
            f"it is larger than {MAX_BYTES >> 20} MiB", "reduce the model; no device takes one so large"
        )
    if not zipfile.is_zipfile(io.BytesIO(data)):
        if _TORCH_SAVE_MARK.match(data):
            raise refuse("it is a pickle, which could run code when opened")
        kind = "it is cut off" if data.startswith(b"PK") else "it is no zip archive"
        raise refuse(kind, "copy or download it again, or " + SAVE)
    # the directory is parsed in one go: count its entries before
    if data.count(_DIRECTORY_ENTRY) > MAX_ENTRIES:
        raise refuse(f"it has more than {MAX_ENTRIES} entries")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            _check_entries(infos, len(data))
            return {info.filename.split("/", 1)[1]: archive.read(info) for info in infos}
    except ToolkitError:
        raise
    # what zipfile raises on damage is not documented: struct.error, EOFError, UnicodeDecodeError,
    # NotImplementedError …
    except Exception as error:
        raise refuse(f"it is damaged ({error})", "copy or download it again, or " + SAVE) from error


def _check_entries(infos: list[zipfile.ZipInfo], size: int) -> None:
    # a zip archive may begin anywhere in a file, and an entry of a program cut off may be an archive itself
    if infos and min(info.header_offset for info in infos) != 0:
        raise refuse("it is cut off", "copy or download it again, or " + SAVE)
    names = [info.filename for info in infos]
    if any(name.endswith("/data.pkl") for name in names) and not any("/models/" in name for name in names):
        raise refuse("torch.save wrote it, as a pickle that could run code when opened, or TorchScript did")
    if "serialized_exported_program.json" in names:
        raise refuse(
            "an old torch wrote it (2.7 or before)", "load it there and save it with torch 2.13 or later"
        )
    if len(set(names)) != len(names):
        raise refuse("two of its entries have the same name")
    for info in infos:
        name = info.filename
        if not _ENTRY_NAME.fullmatch(name) or any(part in (".", "..") for part in name.split("/")):
            raise refuse(f"the entry {name[:80]!r} has a strange name")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise refuse(f"the entry {name} is compressed; torch never does that")
    if sum(info.file_size for info in infos) > size:
        raise refuse("its entries overlap")
    if len({name.split("/", 1)[0] for name in names}) != 1:
        raise refuse("its entries lie in several folders, or there are none")


def write(entries: Mapping[str, bytes]) -> bytes:
    """Return an archive of ``entries`` as torch reads it; the same entries always give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(f"archive/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # the writer's system must not show
            archive.writestr(info, entries[name])
    return buffer.getvalue()
