"""Fill ``<!-- generated: NAME -->`` in the pages from the code and the targets' files, so that they never go stale."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

_RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results"
_MARK = re.compile(r"^<!-- generated: ([\w-]+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this for every page."""
    return _MARK.sub(lambda mark: GENERATED[mark[1]](), markdown)


def table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table."""
    headings = list(headings)
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def targets_table() -> str:
    """Return one row per target."""
    from toolkit.cli._words import in_bytes, in_hertz
    from toolkit.device import targets

    rows = []
    for target in map(targets.load, targets.names()):
        flash, ram = (in_bytes(region.bytes) if region else "–" for region in (target.flash, target.ram))
        family = "" if target.family == target.name else f"`{target.family}`"
        emulators = ", ".join(target.emulators)
        rows.append((f"[`{target.name}`](#{target.name})", family, target.kernels, flash, ram,
                     in_hertz(target.clock_hz), emulators))  # fmt: skip
    return table(("target", "family", "kernels", "flash", "RAM", "clock", "emulators"), rows)


def targets_details() -> str:
    """Return one section per target with what its figures rest on."""
    from toolkit.device import targets

    parts = []
    for target in map(targets.load, targets.names()):
        lines = [f"### {target.name}", "", f"{target.description}.", ""]
        for label, region in (("flash", target.flash), ("RAM", target.ram)):
            if region:
                lines.append(f"- {label}: {region.bytes:,} bytes from `{region.origin:#010x}`")
        if target.bare_metal:
            lines.append(f"- stack: {target.stack_bytes:,} bytes")
        compilers = ", ".join(f"`{name}`" for name in target.compilers)
        lines.append(f"- compilers: {compilers or 'none here, only as a project'}")
        source = target.cycles.source if target.cycles else "none, no published timings"
        lines.append(f"- cycle estimates: {source}")
        energy = target.energy
        if energy:
            lines.append(
                f"- energy estimates: {energy.active_ma:g} mA at {energy.voltage:g} V, {energy.source}"
            )
        else:
            lines.append("- energy estimates: none, no published current")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def projects_sections() -> str:
    """Return one section per framework: what is written, and what its users type."""
    import importlib

    from toolkit.backends import projects
    from toolkit.device import targets

    examples = {"arduino": "arduino-uno", "esp-idf": "esp32c3", "cmake": "host", "platformio": "arduino-uno"}
    parts = []
    for name in projects.names():
        project, target = projects.load(name), targets.load(examples.get(name, "stm32f4-discovery"))
        module = importlib.import_module(f"toolkit.backends.projects.{name.replace('-', '_')}")
        written = (module.__doc__ or "").strip().replace("``", "`")
        part = projects.Part("digits", "model", target, {}, {}, {}, "", floats=False)
        typed = [f"toolkit export digits.pt2 --target {target.name} --project {name} -o digits"]
        typed += project.commands(part, Path("digits"))
        commands = "\n".join(typed)
        parts.append(f"## {project.title}\n\n{written}\n\n```text\n{commands}\n```\n\n{project.note}")
    return "\n\n".join(parts)


def boards_table() -> str:
    """Return one row per board that firmware is built for."""
    from toolkit.cli._words import in_bytes, in_hertz
    from toolkit.device import targets

    rows = []
    for target in map(targets.load, targets.names()):
        if target.image is None or target.serial is None:
            continue
        flash, ram = target.regions()
        qemu = target.emulators.get("qemu")
        if qemu:
            proven = f"QEMU's `{qemu.machine}`, with its UART"
        elif "simavr" in target.emulators:
            proven = "simavr, with its UART"
        else:
            proven = "Unicorn, with a model of its UART"
        description = target.description.split(",")[0]
        rows.append((f"[`{target.name}`](targets.md#{target.name})", description, in_hertz(target.clock_hz),
                     in_bytes(flash.bytes), in_bytes(ram.bytes), f"`{target.serial.driver}`",
                     ", ".join(target.image.formats), ", ".join(target.flashers),
                     target.mark.pin if target.mark else "–", proven))  # fmt: skip
    headings = (
        "target",
        "board",
        "clock",
        "flash",
        "RAM",
        "line",
        "files",
        "flashed by",
        "marks at",
        "proven by",
    )
    return table(headings, rows)


def stores_table() -> str:
    """Return one row per way to keep what a model learns, with its boards."""
    from toolkit.cli._words import in_bytes
    from toolkit.device import targets

    rows: dict[tuple[str, int], list[str]] = {}
    for target in map(targets.load, targets.names()):
        if target.store is not None:
            rows.setdefault((target.store.driver, target.store.page_bytes), []).append(f"`{target.name}`")
    return table(
        ("driver", "erased at once", "boards"),
        (
            (f"`flash_{driver}.c`", in_bytes(page), ", ".join(names))
            for (driver, page), names in sorted(rows.items())
        ),
    )


def flashers_table() -> str:
    """Return one row per tool that flashes boards, with where it comes from."""
    from toolkit.device import flashers

    rows = []
    for tool in map(flashers.get, flashers.names()):
        keys = re.sub(r"``([^`]+)``", r"`\1`", (type(tool).__doc__ or "").strip().split("\n")[0])
        ways = (tool.on_linux, tool.on_macos, tool.on_windows)
        rows.append((f"`{tool.name}`", keys, *(way or "the same" for way in ways)))
    return table(("tool", "keys of `[flashers.NAME]`", "Linux", "macOS", "Windows"), rows)


def passes_table() -> str:
    """Return one row per pass of the compiler, in order."""
    from toolkit.lower.passes import PASSES

    return table(
        ("pass", "does"), ((f"`{run.__name__}`", (run.__doc__ or "").split("\n")[0]) for run in PASSES)
    )


def methods_table() -> str:
    """Return one row per method."""
    from toolkit.catalogue import catalogue

    rows = [(f"[`{m.slug}`]({m.slug}.md)", m.kind, m.title, m.paper, m.cost) for m in catalogue()]
    return table(("method", "kind", "what", "paper", "cost"), rows)


def ternary_table() -> str:
    """Return one row per network of ``benchmarks/ternary_training.py``, from the results that it wrote."""
    rows = json.loads((_RESULTS / "ternary_training.json").read_text(encoding="utf-8"))["rows"]

    def score(found: dict[str, Any], text: bool) -> str:
        loss = f", {found['loss']:.3f} nats" if text else ""
        return f"{100 * found['accuracy']:.2f} %{loss}"

    shown = []
    for name, row in rows.items():
        text = row["dataset"] == "tinyshakespeare"
        scores = (row["float"], row["int8"]["program"], row["ternary"]["program"])
        minutes = (row["float"]["seconds"] / 60, row["ternary"]["seconds"] / 60)
        shown.append((f"`{name}`", f"{row['weights']:,}", *(score(each, text) for each in scores),
                      " + ".join(f"{each:.1f}" for each in minutes)))  # fmt: skip
    return table(("network", "weights", "float", "int8", "ternary", "trained, minutes"), shown)


def rules_accuracy_table() -> str:
    """Return one row per file of ``benchmarks/rules_accuracy.py``: means over the seeds that it holds."""
    shown = []
    for path in sorted((_RESULTS / "rules_accuracy").glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        recipe, seeds = document["recipe"], list(document["seeds"].values())
        cells = []
        for key, show in (("accuracy", "{:.2%}"), ("peak_bytes", "{:,.0f}"), ("seconds", "{:,.0f}")):
            for who in ("rule", "backprop"):
                mean = sum(seed[who][key] for seed in seeds) / len(seeds)
                cells.append(show.format(mean).replace("%", " %"))
        network = f"`{recipe['family']}`, {recipe['dataset']}"
        if "backprop_family" in recipe:
            network += f" (backpropagation: `{recipe['backprop_family']}`)"
        if "backprop_network" in recipe:
            other = ", ".join(f"{name} = {value}" for name, value in recipe["backprop_network"].items())
            network += f" (backpropagation: `{other}`)"
        shown.append((f"`{path.stem}`", network, recipe["train"]["epochs"], len(seeds), *cells))
    headings = ("row", "network", "epochs", "seeds", "accuracy", "by backprop", "peak of a step, B", "by backprop",
                "trains s", "by backprop")  # fmt: skip
    return table(headings, shown)


def conversion_table() -> str:
    """Return one row per dataset and way of ``benchmarks/conversion.py``: means over the seeds in its results."""
    rows = json.loads((_RESULTS / "conversion.json").read_text(encoding="utf-8"))["rows"]
    shown, steps = [], []
    for name, seeds in rows.items():
        found = list(seeds.values())
        for way in [key for key in found[0] if isinstance(found[0][key], dict)]:
            steps = list(found[0][way])
            means = [sum(seed[way][count] for seed in found) / len(found) for count in steps]
            relu = sum(seed["relu"] for seed in found) / len(found)
            shown.append(
                (f"{name}, {len(found)} seeds", way, *(f"{100 * mean:.2f}" for mean in (relu, *means)))
            )
    return table(("network", "way", "ReLU", *(f"T = {count}" for count in steps)), shown)


def meta_spikeformer_table() -> str:
    """Return one row per dataset of ``benchmarks/meta_spikeformer.py``, from its first seed."""
    shown = []
    for name, seeds in _spikeformers().items():
        row, step = next(iter(seeds.values())), next(iter(seeds.values()))["step"]
        sizes = (f"{step[key]:,}" for key in ("instructions", "flash_bytes", "ram_bytes"))
        shown.append(
            (
                f"`{name}`",
                f"{100 * row['accuracy']:.2f} %",
                f"{row['parameters']:,}",
                f"{row['seconds']:,}",
                *sizes,
            )
        )
    return table(
        ("preset", "accuracy", "parameters", "trained s", "instructions a step", "flash B", "RAM B"), shown
    )


def meta_spikeformer_integers() -> str:
    """Return one row per dataset, of the whole answer in int8, from its first seed."""
    shown = []
    for name, seeds in _spikeformers().items():
        row = next(iter(seeds.values())).get("int8")
        if row is None:
            continue  # trained before this was measured
        sizes = (f"{row[key]:,.0f}" for key in ("instructions", "flash_bytes", "ram_bytes"))
        accuracies = (f"{100 * row[key]:.1f} %" for key in ("accuracy", "float_accuracy"))
        shown.append((f"`{name}`", *accuracies, f"{row['samples']:,}", *sizes))
    return table(
        ("preset", "int8", "float", "of samples", "instructions an answer", "flash B", "RAM B"), shown
    )


def meta_spikeformer_rates() -> str:
    """Return one row per layer of neurons, as often as they spike on each dataset."""
    found = {name: next(iter(seeds.values()))["rates"] for name, seeds in _spikeformers().items()}
    layers = next(iter(found.values()))
    return table(
        ("neurons", *(f"`{name}`" for name in found)),
        ((f"`{layer}`", *(f"{100 * rates[layer]:.1f} %" for rates in found.values())) for layer in layers),
    )


def _spikeformers() -> dict[str, Any]:
    rows: dict[str, Any] = json.loads((_RESULTS / "meta_spikeformer.json").read_text(encoding="utf-8"))[
        "rows"
    ]
    return rows


def commands() -> str:
    """Return every command's help."""
    from toolkit.cli._group import SECTIONS, Command, toolkit

    parts = []
    with toolkit.make_context("toolkit", [], resilient_parsing=True, terminal_width=96) as parent:
        found = [toolkit.get_command(parent, name) for name in toolkit.list_commands(parent)]
        listed = [each for each in found if isinstance(each, Command)]
        for section in SECTIONS:
            parts.append(f"## {section}")
            for each in sorted((c for c in listed if c.section == section), key=lambda c: c.step):
                context = each.make_context(each.name, [], parent=parent, resilient_parsing=True)
                parts.append(f"### toolkit {each.name}\n\n```text\n{context.get_help()}\n```")
    return "\n\n".join(parts)


def recipe() -> str:
    """Return the recipe that shows every setting."""
    from toolkit import project

    text = (project._RECIPES / "digits-ternary.toml").read_text(encoding="utf-8")
    return f"```toml\n{text}```"


def settings() -> str:
    """Return every section's settings with type, default and range."""
    from toolkit import project

    parts = []
    for name, kind in project._SECTIONS.items():
        if kind is project.Quantize:
            parts.append(_quantize_settings())
        elif kind is project.Train:
            parts.append(_train_settings())
        else:
            parts.append(f"### [{name}]\n\n{table(('setting', 'what it may be', 'default'), _rows(kind))}")
    return "\n\n".join(parts)


def _train_settings() -> str:
    """Return the settings of all rules, and each rule's own."""
    from toolkit import learn, project

    headings = ("setting", "what it may be", "default")
    common = table(headings, [row for row in _rows(project.Train) if row[0] != "`options`"])
    rows = [(f"`{slug}`", *row) for slug, rule in learn.rules().items() for row in _rows(rule.Options)]
    own = table(("rule", *headings), rows)
    return f"### [train]\n\n{common}\n\nA rule takes the settings above and its own:\n\n{own}"


def _quantize_settings() -> str:
    """Return what each method's settings are."""
    import quantize
    from toolkit import project

    names = (*quantize.slugs(), project.FLOAT)
    rows = [("", "`method`", ", ".join(f"`{name}`" for name in names), f"`{project.DEFAULT_METHOD}`")]
    for name in names:
        rows += [(f"`{name}`", *row) for row in _rows(project.options_type(name))]
    heading = "A method takes its own settings only."
    return f"### [quantize]\n\n{heading}\n\n{table(('method', 'setting', 'what it may be', 'default'), rows)}"


def _rows(kind: type[Any]) -> list[tuple[str, str, str]]:
    """Return name, type and default of each field of a dataclass of settings."""
    types = get_type_hints(kind)
    rows = []
    for item in fields(kind):
        default = item.default_factory() if item.default_factory is not MISSING else item.default
        default = list(default) if isinstance(default, tuple) else default
        shown = f"`{default!r}`".replace("'", '"').replace("`False`", "`false`").replace("`True`", "`true`")
        rows.append((f"`{item.name}`", _kind(types[item.name], item.metadata.get("range")), shown))
    return rows


def _kind(kind: Any, bounds: tuple[float, float] | None) -> str:
    if get_origin(kind) is tuple:
        return "list of texts"
    if get_args(kind) and get_origin(kind) is not dict:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    names = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`"}
    name = names.get(kind, "table")
    return f"{name}, {bounds[0]:,} to {bounds[1]:,}" if bounds else name


def operators_table() -> str:
    """Return one row per operator."""
    from toolkit.ops import operators

    rows = []
    for name, operator in sorted(operators().items()):
        aten = ", ".join(f"`{each.removeprefix('aten.').removesuffix('.default')}`" for each in operator.aten)
        kinds = sorted({_arithmetic(case.step, operator.quantization) for case in operator.cases()})
        rows.append((f"`{name}`", aten or "made by a pass", operator.quantization, ", ".join(kinds)))
    return table(("operator", "aten", "quantization", "inputs"), rows)


def _arithmetic(step: Any, quantization: str) -> str:
    """Return what a test case computes on."""
    from toolkit.ops.weighted import is_ternary

    return "ternary" if quantization == "weighted" and is_ternary(step) else str(step.inputs[0].dtype)


def models_table() -> str:
    """Return one row per model preset."""
    from toolkit import models

    rows = []
    for family, about in models.families().items():
        for name, preset in models.presets(family).items():
            shape = "×".join(map(str, preset.input_shape))
            rows.append((f"`{family}`", f"`{name}`", shape, preset.about, about))
            about = ""
    return table(("family", "preset", "input", "size", "what it is"), rows)


def datasets_table() -> str:
    """Return one row per dataset."""
    from toolkit import data

    return table(("dataset", "what it is"), [(f"`{name}`", data.describe(name)) for name in data.names()])


def tflite_operators() -> str:
    """Return one row per operator that is read from a ``.tflite`` file."""
    from toolkit.program.tflite.converters import converters

    rows = [
        (f"`{kind}`", (function.__doc__ or "").partition("\n")[0].replace("``", "`"))
        for kind, function in sorted(converters().items())
    ]
    return table(("operator", "what"), rows)


def onnx_operators() -> str:
    """Return one row per group of operators that is read from an ``.onnx`` file."""
    import importlib
    import pkgutil

    from toolkit.program.onnx import operators
    from toolkit.program.onnx.qoperator import EXPANSIONS

    rows = []
    for found in pkgutil.iter_modules(operators.__path__):
        module = importlib.import_module(f"{operators.__name__}.{found.name}")
        if module.RULES:
            rows.append((_plain(module.__doc__), _operator_names(module.RULES)))
    rows.append(
        ("Operators on integers, as ONNX Runtime's quantizer writes them", _operator_names(EXPANSIONS))
    )
    return table(("group", "operators"), rows)


def spiking_accuracy_table() -> str:
    """Return one row per file of ``benchmarks/spiking_accuracy.py``: means over the seeds that it holds."""
    shown = []
    for path in sorted((_RESULTS / "spiking_accuracy").glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        recipe, seeds = document["recipe"], list(document["seeds"].values())

        def mean(who: str, key: str, seeds: list[Any] = seeds) -> float:
            return sum(seed[who][key] for seed in seeds) / len(seeds)

        relu = f"{mean('relu', 'accuracy'):.2%}".replace("%", " %") if "relu" in seeds[0] else "–"
        network = f"`{recipe['family']}`, {recipe['dataset']}"
        score, spiking = (f"{100 * mean('spiking', key):.2f} %" for key in ("accuracy", "activity"))
        weights, minutes = f"{mean('spiking', 'weights'):,.0f}", f"{mean('spiking', 'core_seconds') / 60:.1f}"
        shown.append((network, weights, recipe["train"]["epochs"], len(seeds), score, relu, spiking, minutes))
    headings = ("network", "weights", "epochs", "seeds", "accuracy", "with ReLU", "neurons that spike in a step",
                "core minutes")  # fmt: skip
    return table(headings, shown)


def continual_table() -> str:
    """Return one row per way of ``benchmarks/continual.py``: means over the seeds in its results."""
    seeds = list(json.loads((_RESULTS / "continual.json").read_text(encoding="utf-8"))["seeds"].values())
    shown = []
    for way in ("plain", "hlop"):
        means = [sum(seed[way][key] for seed in seeds) / len(seeds) for key in ("average", "forgetting")]
        last = [
            sum(column) / len(seeds)
            for column in zip(*(seed[way]["accuracy"][-1] for seed in seeds), strict=True)
        ]
        shown.append(
            (way, *(f"{100 * score:.1f}" for score in last), f"{100 * means[0]:.1f}", f"{100 * means[1]:.2f}")
        )
    tasks = (f"task {number}, %" for number in range(1, len(shown[0]) - 2))
    return table((f"{len(seeds)} seeds", *tasks, "average, %", "forgetting, points"), shown)


def _plain(text: str | None) -> str:
    return (text or "").strip().split("\n")[0].rstrip(".")


def _operator_names(names: Iterable[str]) -> str:
    """Return operators without their domain, each once: `Gelu` is read from two."""
    return ", ".join(
        f"`{name}`" for name in dict.fromkeys(n.split("::")[-1] for n in names if "toolkit::" not in n)
    )


def meters_table() -> str:
    """Return one row per meter."""
    from toolkit.measure import meters

    found = {name: meters.facts(name) for name in meters.names()}
    rows = ((f"`{name}`", facts.title, facts.measures, facts.accuracy) for name, facts in found.items())
    return table(("meter", "what it is", "measures", "accuracy"), rows)


def phones_table() -> str:
    """Return one row per model family: how far its files are from the reference; then the files that are not there."""
    found = json.loads((_RESULTS / "phones.json").read_text(encoding="utf-8"))
    files = ("model.c", "int8.pte", "int8.tflite", "int8.onnx", "int16.tflite", "int16.pte")
    rows, absent = [], []
    for family in found["families"]:
        entries = {entry["file"].removeprefix("models/"): entry for entry in family["files"]}
        cells = [_apart(entries.get(name)) for name in files]
        real = [entry["largest"] for name, entry in entries.items() if name.startswith("float32.")]
        rows.append((family["family"], *cells, f"{max(real):.1g}" if real else "–"))
        for left in family["left_out"]:
            name = left["file"].removeprefix("models/")
            why = left["why"].partition(":")[0]
            if name in files and why != "the model has int16 activations":
                absent.append(f"- `{family['family']}`, `{name}`: {why}")
    text = (
        f"{found['samples']} random samples through random weights: how many integers differ from the "
        "reference's, and by how many steps at most; of the float32 files the largest difference. "
        "`python benchmarks/phones.py`:\n\n"
    )
    made = text + table(("family", *(f"`{name}`" for name in files), "float32"), rows)
    return made + "\n\nLeft out, as the manifest says:\n\n" + "\n".join(absent) if absent else made


def _apart(entry: dict[str, Any] | None) -> str:
    if entry is None:
        return "–"
    steps = f", {entry['largest']:.2g}" if entry["differing"] and entry["largest"] is not None else ""
    torch = entry.get("differing_from_torch")
    also = f" (from torch {torch:,})" if entry["differing"] and torch is not None else ""
    return f"{entry['differing']:,} of {entry['values']:,}{steps}{also}"


GENERATED: dict[str, Callable[[], str]] = {
    "projects": projects_sections,
    "phones": phones_table,
    "meters": meters_table,
    "targets": targets_table,
    "targets-details": targets_details,
    "boards": boards_table,
    "stores": stores_table,
    "flashers": flashers_table,
    "passes": passes_table,
    "methods": methods_table,
    "commands": commands,
    "recipe": recipe,
    "rules-accuracy": rules_accuracy_table,
    "conversion": conversion_table,
    "meta-spikeformer": meta_spikeformer_table,
    "meta-spikeformer-integers": meta_spikeformer_integers,
    "meta-spikeformer-rates": meta_spikeformer_rates,
    "spiking-accuracy": spiking_accuracy_table,
    "continual": continual_table,
    "ternary": ternary_table,
    "settings": settings,
    "operators": operators_table,
    "models": models_table,
    "datasets": datasets_table,
    "tflite-operators": tflite_operators,
    "onnx-operators": onnx_operators,
}
