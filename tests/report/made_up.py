"""A made-up report: figures that no model has, to test the page and not the model."""

from __future__ import annotations

from toolkit.report.facts import (
    Accuracy,
    Arena,
    Budget,
    Buffer,
    Check,
    Confusion,
    Curve,
    Facts,
    Figure,
    Layer,
    Loss,
    Training,
)


def facts(name: str = "model", layer: str = "conv1", classes: int = 10, checks_ok: bool = True) -> Facts:
    """Return facts for every section; ``name`` and ``layer`` may be anything that a stranger's model may say."""
    labels = [f"{layer}{index}" if classes > 10 else str(index) for index in range(classes)]
    counts = [
        [30 if row == column else int(row == column + 1) for column in range(classes)]
        for row in range(classes)
    ]
    layers = [
        Layer(f"{layer}.{i}", "conv2d", "ternary", "8×8×16", 9216 * i, 12_345 * i, 36 * i) for i in range(6)
    ]
    return Facts(
        name=name,
        target="mps2-an386",
        target_description=f"a board for {name}",
        summary=[("Data", name)],
        headline=[Figure("Latency", "2.91 ms", "estimated", name), Figure("Flash", "4,906 B", "counted")],
        accuracy=[Accuracy("Float", 0.98, 360, name), Accuracy("On the device", 0.97, 360, layer)],
        loss=[Loss("Float", 0.0123, 360, name), Loss("On the device", 0.0125, 360, layer)],
        confusion=Confusion(labels, counts, name),
        layers=layers,
        arena=Arena(
            1024,
            1024,
            True,
            [("in", "input"), *((str(i), one.name) for i, one in enumerate(layers)), ("out", "output")],
            [Buffer(name, 0, 512, 0, 2, "activation"), Buffer(layer, 512, 512, 1, 1, "scratch")],
        ),
        budgets=[
            Budget("Flash", [("code", 3000), ("weights", 1906)], 1 << 20),
            Budget("RAM", [("arena", 1024)], None),
        ],
        training=Training(name, 4000, 2000, 6000),
        cost=[Figure("Latency", "2.91 ms", "estimated", f"datasheet of {name}")],
        curves=[Curve(name, [2.0, 1.0, 0.5], [2.1, 1.2, 0.7], [0.5, 0.8, 0.9])],
        checks=[Check("Reference and host C", 80, checks_ok, "" if checks_ok else f"first in {layer}")],
        notes=[f"no energy estimate for {name}"],
        commands=[f"toolkit export {name}.pt2"],
        versions=[("torch", "2.13.0")],
        settings=f'name = "{name}"',
        made="2026-11-20 12:00 UTC",
    )
