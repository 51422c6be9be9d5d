"""The facts of a report that are known of a bundle alone."""

from __future__ import annotations

import platform
from bisect import bisect_right
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import toolkit
from toolkit import manifest as manifests
from toolkit.device import targets
from toolkit.device.targets import Target
from toolkit.measure.accuracy import noted
from toolkit.report import words
from toolkit.report.facts import (
    Accuracy,
    Arena,
    Budget,
    Buffer,
    Check,
    Facts,
    Figure,
    Layer,
    Loss,
    Training,
)

_PACKAGES = ("torch", "torchao", "numpy", "ziglang", "unicorn")


def of_bundle(bundle: Path, bench: dict[str, Any], verification: dict[str, Any]) -> Facts:
    """Return what is known of a bundle, without the training behind it.

    Args:
        bundle: its folder.
        bench: ``BenchResult.to_json()``.
        verification: ``VerifyResult.to_json()``.
    """
    manifest = manifests.read(bundle, "source", "layers", "sizes", "memory_plan", "info")
    target = targets.load(manifest["target"])
    figures, learnt = words.cost(bench), training(manifest)
    return Facts(
        name=str(manifest["name"]),
        target=target.name,
        target_description=target.description,
        summary=_summary(manifest, bench),
        headline=_headline(figures, words.memory(bench), "training step" if learnt else "inference"),
        accuracy=[Accuracy(*score) for score in _noted(manifest, "accuracy")],
        loss=[Loss(*score) for score in _noted(manifest, "mean_squared_error")],
        layers=_layers(manifest, bench),
        arena=_arena(manifest),
        budgets=_budgets(bench, target),
        training=learnt,
        cost=figures,
        notes=list(bench["notes"]),
        checks=_checks(verification),
        commands=[
            f"toolkit export {manifest['source']['file']} --target {target.name} -o {bundle.name}",
            f"toolkit verify {bundle.name}",
            f"toolkit bench {bundle.name}",
        ],
        versions=_versions(),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _summary(manifest: dict[str, Any], bench: dict[str, Any]) -> list[tuple[str, str]]:
    kinds = sorted(
        {str(layer.get("weight_type")) for layer in manifest["layers"] if layer.get("weight_type")}
    )
    return [
        ("Weights", f"{' and '.join(kinds) or 'none'}, {manifest['sizes']['weight_bytes']:,} B"),
        ("Kernels", str(manifest["kernels"])),
        ("Compiler", bench["toolchain"]),
    ]


def _headline(figures: list[Figure], memory: list[Figure], run: str) -> list[Figure]:
    """The figures of one ``run`` that stand in large type, with short notes; the tables below have the sources."""
    by_label = {figure.label: figure for figure in (*figures, *memory)}
    order = {
        "Instructions": f"per {run}",
        "Latency": f"per {run}",
        "Energy": f"per {run}",
        "Flash": "code and weights",
        "RAM": "arena, statics, stack",
    }
    return [replace(by_label[label], source=note) for label, note in order.items() if label in by_label]


def _noted(manifest: dict[str, Any], metric: str) -> list[tuple[str, float, int, str]]:
    return [
        (form.capitalize(), value, samples, "as noted in the program")
        for form, value, samples in noted(manifest.get("info"), metric)
    ]


def _layers(manifest: dict[str, Any], bench: dict[str, Any]) -> list[Layer]:
    costs = {layer["index"]: layer for layer in bench["layers"]}
    return [
        Layer(
            name=layer["name"],
            op=layer["op"],
            weight_type=layer.get("weight_type") or "",
            shape="×".join(str(size) for size in layer["output"]["device_shape"][1:]),
            macs=layer["macs"],
            instructions=costs[layer["index"]]["instructions"],
            weight_bytes=layer["weight_bytes"],
        )
        for layer in manifest["layers"]
    ]


def _arena(manifest: dict[str, Any]) -> Arena:
    """The plan counts every step, also those that only rename memory; the picture has one column per layer."""
    plan, layers = manifest["memory_plan"], manifest["layers"]
    begins = [layer["step"] for layer in layers]
    end = max((buffer["last"] for buffer in plan["buffers"]), default=0)

    def column(time: int) -> int:
        return len(begins) + 1 if time == end else bisect_right(begins, time)

    return Arena(
        arena_bytes=plan["arena_bytes"],
        lower_bound_bytes=plan["lower_bound_bytes"],
        optimal=plan["optimal"],
        columns=[
            ("in", "the caller writes the input"),
            *((str(layer["index"]), layer["name"]) for layer in layers),
            ("out", "the caller reads the output"),
        ],
        buffers=[
            Buffer(
                name=buffer["name"],
                offset=buffer["offset"],
                bytes=buffer["bytes"],
                first=column(buffer["first"]),
                last=column(buffer["last"]),
                kind=buffer["kind"],
            )
            for buffer in plan["buffers"]
        ],
    )


def training(manifest: dict[str, Any]) -> Training | None:
    """Return what a training step takes, by its memory plan; None for a model that does not learn.

    Args:
        manifest: read with ``layers``, ``memory_plan`` and ``info``.
    """
    if manifest.get("learns") is not True:
        return None
    buffers = manifest["memory_plan"]["buffers"]
    passing = [buffer for buffer in buffers if buffer["kind"] != "state"]

    def most(answers: bool) -> int:
        """The most bytes alive at one of a half's steps."""
        steps = [layer["step"] for layer in manifest["layers"] if layer.get("answers", True) is answers]
        alive = (sum(b["bytes"] for b in passing if b["first"] <= step <= b["last"]) for step in steps)
        return max(alive, default=0)

    noted = (manifest.get("info") or {}).get("training")
    words = ("rule", "method", "optimizer", "only", "weights")
    told = [str(noted[word]) for word in words if noted.get(word)] if isinstance(noted, dict) else []
    states = sum(buffer["bytes"] for buffer in buffers if buffer["kind"] == "state")
    return Training(", ".join(told), states, most(answers=True), most(answers=False))


def _budgets(bench: dict[str, Any], target: Target) -> list[Budget]:
    used = bench["memory"]
    if not used:
        return []
    stack = used["stack_used_bytes"]
    name, size = (
        ("stack, reserved", used["stack_reserved_bytes"]) if stack is None else ("stack, most used", stack)
    )
    return [
        Budget(
            "Flash",
            [("code", used["code_bytes"]), ("weights, biases, scales", used["weight_bytes"])],
            target.flash.bytes if target.flash else None,
        ),
        Budget(
            "RAM",
            [("arena", used["arena_bytes"]), ("other static", used["other_static_bytes"]), (name, size)],
            target.ram.bytes if target.ram else None,
        ),
    ]


def _checks(verification: dict[str, Any]) -> list[Check]:
    first = verification["first_difference"]
    checks = []
    for entry in verification["comparisons"]:
        difference = ""
        if entry["differing"]:
            difference = (
                f"{entry['differing']:,} of {entry['values']:,} values, by up to {entry['largest']:g}"
            )
            if first and first["device"] in entry["device"] and first["layer"]:
                difference += f"; first in {first['layer']}"
        label = f"Reference and {entry['device']}"
        checks.append(Check(label, entry["samples"], not entry["differing"], difference))
    return checks


def _versions() -> list[tuple[str, str]]:
    found = [("edge-toolkit", toolkit.__version__), ("Python", platform.python_version())]
    for package in _PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return [*found, ("Machine", f"{platform.system()} {platform.machine()}")]
