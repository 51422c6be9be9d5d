"""A model behind a serial line: the same on this machine and on emulated boards, whatever comes over the line."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.device import host_board, learner, toy
from toolkit.device import targets
from toolkit.device.build import Image, build
from toolkit.device.emulated_board import Board, running
from toolkit.device.emulators.unicorn_board import UnicornBoard
from toolkit.device.serial_link import SerialLink
from toolkit.device.serial_model import SerialModel
from toolkit.errors import DEVICE, USAGE, ToolkitError

SAMPLE_BYTES, RATE = 4 * learner.FEATURES, 0.1
BOARD = "mps2-an386"
EMULATORS = ["unicorn", "qemu"]
Need = Callable[[str, str], None]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Firmware that learns, for the emulated board."""
    return build(learner.make(tmp_path_factory.mktemp("learner") / "bundle"), serial=True)


@contextlib.contextmanager
def talking(board: Board, **settings: int) -> Iterator[SerialModel]:
    with SerialLink(board.url) as link:
        yield SerialModel(link, sample_bytes=SAMPLE_BYTES, classes=learner.CLASSES, **settings)


def learn(model: SerialModel, count: int) -> list[float]:
    """Let the model learn from ``count`` samples; return the losses."""
    losses = []
    for sample, label in zip(*learner.samples(count), strict=True):
        model.load_sample(sample.tobytes(), int(label))
        losses.append(model.train(RATE))
    return losses


def learn_here(count: int) -> tuple[np.ndarray, int]:
    """Learn with the same C on this machine: the last outputs and the right answers on the way."""
    weight, bias = (
        np.zeros((learner.CLASSES, learner.FEATURES), np.float32),
        np.zeros(learner.CLASSES, np.float32),
    )
    right = 0
    for sample, label in zip(*learner.samples(count), strict=True):
        logits = bias + weight @ sample
        right += int(np.argmax(logits) == label)
        error = np.exp(logits) / np.exp(logits).sum() - np.eye(learner.CLASSES, dtype=np.float32)[label]
        weight, bias = weight - RATE * error[:, None] * sample, bias - RATE * error
    return logits, right


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware as a program of this machine that stops at the first wrong access."""
    return host_board.sanitized(tmp_path_factory.mktemp("sanitized"))


def say(program: Path, data: bytes) -> list[str]:
    """Send bytes and return the lines that come back, those at start left out."""
    done = subprocess.run([program], input=data, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode("ascii").split("\r\n")
    assert lines[:3] == ["m-init-done", "m-fresh-[nothing was saved]", "m-ready"]
    assert lines[-1] == ""
    return lines[3:-1]


@pytest.mark.parametrize("emulator", EMULATORS)
@pytest.mark.parametrize("toolchain", ["zig", "gcc"])
def test_a_board_learns_as_the_same_c_does_here(
    sanitized: Path, tmp_path: Path, emulator: str, toolchain: str, need: Need
) -> None:
    need(BOARD, toolchain)
    need(BOARD, emulator)
    there = build(learner.make(tmp_path / "bundle"), serial=True, toolchain=toolchain)
    with running(there, targets.load(BOARD), emulator=emulator) as board, talking(board) as model:
        assert model.name() == "learner"
        losses = learn(model, 30)
        outputs, crc, (right, asked) = model.outputs(), model.state_crc(), model.accuracy()
        assert 0 < model.stack_bytes() < 1500
        assert model.stats().emulated == 1
    commands = "".join(
        f"db load {SAMPLE_BYTES}%db {sample.tobytes().hex()}%label {label}%train 1e-1%"
        for sample, label in zip(*learner.samples(30), strict=True)
    )
    here = say(sanitized, f"{commands}outputs%states%accuracy%".encode())
    assert f"m-outputs-[{outputs.hex()}]" in here
    assert f"m-state-crc-[{crc}]" in here
    assert f"m-accuracy-[{right}/30]" in here
    logits, expected = learn_here(30)
    assert np.frombuffer(outputs, np.float32)[: learner.CLASSES] == pytest.approx(logits, rel=1e-4)
    assert (right, asked) == (expected, 30)
    assert losses[0] == pytest.approx(0.75)
    assert losses[-1] < 0.2


def test_chunks_of_the_public_runner_make_no_difference(image: Image) -> None:
    found = []
    for size in (31, 1, 122):
        with running(image, targets.load(BOARD)) as board, talking(board, chunk_bytes=size) as model:
            learn(model, 3)
            found.append(model.state_crc())
    assert len(set(found)) == 1


@pytest.mark.parametrize("emulator", EMULATORS)
def test_what_was_saved_outlives_a_reset_and_nothing_else_does(
    image: Image, emulator: str, need: Need
) -> None:
    need(BOARD, emulator)
    with running(image, targets.load(BOARD), emulator=emulator) as board:
        with talking(board) as model:
            fresh = model.state_crc()
            with pytest.raises(ToolkitError, match="nothing was saved"):
                model.load()
            learn(model, 5)
            saved = model.state_crc()
            assert model.save() == 1
            learn(model, 5)
            assert model.state_crc() != saved != fresh
        board.reset()
        with talking(board) as model:
            assert model.state_crc() == saved
            model.reset()
            assert model.state_crc() == fresh
            assert model.load() == 1
            assert model.state_crc() == saved


def test_power_cut_during_a_save_keeps_one_of_both(image: Image) -> None:
    with running(image, targets.load(BOARD)) as board:
        kept = 0
        for attempt in range(12):
            with talking(board) as model:
                learn(model, attempt + 1)
                new = model.state_crc()
                model.link.line.send(b"save%")
                time.sleep(attempt * 0.002)
            board.reset()
            with talking(board) as model:
                found = model.state_crc()
                assert found in (kept, new) or (found, kept) == (found, 0)
                kept = found


def test_changed_bits_are_told_and_another_models_states_refused(image: Image, tmp_path: Path) -> None:
    other = learner.make(tmp_path / "other")
    (other / "model.c").write_text(
        (other / "model.c").read_text("utf-8") + "/* another */\n", encoding="utf-8"
    )
    with running(image, targets.load(BOARD)) as board:
        assert isinstance(board, UnicornBoard)
        with talking(board) as model:
            learn(model, 3)
            model.save()
        good = board.slots
        spoiled = bytearray(good)
        spoiled[50] ^= 4
        board.set_slots(bytes(spoiled))
        with talking(board) as model, pytest.raises(ToolkitError, match="the checksum is wrong"):
            model.load()
        with pytest.raises(ToolkitError, match="are not the"):
            board.set_slots(good[1:])
    with running(build(other, serial=True), targets.load(BOARD)) as board:
        assert isinstance(board, UnicornBoard)
        board.set_slots(good)
        with talking(board) as model, pytest.raises(ToolkitError, match="another model saved it"):
            model.load()


def test_instructions_are_counted_by_entry(image: Image) -> None:
    with running(image, targets.load(BOARD), counting=True) as board:
        with talking(board) as model:
            learn(model, 4)
            for _ in range(3):
                model.infer()
        profiles = board.profiles()
        learnt, answered = profiles["run"], profiles["predict"]
        assert (learnt.inferences, answered.inferences) == (4, 3)
        assert set(learnt.by_layer()) == {None, "model_layer_0_fc", "model_layer_1_update"}
        assert set(answered.by_layer()) == {None, "model_layer_0_fc"}
        one = answered.by_layer()["model_layer_0_fc"] / 3
        assert learnt.by_layer()["model_layer_0_fc"] == 4 * one
        assert one > learner.CLASSES * learner.FEATURES


@pytest.mark.parametrize(
    ("commands", "why"),
    [
        (["db load 31"], "a sample of this model has bytes: 32"),
        (["db load"], "Wrong size"),
        (["db 00"], "Not expected"),
        (["db load 32", "db 0"], "Not hex"),
        (["db load 32", "db 0x"], "Not hex"),
        (["db load 32", f"db {'00' * 33}"], "Too many bytes"),
        (["db load 32", f"db {'00' * 31}", "infer 1"], "No sample"),
        (["db load 32", f"db {'00' * 32}", "db 00"], "Not expected"),
        (["db load 32", f"db {'00' * 32}", "label 4"], "the largest is: 3"),
        (["db load 32", f"db {'00' * 32}", "label -1"], "the largest is: 3"),
        (["db load 32", f"db {'00' * 32}", "label 4294967296"], "the largest is: 3"),
        (["db load 32", f"db {'00' * 32}", "train 0.1"], "No label"),
        (["db load 32", f"db {'00' * 32}", "label 1", "db load 32", f"db {'00' * 32}", "train 0.1"], "No label"),
        (["db load 32", f"db {'00' * 32}", "label 1", "db load 33", "train 0.1"], "a sample of this model"),
        (["label 1", "train 0.1"], "No sample"),
        (["train 0"], "Wrong rate"),
        (["train -1"], "Wrong rate"),
        (["train"], "Wrong rate"),
        (["train 1e31"], "Wrong rate"),
        (["train 1e400"], "Wrong rate"),
        (["train nan"], "Wrong rate"),
        (["infer 0"], "Say: infer"),
        (["infer"], "Say: infer"),
        (["inference 1"], "Unknown command: inference 1"),
        (["reset now"], "Nothing stands behind this command"),
        (["erase everything"], "Unknown command"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_and_changes_nothing(sanitized: Path, commands: list[str], why: str) -> None:
    before = say(sanitized, b"states%")
    lines = say(sanitized, "".join(f"{command}%" for command in [*commands, "states"]).encode())
    errors = [line for line in lines if line.startswith("e-[")]
    assert why in errors[0]
    assert lines[-3:] == before
    assert lines.count("m-ready") == len(commands) + 1


def test_noise_and_too_long_commands_cost_one_answer_each(sanitized: Path) -> None:
    lines = say(sanitized, b"\x00\xffname%na\x80me%" + b"x" * 10_000 + b"%%\r\nname%")
    assert [line for line in lines if line != "m-ready"] == [
        "e-[Noise: a command is made of printable ASCII]",
        "e-[Noise: a command is made of printable ASCII]",
        "e-[Too long a command]",
        "m-name-dut-[learner]",
    ]
    assert lines.count("m-ready") == 5


WORDS = st.sampled_from(
    ["name", "db", "load", "print", "infer", "label", "train", "save", "reset", "states", "outputs", "accuracy",
     "stats", "results", "timestamp", "profile", "32", "0", "1", "3", "00" * 32, "1e-2", ".5", "5.", "e", "-",
     " ", "%", "%", "9" * 40, "0" * 300, "1e-22", "0.00000000000000000000001", "4294967295"]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(WORDS.map(str.encode), st.binary(max_size=20)), max_size=60))
def test_whatever_comes_every_command_has_one_answer(sanitized: Path, words: list[bytes]) -> None:
    data = b" ".join(words)
    lines = say(sanitized, data + b"%name%")
    assert lines.count("m-ready") == data.count(b"%") + 2
    assert lines[-2:] == ["m-name-dut-[learner]", "m-ready"]
    assert all(re.match(r"m-|e-\[.*\]$", line) for line in lines)


@settings(max_examples=60, deadline=None)
@given(st.floats(2.0**-20, 1e6, width=32))
def test_a_rate_arrives_as_the_same_float32(sanitized: Path, rate: float) -> None:
    text = np.format_float_scientific(np.float32(rate), trim="-", exp_digits=1)
    one = np.ones(learner.FEATURES, np.float32).tobytes().hex()
    lines = say(sanitized, f"db load {SAMPLE_BYTES}%db {one}%label 0%train {text}%infer 1%outputs%".encode())
    found = bytes.fromhex(next(line for line in lines if line.startswith("m-outputs"))[11:-1])
    step = np.float32(rate) * (np.float32(0.25) - np.float32(1))
    logit = -step
    for _ in range(learner.FEATURES):
        logit = np.float32(logit - step)
    assert np.frombuffer(found, np.float32)[0] == logit


# The host's side.


@contextlib.contextmanager
def device(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Something on a TCP port that does ``answer`` to whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                client = server.accept()[0]
                with client:
                    answer(client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"socket://127.0.0.1:{server.getsockname()[1]}"
    thread.join(10)


def chatter(text: bytes) -> Callable[[socket.socket], None]:
    """Answer every command with ``text``."""

    def answer(client: socket.socket) -> None:
        while data := client.recv(1000):
            for command in data.split(b"%")[:-1]:
                client.sendall(text if command else b"m-ready\r\n")

    return answer


def endless(client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            client.sendall(b"x" * 50)
            time.sleep(0.01)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda client: time.sleep(2), "the board answers nothing"),
        (lambda client: client.close(), "the serial line broke|cannot write"),
        (endless, "the board answers only b'xxx"),
        (chatter(b"\x80\xfe noise\r\nm-ready\r\n"), "no answer to `name` begins with"),
        (chatter(b"m-ready\r\n"), "has no m-name-dut"),
        (chatter(b"m-name-dut-[a"), r"only b'm-name-dut-\[a' to `name` within 1 s"),
        (chatter(b"e-[Unknown command: name]\r\nm-ready\r\n"), "refuses `name`: Unknown command"),
        (chatter(b"m" * (1 << 21)), "never stops talking|only b'mmm"),
    ],
    ids=["silent", "hangs-up", "endless", "noise", "empty", "cut", "refuses", "flood"],
)
def test_a_strange_device_is_an_error_in_time(answer: Callable[[socket.socket], None], why: str) -> None:
    started = time.monotonic()
    with (
        device(answer) as url,
        pytest.raises(ToolkitError, match=why) as caught,
        SerialLink(url, timeout_s=1) as link,
    ):
        SerialModel(link, sample_bytes=4, classes=2).name()
    assert caught.value.exit_code == DEVICE
    assert caught.value.at == url
    assert time.monotonic() - started < 5


def test_no_port_at_all() -> None:
    with pytest.raises(ToolkitError, match="cannot open the serial port") as caught:
        SerialLink("/dev/tty-that-is-not-there")
    assert caught.value.exit_code == DEVICE
    with pytest.raises(ToolkitError, match="cannot open the serial port"):
        SerialLink("nonsense://x")


def test_arguments_are_checked_before_anything_is_sent() -> None:
    sent: list[bytes] = []

    def answer(client: socket.socket) -> None:
        while data := client.recv(1000):
            sent.append(data)
            client.sendall(b"m-ready\r\n")

    with device(answer) as url, SerialLink(url, timeout_s=1) as link:
        model = SerialModel(link, sample_bytes=4, classes=2)
        at_start = list(sent)
        for wrong in (b"", b"12345"):
            with pytest.raises(ToolkitError, match="and the model takes 4") as caught:
                model.load_sample(wrong, 1)
            assert caught.value.exit_code == USAGE
        for label in (-1, 2):
            with pytest.raises(ToolkitError, match=f"{label} is no class"):
                model.load_sample(b"1234", label)
        for command in ("a%b", "a#b", "ä", "x\n", "x" * 248):
            with pytest.raises(ToolkitError, match="is no command"):
                link.ask(command)
        with pytest.raises(ToolkitError, match="a chunk of 0 bytes"):
            SerialModel(link, sample_bytes=4, classes=2, chunk_bytes=0)
    assert sent == at_start


@pytest.mark.skipif(sys.platform == "win32", reason="no ptys")
def test_a_pty_works_like_a_socket(tmp_path: Path) -> None:
    import tty

    program = build(learner.make(tmp_path / "bundle", "host"), serial=True)
    master, slave = os.openpty()
    tty.setraw(slave)
    process = subprocess.Popen([program.path], stdin=master, stdout=master, cwd=tmp_path)
    try:
        with SerialLink(os.ttyname(slave), timeout_s=5) as link:
            model = SerialModel(link, sample_bytes=SAMPLE_BYTES, classes=learner.CLASSES)
            assert model.name() == "learner"
            assert learn(model, 3)[0] == pytest.approx(0.75)
            assert model.save() == 1
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)


def test_a_fault_is_told(tmp_path: Path) -> None:
    bundle = learner.make(tmp_path / "bundle")
    text = (bundle / "model.c").read_text("utf-8")
    crash = "void model_predict(void) { *(volatile int *)0xFFFFFF00 = 1; }"
    text = text.replace("void model_predict(void) { model_layer_0_fc(); }", crash)
    assert crash in text
    (bundle / "model.c").write_text(text, encoding="utf-8")
    with (
        running(build(bundle, serial=True), targets.load(BOARD)) as board,
        SerialLink(board.url, timeout_s=2) as link,
    ):
        model = SerialModel(link, sample_bytes=SAMPLE_BYTES, classes=learner.CLASSES)
        model.load_sample(bytes(SAMPLE_BYTES))
        with pytest.raises(ToolkitError, match="answers"):
            model.infer()
        failure = board.failure()
        assert failure is not None
        assert "model_predict" in failure.at


def test_targets_without_a_serial_line_are_refused(tmp_path: Path, image: Image) -> None:
    with pytest.raises(ToolkitError, match="cortex-m0plus has no serial port") as caught:
        build(learner.make(tmp_path / "bundle"), serial=True, target="cortex-m0plus")
    assert "mps2-an386" in caught.value.fix
    with (
        pytest.raises(ToolkitError, match="cannot be emulated with a serial line"),
        running(image, targets.load("cortex-m4")),
    ):
        pass


def test_a_model_that_only_answers_is_served_too(tmp_path: Path) -> None:
    firmware_image = build(toy.make(tmp_path / "bundle", "mps2-an386"), serial=True)
    with running(firmware_image, targets.load(BOARD)) as board, SerialLink(board.url) as link:
        model = SerialModel(link, sample_bytes=toy.INPUT_BYTES, classes=toy.OUTPUT_BYTES)
        for sample in toy.samples(5):
            model.load_sample(sample, 2)
            scores = model.infer()
            expected = np.frombuffer(toy.expected(sample), np.int8)
            assert (scores == expected).all()
            assert model.outputs() == toy.expected(sample)
            assert model.accuracy() == (int(expected.argmax() == 2), 1)
        for command in ("train 0.1", "save", "load", "reset"):
            with pytest.raises(ToolkitError, match="Unknown command"):
                link.ask(command)
