"""The facts of a report that the stages of ``toolkit make`` wrote, training and test set included."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from toolkit import project as projects
from toolkit.project import Project
from toolkit.report.facts import Accuracy, Confusion, Curve, Facts, Figure, Loss
from toolkit.report.of_bundle import of_bundle
from toolkit.stages.stage import read

MOST_CLASSES = 32  # of a confusion matrix that a page has room for


def of_project(project: Project) -> Facts:
    """Return everything that the stages of ``toolkit make`` found out about a project."""
    documents = {name: read(project.build / f"{name}.json") for name in ("train", "quantize", "test")}
    bench, verification = (read(project.build / f"{name}.json") for name in ("bench", "verify"))
    facts = of_bundle(project.build / "bundle", bench, verification)
    test = documents["test"]
    return replace(
        facts,
        summary=[*_training_summary(project, documents["train"]), *facts.summary],
        headline=[_device_headline(test), *facts.headline],
        accuracy=[Accuracy(*score) for score in _scores(documents, "accuracy")],
        loss=[Loss(*score) for score in _scores(documents, "mean_squared_error")],
        confusion=_confusion(test),
        curves=_curves(documents),
        commands=[
            "toolkit make",
            *(line.replace(" bundle", " build/bundle") for line in facts.commands[1:]),
        ],
        settings=_settings(project),
    )


def _training_summary(project: Project, train: dict[str, Any]) -> list[tuple[str, str]]:
    preset = f", {project.model.preset}" if project.model.preset else ""
    samples = f"{train['train_samples']:,} training and {train['test_samples']:,} test samples"
    return [
        ("Data", f"{project.data.dataset}, {samples}"),
        ("Network", f"{project.model.family}{preset}, {train['parameters']:,} parameters"),
        ("Method", project.quantize.method),
    ]


def _device_headline(test: dict[str, Any]) -> Figure:
    if "accuracy" not in test:
        note = f"{test['samples']:,} samples"
        label, text = "Mean squared error", f"{test['mean_squared_error']:.4g}"
    else:
        note = f"{test['right']:,} of {test['labels']:,}"
        label, text = "Accuracy", f"{test['accuracy']:.2%}".replace("%", " %")
    core = (
        f", {test['samples_on_core']:,} of them on the core" if test["samples_on_host"] else " on the device"
    )
    return Figure(label, text, "counted", note + core)


def _scores(documents: dict[str, dict[str, Any]], metric: str) -> list[tuple[str, float, int, str]]:
    """Return label, value, number of samples and where they ran; empty where ``metric`` was not taken."""
    test = documents["test"]
    if metric not in test:
        return []
    scores, samples = documents["quantize"][metric], test.get("labels", test["samples"])
    quantized = documents["quantize"]["test_samples"] * samples // test["samples"]
    program = "the exported program, in PyTorch"
    if quantized < samples:
        program += ", on the first of them"
    on_core = f"{test['target']} under {test['emulator']}"
    where = f"{on_core}, every sample"
    if test["samples_on_host"]:
        where = (
            f"{test['samples_on_core']:,} on {on_core}, {test['samples_on_host']:,} as the same C on the host"
        )
    return [
        ("Float", scores["float"], samples, "PyTorch, before quantization"),
        ("Quantized", scores["quantized"], quantized, program),
        ("On the device", test[metric], samples, where),
    ]


def _confusion(test: dict[str, Any]) -> Confusion | None:
    if "confusion" not in test or len(test["classes"]) > MOST_CLASSES:
        return None
    where = f"{test['samples']:,} test samples on the device"
    if test["samples_on_host"]:
        where = f"{test['samples']:,} test samples, {test['samples_on_core']:,} of them on the emulated core"
    return Confusion(test["classes"], test["confusion"], where)


def _curves(documents: dict[str, dict[str, Any]]) -> list[Curve]:
    runs = [(f"Float model, {documents['train']['rule']}", documents["train"])]
    if documents["quantize"].get("training"):
        method = documents["quantize"]["method"]
        runs.append((f"Training with quantization, {method}", documents["quantize"]["training"]))
    return [
        Curve(
            title,
            [epoch["train_loss"] for epoch in run["epochs"]],
            [epoch["test_loss"] for epoch in run["epochs"]],
            [epoch["test_accuracy"] for epoch in run["epochs"] if epoch["test_accuracy"] is not None],
        )
        for title, run in runs
    ]


def _settings(project: Project) -> str:
    try:
        return (project.root / projects.FILE).read_text(encoding="utf-8")
    except OSError:
        return ""
