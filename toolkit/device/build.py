"""Compile a bundle into an image that a device, an emulator or this machine runs."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from toolkit import atomic, paths
from toolkit.backends import prefix as prefixes
from toolkit.device import firmware, fit, seal, targets
from toolkit.device.targets import Target
from toolkit.device.toolchain import Toolchain, find
from toolkit.errors import ToolkitError

OPTIMIZE = ("-O2", "-O3", "-Os", "-O1", "-O0")
_FLAGS = ("-g0", "-Wall", "-Wextra", "-Werror=implicit-function-declaration")
_HARNESS_OPTIMIZE = "-Os"  # it is not what anybody wants fast
_COMPILE_TIMEOUT_S = 600
_DISK_FULL = ("no space left on device", "file too large", "disk quota exceeded")
_PREFIX = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class Image:
    """A built program. ``path`` is an ELF, or this machine's own kind of executable.

    ``input_bytes`` and ``output_bytes`` are those of one sample, all tensors joined. The model's C names begin with
    ``prefix``.
    """

    path: Path
    toolchain: str
    kind: Literal["bare_metal", "hosted"]
    input_bytes: int
    output_bytes: int
    prefix: str = "model"


def build(
    bundle: Path,
    *,
    toolchain: str | None = None,
    optimize: str | None = None,
    trace: bool = False,
    generate: bool = False,
    blocks: bool = False,
    serial: bool = False,
    energy: bool = False,
    runner: bool = False,
    target: str | None = None,
) -> Image:
    """Build ``bundle`` and return the image; nothing is compiled when nothing changed since the last time.

    Args:
        bundle: folder that ``toolkit export`` wrote.
        toolchain: "zig" (default), "gcc", …: a compiler that the target lists.
        optimize: ``-O2``, ``-O3`` or ``-Os`` for the model; ``-Os`` by default when exported for size, else ``-O2``.
            The harness is always ``-Os``.
        trace: also write every layer's output when run; with ``serial``, count every layer's cycles when asked.
        generate: make text when run: the model is a language model; see ``runtime/harness/generate.h``.
        blocks: take as many elements of a sequence a run as the bundle's ``block`` does.
        serial: serve the model over the board's serial line; see ``runtime/harness/main_serial.c``.
        energy: with ``serial``: for MLPerf Tiny's energy mode, at 9,600 baud, windows marked by falling edges only.
        runner: time single runs, too: ``runtime/phones/runner.c``, for targets with a system.
        target: another target than the bundle's own.

    Raises:
        ToolkitError: no bundle (2), no compiler (3), the C does not compile (1), the model does not fit (1).
    """
    if energy and not serial:
        raise ToolkitError("only firmware with a serial line has an energy mode", fix="add --serial")
    bundle = Path(bundle)
    manifest = read_manifest(bundle)
    own = str(manifest["target"])
    chosen = targets.load(target or own)
    optimize = optimize or ("-Os" if manifest.get("optimize") == "size" else OPTIMIZE[0])
    if optimize not in OPTIMIZE:
        raise ToolkitError(f"there is no optimization {optimize!r}", fix=f"use one of: {', '.join(OPTIMIZE)}")
    compiler = find(chosen, toolchain)
    variants = [
        name
        for name, asked in (
            ("trace", trace),
            ("generate", generate),
            ("blocks", blocks),
            ("serial", serial),
            ("energy", energy),
            ("runner", runner),
        )
        if asked
    ]
    folder_name = (
        ("" if chosen.name == own else f"{chosen.name}-") + compiler.name + "".join(f"-{v}" for v in variants)
    )
    folder = bundle / "build" / folder_name
    image = Image(
        folder / _image_name(chosen),
        compiler.name,
        "bare_metal" if chosen.bare_metal else "hosted",
        sum(tensor["bytes"] for tensor in manifest["inputs"])
        * (manifest["block"]["elements"] if blocks else 1),
        sum(tensor["bytes"] for tensor in manifest["outputs"]),
        manifest["prefix"] + ("_block" if blocks else ""),
    )
    model_c = bundle / f"{prefixes.check(manifest.get('prefix', prefixes.DEFAULT))}.c"
    if not model_c.is_file() and "runtimes" in manifest:
        raise ToolkitError(f"{bundle} has no C", fix="export it again with --format c, or without --format")
    if serial:
        harness = firmware.serial_files(chosen, manifest, _text(model_c))
    elif runner:
        harness = {"main.c": (paths.runtime_dir() / "phones" / "runner.c").read_text(encoding="utf-8")}
    else:
        harness = firmware.files(chosen)
        if chosen.name == own:  # the user may have changed the bundle's copies
            harness = {name: _own_copy(bundle / name, text) for name, text in harness.items()}
    if generate:
        harness["generate.h"] = firmware.harness("generate.h")
    defines = [f"-DMODEL_{name.upper()}" for name in variants]
    standard = "gnu99" if chosen.arch == "avr" else "c99"  # __flash is GNU's
    flags = (f"-std={standard}", *_FLAGS, *defines, f"-I{bundle}", f"-I{bundle / 'runtime'}")
    stamp = _stamp(
        model_c, harness, [*compiler.command, *compiler.link_flags, *compiler.libraries, optimize, *flags]
    )
    stamp_file = folder / "stamp.json"
    if image.path.is_file() and _read_stamp(stamp_file) == stamp:
        return image

    with atomic.replacing(folder) as scratch:
        scratch.mkdir()
        for name, text in harness.items():
            (scratch / name).write_text(text, encoding="utf-8", newline="\n")
        sources = {model_c: optimize}
        sources |= {scratch / name: _HARNESS_OPTIMIZE for name in harness if name.endswith(".c")}
        objects = [scratch / f"{source.stem}.o" for source in sources]

        def compile(source: Path, level: str, output: Path) -> None:
            _call(compiler, [level, *flags, "-c", str(source), "-o", str(output)], f"compiling {source.name}")

        with ThreadPoolExecutor() as pool:
            list(pool.map(compile, sources, sources.values(), objects))
        _link(chosen, compiler, objects, scratch, bundle)
        (scratch / "stamp.json").write_text(json.dumps(stamp), encoding="utf-8")
    return image


def read_manifest(bundle: Path) -> dict[str, Any]:
    """Return ``manifest.json`` of a bundle. Raises ``ToolkitError`` when it is missing or of another schema."""
    file = Path(bundle) / "manifest.json"
    again = "make the bundle again with `toolkit export`"
    if not file.is_file():
        raise ToolkitError(
            f"{bundle} is not a bundle: it has no manifest.json", fix="make one with `toolkit export`"
        )
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise ToolkitError(f"not a valid manifest: {error}", at=str(file), fix=again) from error
    if not isinstance(manifest, dict) or manifest.get("schema") != 1:
        raise ToolkitError("not a manifest of schema 1", at=str(file), fix=again)
    if not isinstance(manifest.get("target"), str):
        raise ToolkitError("the manifest names no target", at=str(file), fix=again)
    prefix = manifest.setdefault("prefix", "model")
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise ToolkitError("the manifest's prefix is no C name", at=str(file), fix=again)
    for kind in ("inputs", "outputs"):
        if not _are_tensors(manifest.get(kind)):
            raise ToolkitError(f"the manifest does not describe the {kind}", at=str(file), fix=again)
    return manifest


def _are_tensors(described: Any) -> bool:
    return (
        isinstance(described, list)
        and bool(described)
        and all(isinstance(t, dict) and isinstance(t.get("bytes"), int) and t["bytes"] > 0 for t in described)
    )


def _image_name(target: Target) -> str:
    return "firmware.exe" if target.arch == "host" and sys.platform == "win32" else "firmware.elf"


def _text(source: Path) -> str:
    try:
        return source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ToolkitError(f"cannot read {source}: {error}", fix="export the bundle again") from error


def _own_copy(file: Path, text: str) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else text


def _stamp(model_c: Path, harness: Mapping[str, str], command: list[str]) -> dict[str, Any]:
    bundle = model_c.parent
    headers = sorted({bundle / "model.h", model_c.with_suffix(".h"), *(bundle / "runtime").rglob("*.h")})
    sources = [model_c, *headers]
    hashes = {}
    for source in sources:
        try:
            hashes[source.relative_to(bundle).as_posix()] = hashlib.sha256(source.read_bytes()).hexdigest()
        except OSError as error:
            raise ToolkitError(
                f"cannot read {source}: {error.strerror}", fix="export the bundle again"
            ) from error
    for name, text in harness.items():
        hashes[name] = hashlib.sha256(text.encode()).hexdigest()
    return {"command": command, "sources": hashes}


def _read_stamp(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _link(target: Target, compiler: Toolchain, objects: list[Path], scratch: Path, bundle: Path) -> None:
    arguments = [
        *map(str, objects),
        *compiler.link_flags,
        *compiler.libraries,
        "-o",
        str(scratch / _image_name(target)),
    ]
    if not target.bare_metal:
        _call(compiler, arguments, "linking")
        return
    script = scratch / "link.ld"
    result = _run(compiler, [*arguments, "-T", str(script)], "linking")
    if result.returncode == 0:
        if target.boot:
            seal.seal(scratch / _image_name(target), target.boot)
        return
    if fit.overflowed(result.stderr):
        # Link once more into endless memory, to learn how much it takes.
        wide, probe = scratch / "wide.ld", scratch / "wide.elf"
        wide.write_text(fit.widened(script.read_text(encoding="utf-8")), encoding="utf-8")
        arguments[-1] = str(probe)
        if _run(compiler, [*arguments, "-T", str(wide)], "linking").returncode == 0:
            raise fit.refusal(target, fit.sizes(probe), bundle)
    raise _failure("linking", result.stderr)


def _call(compiler: Toolchain, arguments: list[str], doing: str) -> None:
    result = _run(compiler, arguments, doing)
    if result.returncode:
        raise _failure(doing, result.stderr)


def _failure(doing: str, text: str) -> ToolkitError:
    if any(words in text.lower() for words in _DISK_FULL):
        return ToolkitError(
            f"cannot write while {doing}: {text.strip().splitlines()[0][:500]}",
            fix="free some space; the caches of compilers lie in your home folder",
        )
    return ToolkitError(
        f"{doing} failed; the compiler says:\n{text.strip()[:4000]}",
        fix="if you did not change the bundle's C, this is a bug of the toolkit: please report it",
        exit_code=1,
    )


def _run(compiler: Toolchain, arguments: list[str], doing: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [*compiler.command, *arguments],
            env=compiler.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_COMPILE_TIMEOUT_S,
            restore_signals=False,  # as Python, it ignores SIGXFSZ: a file too large is an error it can tell
        )
    except subprocess.TimeoutExpired as error:
        raise ToolkitError(f"{doing} took longer than {_COMPILE_TIMEOUT_S} s", exit_code=1) from error
    except OSError as error:
        raise ToolkitError(f"cannot start {compiler.command[0]}: {error.strerror}", exit_code=3) from error
