#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run this folder's model on this machine, by whatever runtime is installed. Stand-alone: Python 3.8 and numpy.

Without --input the golden samples run, and outputs are compared with those that the export expects: exit code 1 where
they differ by more than manifest.json allows. Exit code 3: nothing that could run a file is installed.
"""

import argparse
import ctypes
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
WARM_UP = 3


class Missing(Exception):
    """A runtime that is not here; its text is the command that brings it."""


class ExecuTorch:
    """A .pte file; what it keeps from run to run starts anew when it is loaded."""

    def __init__(self, file, entry, threads):
        try:
            import executorch.kernels.quantized  # noqa: F401  registers its kernels
            import torch
            from executorch.runtime import Runtime
        except ImportError as error:
            raise Missing("pip install executorch") from error
        backend = {"xnnpack": "XnnpackBackend", "vulkan": "VulkanBackend", "coreml": "CoreMLBackend"}[
            entry["backend"]
        ]
        runtime = Runtime.get()
        if backend not in runtime.backend_registry.registered_backend_names:
            raise Missing("an ExecuTorch with " + backend)
        self.torch, self.method = torch, runtime.load_program(file).load_method("forward")

    def __call__(self, arrays):
        return [
            output.numpy().copy()
            for output in self.method.execute([self.torch.from_numpy(a) for a in arrays])
        ]


class LiteRT:
    """A .tflite file, by ai-edge-litert or the older tflite-runtime, with the kernels that applications get."""

    def __init__(self, file, entry, threads):
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            try:
                from tflite_runtime.interpreter import Interpreter
            except ImportError as error:
                raise Missing("pip install ai-edge-litert, or tflite-runtime") from error
        self.interpreter = Interpreter(model_path=str(file), num_threads=threads)
        self.interpreter.allocate_tensors()
        self.inputs, self.outputs = (
            self.interpreter.get_input_details(),
            self.interpreter.get_output_details(),
        )

    def __call__(self, arrays):
        self.interpreter.reset_all_variables()
        for detail, array in zip(self.inputs, arrays):
            self.interpreter.set_tensor(detail["index"], array.reshape(detail["shape"]))
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(detail["index"]).copy() for detail in self.outputs]


class OnnxRuntime:
    """An .onnx file, on the GPU where this ONNX Runtime has CUDA."""

    def __init__(self, file, entry, threads):
        try:
            import onnxruntime
        except ImportError as error:
            raise Missing("pip install onnxruntime") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 3
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        here = [name for name in wanted if name in onnxruntime.get_available_providers()]
        self.session = onnxruntime.InferenceSession(str(file), options, providers=here)
        self.names = [value.name for value in self.session.get_inputs()]

    def __call__(self, arrays):
        return self.session.run(None, dict(zip(self.names, arrays)))


class CLibrary:
    """The generated C, through ctypes; compiled here where no library of it lies beside it."""

    def __init__(self, file, entry, threads):
        library = ctypes.CDLL(str(_library(entry["prefix"])))
        prefix = entry["prefix"]
        self.run = getattr(library, prefix + "_run")
        self.inputs = [
            _pointer(library, prefix, "input", i, entry["inputs"]) for i in range(len(entry["inputs"]))
        ]
        self.outputs = [
            _pointer(library, prefix, "output", i, entry["outputs"]) for i in range(len(entry["outputs"]))
        ]
        self.described = entry["outputs"]
        if entry.get("states"):
            getattr(library, prefix + "_reset")()

    def __call__(self, arrays):
        for pointer, array in zip(self.inputs, arrays):
            ctypes.memmove(pointer(), array.ctypes.data, array.nbytes)
        self.run()
        found = []
        for pointer, tensor in zip(self.outputs, self.described):
            array = np.empty(tensor["device_shape"], tensor["dtype"])
            ctypes.memmove(array.ctypes.data, pointer(), array.nbytes)
            found.append(array)
        return found


RUNTIMES = {"executorch": ExecuTorch, "litert": LiteRT, "onnx": OnnxRuntime, "c": CLibrary}


def _pointer(library, prefix, kind, index, tensors):
    name = prefix + "_" + kind + ("_" + str(index) if len(tensors) > 1 else "")
    function = getattr(library, name)
    function.restype = ctypes.c_void_p
    return function


def _library(prefix):
    library = HERE / ("lib" + prefix + (".dylib" if sys.platform == "darwin" else ".so"))
    source = HERE / (prefix + ".c")
    if library.is_file() and (not source.is_file() or library.stat().st_mtime >= source.stat().st_mtime):
        return library
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise Missing("a C compiler: apt-get install gcc")
    flags = [
        "-std=gnu99",
        "-O2",
        "-shared",
        "-fPIC",
        "-ffp-contract=off",
        f"-I{HERE}",
        f"-I{HERE / 'runtime'}",
    ]
    new = library.with_name(f"{library.name}.{os.getpid()}")
    subprocess.run([compiler, *flags, str(source), "-o", str(new)], check=True, timeout=600)
    new.replace(library)
    return library


def to_file(tensor, array):
    """Samples in the model's own layout, real numbers or its integers, as a file or the C takes them."""
    if array.shape == tuple(tensor["shape"][1:]):
        array = array[None]
    if array.shape[1:] != tuple(tensor["shape"][1:]):
        wanted = "(n, " + ", ".join(map(str, tensor["shape"][1:])) + ")"
        raise SystemExit(
            "error: %s takes samples of shape %s, not %s" % (tensor["name"], wanted, array.shape)
        )
    if tensor["permute"] is not None:
        array = array.transpose(tensor["permute"])
    if tensor["scale"] is not None and array.dtype.kind == "f":
        limits = np.iinfo(tensor["dtype"])
        scaled = np.rint(array.astype(np.float32) * np.float32(1.0 / tensor["scale"])) + tensor["zero_point"]
        array = np.clip(scaled, limits.min, limits.max)
    return np.ascontiguousarray(array.astype(tensor["dtype"]))


def to_user(tensor, array):
    """Outputs of a file as real numbers in the model's own layout."""
    array = array.reshape([len(array), *tensor["device_shape"][1:]])
    if tensor["permute"] is not None:
        array = array.transpose(np.argsort(tensor["permute"]))
    if tensor["scale"] is not None and array.dtype.kind != "f":
        array = (array.astype(np.float32) - tensor["zero_point"]) * np.float32(tensor["scale"])
    return np.ascontiguousarray(array)


def run(entry, inputs, threads, repeat):
    """Return the outputs of one file, one array per output, and microseconds of `repeat` single runs."""
    file = HERE / entry["file"]
    if not file.is_file():
        raise Missing(entry["file"] + " in this folder")
    model = RUNTIMES[entry["runtime"]](file, entry, threads)
    ready = [to_file(tensor, array) for tensor, array in zip(entry["inputs"], inputs)]
    samples = [[array[i : i + 1] for array in ready] for i in range(len(ready[0]))]
    found = [model(sample) for sample in samples]
    outputs = [
        to_user(tensor, np.concatenate([np.asarray(f[i]).reshape(tensor["device_shape"]) for f in found]))
        for i, tensor in enumerate(entry["outputs"])
    ]
    times = []
    for i in range(WARM_UP + repeat if repeat else 0):
        sample = samples[i % len(samples)]
        start = time.perf_counter()
        model(sample)
        times.append((time.perf_counter() - start) * 1e6)
    return outputs, times[WARM_UP:]


def latency(times):
    """What a person wants to know of repeated runs; the spread is half the distance between the quartiles."""
    quartiles = statistics.quantiles(times, n=4) if len(times) > 1 else times * 3
    return {
        "how": "measured",
        "runs": len(times),
        "median_us": statistics.median(times),
        "spread_us": (quartiles[2] - quartiles[0]) / 2,
        "fastest_us": min(times),
        "slowest_us": max(times),
    }


def compare(entry, outputs):
    """Hold outputs against the reference's of the same numbers."""
    largest = differing = values = 0
    for file, unit, got in zip(entry["golden"], entry["units"], outputs):
        want = np.load(str(HERE / file), allow_pickle=False)
        distance = np.abs(got.astype(np.float64) - want) / unit
        distance[~np.isfinite(distance)] = np.inf
        largest = max(largest, float(distance.max(initial=0)))
        differing += int((distance > entry["equal_within"]).sum())
        values += want.size
    return {
        "values": values,
        "differing": differing,
        "largest": largest,
        "unit": entry["unit"],
        "bound": entry["bound"],
        "ok": bool(largest <= entry["bound"]),
    }


def arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--runtime", choices=sorted(RUNTIMES), help="by which one; by default the first that is here"
    )
    parser.add_argument(
        "--numbers", help="which file of it: int8, float32, int16, int4-dynamic; int8 by default"
    )
    parser.add_argument("--file", action="append", help="exactly this file: models/int8.pte; again for more")
    parser.add_argument("--all", action="store_true", help="every file for which something is installed")
    parser.add_argument(
        "--input", action="append", help="samples, .npy, first axis the sample; once per input"
    )
    parser.add_argument(
        "--output", help="where outputs go: .npy of one output, .npz of several or of several files"
    )
    parser.add_argument(
        "--time", type=int, nargs="?", const=100, default=0, metavar="N", help="also time N runs (100)"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args()


def chosen(manifest, options):
    """Return the files to try, the preferred one first."""
    entries = [entry for entry in manifest["runtimes"]["files"] if entry["runtime"] in RUNTIMES]
    if options.file:
        known = {entry["file"]: entry for entry in entries}
        unknown = [file for file in options.file if file not in known]
        if unknown:
            raise SystemExit(f"error: no file {unknown[0]}; there are: {', '.join(known)}")
        return [known[file] for file in options.file]
    entries = [
        entry
        for entry in entries
        if options.runtime in (None, entry["runtime"]) and options.numbers in (None, entry["numbers"])
    ]
    if not entries:
        raise SystemExit("error: this folder has no such file; manifest.json lists them under runtimes")
    return (
        entries
        if options.all
        else sorted(entries, key=lambda entry: entry["numbers"] != manifest["runtimes"]["default"])
    )


def main():
    """Run what was asked for, print what came out."""
    options = arguments()
    manifest = json.loads((HERE / "manifest.json").read_text(encoding="utf-8"))
    golden = not options.input
    files = options.input or [str(HERE / file) for file in manifest["runtimes"]["golden_inputs"]]
    inputs = [np.load(file, allow_pickle=False) for file in files]
    results, missing, saved = [], [], {}
    for entry in chosen(manifest, options):
        if len(inputs) != len(entry["inputs"]):
            raise SystemExit(
                "error: the model has %d inputs: give --input once for each" % len(entry["inputs"])
            )
        try:
            outputs, times = run(entry, inputs, options.threads, options.time)
        except Missing as what:
            missing.append({"file": entry["file"], "needs": str(what)})
            if options.file:
                break
            continue
        result = {"file": entry["file"], "runtime": entry["runtime"], "numbers": entry["numbers"]}
        if golden and entry.get("bound") is not None:
            result["check"] = compare(entry, outputs)
        if times:
            result["latency"] = latency(times)
        results.append(result)
        saved[entry["file"]] = outputs
        if not (options.all or options.file):
            break
    if options.output:
        save(options.output, saved)
    report(results, missing, options.json)
    if not results or (options.file and missing):
        return 3
    return 0 if all(result.get("check", {"ok": True})["ok"] for result in results) else 1


def save(path, saved):
    """Write outputs: one array as .npy, else all as .npz called FILE:INDEX."""
    arrays = {f"{file}:{i}": array for file, outputs in saved.items() for i, array in enumerate(outputs)}
    if path.endswith(".npy"):
        if len(arrays) != 1:
            raise SystemExit(
                "error: %d outputs do not go into one .npy; give --output NAME.npz" % len(arrays)
            )
        np.save(path, next(iter(arrays.values())))
    else:
        np.savez(path, **arrays)


def verdict(check):
    """Say how outputs compare with the expected ones."""
    text = "%s, %d of %d values equal" % (
        "ok" if check["ok"] else "DIFFERS",
        check["values"] - check["differing"],
        check["values"],
    )
    if check["differing"]:
        unit = " " + check["unit"] if check["unit"] else ""
        text += ", the largest difference %.2g%s of %.2g allowed" % (check["largest"], unit, check["bound"])
    return text


def report(results, missing, as_json):
    """Print results for a person, or as one JSON document."""
    if as_json:
        machine = {
            "machine": platform.machine(),
            "system": platform.system(),
            "python": platform.python_version(),
        }
        print(json.dumps({"schema": 1, "host": machine, "results": results, "missing": missing}))
        return
    for result in results:
        text = f"{result['file']} ({result['runtime']})"
        if "check" in result:
            text += ": " + verdict(result["check"])
        if "latency" in result:
            found = result["latency"]
            text += (
                f"; {found['median_us']:.1f} us +- {found['spread_us']:.1f} ({found['runs']} runs, measured)"
            )
        print(text)
    for each in missing if not results else ():
        print(f"{each['file']} needs: {each['needs']}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
