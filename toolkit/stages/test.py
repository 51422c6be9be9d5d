"""Run the test set on the emulated core and count how often the device is right.

A test set larger than ``[device] samples`` runs its first part there and the rest as the same C on the host,
which ``verify`` has proven equal; the label says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.project import Project
from toolkit.stages.stage import Stage, Work
from toolkit.stages.train import deployed, load_dataset

if TYPE_CHECKING:
    import numpy as np


def _settings(project: Project) -> dict[str, Any]:
    return {"samples": project.device.samples, "loss": project.train.loss}


def _run(work: Work) -> list[Path]:
    import numpy as np

    from toolkit.infer import infer
    from toolkit.measure.accuracy import fingerprint

    device = work.project.device
    dataset = deployed(work.project, load_dataset(work.project))
    on_core = min(device.samples, len(dataset.x_test))
    first = infer(work.bundle, [dataset.x_test[:on_core]], timeout_s=device.timeout_s)
    outputs = [first.outputs[0]]
    if on_core < len(dataset.x_test):
        rest = infer(work.bundle, [dataset.x_test[on_core:]], target="host", timeout_s=device.timeout_s)
        outputs.append(rest.outputs[0])
    answers = np.concatenate(outputs)
    report: dict[str, Any] = {
        "target": first.target,
        "emulator": first.emulator,
        "samples": len(answers),
        "samples_on_core": on_core,
        "samples_on_host": len(answers) - on_core,
        "manifest_sha256": fingerprint(work.bundle),
    }
    if work.project.train.loss == "cross-entropy":
        report |= _scores(answers, dataset.y_test, list(dataset.classes))
    else:
        report["mean_squared_error"] = float(((answers - dataset.x_test.reshape(answers.shape)) ** 2).mean())
    return [work.write("test.json", report)]


def _scores(answers: np.ndarray, truth: np.ndarray, classes: list[str]) -> dict[str, Any]:
    import numpy as np

    from toolkit.data.dataset import NOT_ASKED

    answers = answers.reshape(*truth.shape, -1)
    labels = answers.argmax(-1) if answers.shape[-1] > 1 else answers[..., 0].astype(np.int64)
    labels, truth = labels[truth != NOT_ASKED], truth[truth != NOT_ASKED]
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (truth, labels), 1)
    return {
        "accuracy": float((labels == truth).mean()),
        "right": int((labels == truth).sum()),
        "labels": len(truth),  # more than samples where a sample has many
        "classes": classes,
        "confusion": confusion.tolist(),
    }


def _note(work: Work) -> str:
    report = work.read("test.json")
    where = f"{report['samples_on_core']:,} on the core"
    if report["samples_on_host"]:
        where += f", {report['samples_on_host']:,} in host C"
    if "accuracy" not in report:
        return f"mean squared error {report['mean_squared_error']:.5f}, {where}"
    return f"{report['accuracy']:.2%} on the device, {report['right']:,} of {report['labels']:,} ({where})"


STAGE = Stage(
    name="test",
    needs=("export", "build"),
    sources=("device", "infer.py", "measure/accuracy.py", "tensors.py", "stages/test.py"),
    packages=("unicorn", "numpy"),
    settings=_settings,
    run=_run,
    note=_note,
)
