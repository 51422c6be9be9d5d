"""A board that learns what has changed, as a person sees it and to the bit."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Cli
from toolkit import finetune as library
from toolkit import tensors
from toolkit.device import targets
from toolkit.device.build import build, read_manifest
from toolkit.device.emulated_board import running
from toolkit.device.emulators.unicorn_board import UnicornBoard
from toolkit.device.serial_link import SerialLink
from toolkit.device.serial_model import SerialModel
from toolkit.errors import CHECK_FAILED, ToolkitError
from toolkit.finetune import methods, page, prepare
from toolkit.finetune.run import Comparison
from toolkit.finetune.spectra import spectra
from toolkit.learn.evaluate import accuracy
from toolkit.lower import reference
from toolkit.lower.passes import lower

METHODS = ("sparse-backprop", "nearest-mean")
STEPS, TESTS, EPOCHS = 250, 100, 15


@pytest.fixture(scope="module")
def world() -> library.World:
    return library.load("digits", steps=STEPS, tests=TESTS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("finetune")


@pytest.fixture(scope="module")
def found(world: library.World, folder: Path) -> Comparison:
    chosen = [library.method(name) for name in METHODS]
    return library.finetune(world, chosen, folder, epochs=EPOCHS)


def test_boards_learn_and_remember(found: Comparison) -> None:
    assert found.here > 0.9
    assert [outcome.method for outcome in found.outcomes] == list(METHODS)
    for outcome in found.outcomes:
        assert outcome.before < 0.6  # the world has changed
        assert outcome.after > outcome.before + 0.1
        assert outcome.after_reset == outcome.after
        assert len(outcome.during) == -(-STEPS // outcome.window)
        assert np.mean(outcome.during[-3:]) > outcome.before


def test_costs_are_counted(found: Comparison) -> None:
    for outcome in found.outcomes:
        assert outcome.step.instructions > outcome.answer.instructions > 2_000
        assert outcome.step.cycles is not None
        assert outcome.step.cycles > outcome.step.instructions
        assert outcome.step.energy_uj == pytest.approx(outcome.step.cycles / 168 * 40 * 3.3 / 1000, rel=1e-6)
        memory = outcome.memory
        assert memory.state_bytes <= memory.arena_bytes < memory.ram_bytes < 8_000
        assert 0 < memory.stack_bytes < 1_500
        assert memory.slots_bytes >= 2 * memory.state_bytes
    assert "stm32f4-discovery" in found.energy_source
    assert found.outcomes[0].memory.state_bytes == 4 * (32 * 10 + 10)


def test_page_and_json_hold_all_methods(found: Comparison) -> None:
    text = page.render(found, "<digits>")
    assert "&lt;digits&gt;" in text
    assert text.count("<polyline") == len(METHODS)
    for outcome in found.outcomes:
        assert outcome.method in text
        assert f"{outcome.step.instructions:,.0f}" in text
        assert f"{outcome.memory.ram_bytes:,} B" in text
    document = json.loads(json.dumps(found.to_json()))
    assert [method["after"] for method in document["methods"]] == [o.after for o in found.outcomes]


@pytest.mark.parametrize(
    ("name", "int8"),
    [("backprop", False), ("backprop", True), ("mono-forward", False), ("mono-forward", True),
     ("sparse-backprop", False), ("sparse-backprop", True), ("nearest-mean", False), ("nearest-mean", True),
     ("zeroth-order", False)],
)  # fmt: skip
def test_a_board_learns_what_the_reference_learns(
    name: str, int8: bool, world: library.World, tmp_path: Path
) -> None:
    count = 12
    model = prepare.trained(world, epochs=1, seed=3)
    method = dataclasses.replace(library.method(name), rehearsal=0.0)
    program = prepare.step_program(model, method, world.dataset, int8=int8)
    bundle = prepare.export(program, "mps2-an386", tmp_path / "bundle", "digits")
    sample = read_manifest(bundle)["inputs"][0]
    assert sample["dtype"] == ("int8" if int8 else "float32")
    samples = tensors.to_device(sample, world.x_new[:count])
    labels = world.y_new[:count]
    one_hot = np.eye(10, dtype=np.float32)[labels]
    rates = np.full((count, 1), method.rate, np.float32)
    lowered = lower(program)
    shaped = [
        array.reshape(count, *value.shape[1:] if value.shape[0] == 1 else value.shape)
        for array, value in zip((samples, one_hot, rates), lowered.inputs, strict=True)
    ]
    logits, losses = reference.run_batch(lowered, shaped)
    image = build(bundle, serial=True)
    with running(image, targets.load("mps2-an386")) as board, SerialLink(board.url) as link:
        there = SerialModel(link, sample_bytes=sample["bytes"], classes=10)
        for index, (x, label) in enumerate(zip(samples, labels, strict=True)):
            there.load_sample(x.tobytes(), int(label))
            there.train(method.rate)
            assert there.outputs() == logits[index].tobytes() + losses[index].tobytes(), index


def test_a_board_that_forgets_is_an_error(
    world: library.World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_all(board: UnicornBoard) -> None:
        board.set_slots(b"\xff" * len(board.slots))

    monkeypatch.setattr(UnicornBoard, "reset", lose_all)
    short = dataclasses.replace(world, x_new=world.x_new[:3], y_new=world.y_new[:3], x_test=world.x_test[:2],
                                y_test=world.y_test[:2])  # fmt: skip
    with pytest.raises(ToolkitError, match="has not what it had learnt") as caught:
        library.finetune(short, [library.method("nearest-mean")], tmp_path, epochs=1)
    assert caught.value.exit_code == CHECK_FAILED


def test_rehearsal_gives_the_first_states(world: library.World) -> None:
    model = prepare.trained(world, epochs=1, seed=0)
    program = prepare.step_program(model, library.method("nearest-mean"), world.dataset)
    module = program.module(check_guards=False)
    counts = module.get_buffer("counts").ravel()
    assert counts.tolist() == np.bincount(world.dataset.y_train, minlength=10).tolist()


def test_the_world_changes_and_comes_again() -> None:
    world = library.load("digits", steps=2_000, tests=360)
    assert world.x_new.shape == (2_000, 1, 8, 8)
    assert (world.x_new[1_437:] == world.x_new[: 2_000 - 1_437]).all()
    assert 0 <= world.x_new.min() < world.x_new.max() <= 1
    again = library.load("digits", steps=2_000, tests=360)
    assert (again.x_new == world.x_new).all()
    assert np.bincount(world.y_new).min() > 150
    assert np.abs(world.x_test - world.dataset.x_test[:360]).mean() > 0.1


def test_a_speaker_never_heard_before(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(os.environ.get("TOOLKIT_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    if not (folder / "fsdd").is_dir():
        pytest.skip(f"no fsdd in {folder}: set TOOLKIT_DATA to a filled cache")
    monkeypatch.setenv("TOOLKIT_DATA", str(folder))
    world = library.load("fsdd", steps=300, tests=200)
    assert world.dataset.x_train.shape == (2_250, 1, 16, 16)
    assert world.x_new.shape == (300, 1, 16, 16)
    assert 0 <= world.x_new.min() < world.x_new.max() <= 1
    known = {sample.tobytes() for sample in world.dataset.x_train}
    assert not known & {sample.tobytes() for sample in (*world.x_new, *world.x_test)}
    assert not {sample.tobytes() for sample in world.x_new} & {sample.tobytes() for sample in world.x_test}
    model = prepare.trained(world, epochs=10, seed=0)
    here = accuracy(model, world.dataset.x_test, world.dataset.y_test)
    there = accuracy(model, world.x_test, world.y_test)
    assert here > 0.9
    assert there < here - 0.2


def test_loudness_is_where_it_sounds() -> None:
    seconds = np.arange(8_000) / 8_000
    low, high = (np.sin(2 * np.pi * hertz * seconds) for hertz in (300, 3_000))
    tone = np.where(seconds < 0.5, low, high).astype(np.float32)
    picture = spectra(tone[None, None], 8_000)[0, 0]
    assert picture[2].argmax() < picture[13].argmax()
    assert picture[[2, 13]].max(1).min() > 0.8
    assert not spectra(np.zeros((1, 1, 8_000), np.float32), 8_000).any()


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(ToolkitError, match="no method is called 'backprob'") as caught:
        library.method("backprob")
    assert "backprop" in caught.value.fix
    with pytest.raises(ToolkitError, match="no world is called"):
        library.load("mars", steps=1, tests=1)
    for steps, tests in ((0, 1), (1, 0), (1, 361)):
        with pytest.raises(ToolkitError):
            library.load("digits", steps=steps, tests=tests)


def test_every_rule_is_a_method() -> None:
    from toolkit.training.rules import rules

    assert {library.method(name).rule for name in methods.available()} == set(rules())
    assert set(library.side_by_side()) <= set(methods.available()) - {"backprop"}


def test_command(cli: Cli, tmp_path: Path) -> None:
    done = cli(
        "finetune",
        "-t",
        "nrf52840-dk",
        "-m",
        "nearest-mean",
        "-n",
        24,
        "--tests",
        20,
        "-o",
        tmp_path / "out",
        "--json",
    )
    assert done.code == 0, done.err
    (method,) = done.document["methods"]
    assert method["steps"] == 24
    assert method["after_reset"] == method["after"]
    written = json.loads((tmp_path / "out" / "finetune.json").read_text("utf-8"))
    assert written["methods"] == [method]
    assert "nearest-mean" in (tmp_path / "out" / "finetune.html").read_text("utf-8")
    wrong = cli("finetune", "-m", "nearest-meen", "-o", tmp_path / "none")
    assert wrong.code == 2
    assert "did you mean nearest-mean?" in wrong.err
    refused = cli(
        "finetune", "-t", "teensy41", "-m", "nearest-mean", "-n", 1, "--tests", 1, "-o", tmp_path / "x"
    )
    assert refused.code == 2
    assert "teensy41 cannot keep what it learns" in refused.err
    assert "nrf52840-dk" in refused.err
    for target, emulator, said in (
        ("arduino-uno", "simavr", "cannot be counted"),
        ("stm32f4-discovery", "qemu", "qemu has no model of what programs the flash"),
    ):
        refused = cli("finetune", "-t", target, "--emulator", emulator, "-m", "nearest-mean", "-n", 1,
                      "--tests", 1, "-o", tmp_path / "x")  # fmt: skip
        assert refused.code == 2
        assert said in refused.err
