"""The checked form of the serial protocol: whatever happens on the line, no wrong answer is taken for a right one."""

from __future__ import annotations

import json
import os
import random
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.device import host_board, learner, serial_twins
from tests.device.host_board import HostBoard
from toolkit.device import serial_frame
from toolkit.device.serial_checked import CheckedTalk
from toolkit.device.serial_frame import find, frame
from toolkit.device.serial_link import SerialLink
from toolkit.device.serial_model import SerialModel
from toolkit.errors import DEVICE, ToolkitError

SAMPLE_BYTES = serial_twins.SAMPLE_BYTES


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware as a program of this machine that stops at the first wrong access."""
    return host_board.sanitized(tmp_path_factory.mktemp("sanitized"))


@pytest.fixture
def board(program: Path) -> Iterator[HostBoard]:
    """A board that has started."""
    with HostBoard(program) as board:
        hear(board, 1)
        yield board


def hear(board: HostBoard, answers: int) -> list[str]:
    """Return the lines of so many answers."""
    text, deadline = b"", time.monotonic() + 10
    while text.count(b"m-ready\r\n") < answers:
        assert time.monotonic() < deadline, text
        text += board.read(1000)
    return text.decode("ascii").split("\r\n")[:-1]


def ask(board: HostBoard, data: bytes, answers: int = 1) -> list[str]:
    """Send bytes and return the lines that come."""
    board.write(data)
    return hear(board, answers)


def checked(board: HostBoard, sequence: int, command: str) -> list[str]:
    """Send a command in checked form; return the lines of its answer, which must be whole."""
    board.write(frame(sequence, command))
    text = "\r\n".join(hear(board, 1)) + "\r\n"
    found = find(text.encode(), sequence)
    assert found is not None
    assert found.body is not None, text
    assert found.used == len(text)
    return found.body.decode().splitlines()


def load(board: HostBoard, sequence: int) -> None:
    """Give the board a sample and a label, from ``sequence`` + 1 on."""
    sample, label = learner.samples(1)
    for step, command in enumerate(
        (f"db load {SAMPLE_BYTES}", f"db {sample.tobytes().hex()}", f"label {label[0]}"), 1
    ):
        checked(board, sequence + step, command)


def test_answers_are_those_of_the_plain_form_and_a_check(board: HostBoard) -> None:
    plain = ask(board, b"name%")
    assert checked(board, 7, "sync") == ["m-sync-[1]"]
    assert [*checked(board, 8, "name"), "m-ready"] == plain
    body = f"{plain[0]}\r\n"
    crc = zlib.crc32(f"{body}9:{len(body)}".encode())
    assert ask(board, frame(9, "name"))[1] == f"m-crc-[9:{len(body)}:{crc:08x}]"
    assert ask(board, frame(9, "name").replace(b"#", b"%half a comm#"), 2)[-3:] == [
        plain[0],
        f"m-crc-[9:{len(body)}:{crc:08x}]",
        "m-ready",
    ]


@pytest.mark.parametrize("command", ["train 0.1", "train 0.1 5", "infer 3 1", "accuracy", "layers"])
def test_a_repeated_command_is_answered_again_and_not_done_again(board: HostBoard, command: str) -> None:
    checked(board, 0, "sync")
    load(board, 0)
    first = checked(board, 4, "train 0.1")
    once = checked(board, 5, command)
    assert checked(board, 5, command) == once  # with its times
    state, counted = checked(board, 6, "states"), checked(board, 7, "accuracy")
    board.reset()
    hear(board, 1)
    checked(board, 0, "sync")
    load(board, 0)
    assert checked(board, 4, "train 0.1") == first
    checked(board, 5, command)
    assert checked(board, 6, "states") == state
    assert checked(board, 7, "accuracy") == counted


def test_noise_and_empty_commands_between_repetitions_change_nothing(board: HostBoard) -> None:
    checked(board, 0, "sync")
    load(board, 0)
    first = checked(board, 4, "save")
    ask(board, b"%\xff\xfe%hm?%", 3)
    assert checked(board, 4, "save") == first == ["m-saved-[1]"]
    assert checked(board, 5, "save") == ["m-saved-[2]"]


def test_other_numbers_resets_and_typed_commands_are_refused(board: HostBoard) -> None:
    refused = ["e-[Out of sequence: say sync first]"]
    assert checked(board, 5, "name") == refused  # nobody said sync
    checked(board, 5, "sync")
    for wrong in (4, 7, 0, 999_999_999):
        assert checked(board, wrong, "reset") == refused
    assert checked(board, 6, "name") == ["m-name-dut-[learner]"]
    ask(board, b"label 1%")
    assert checked(board, 7, "name") == refused
    checked(board, 7, "sync")
    board.reset()
    hear(board, 1)
    assert checked(board, 8, "save") == refused


@pytest.mark.parametrize(
    "text",
    ["1:4:sync", "1:4:sync:", "1:4:sync:1234567", "", ":", "1:5:sync:{}", "1:3:sync:{}", "x:4:sync:{}", "1::sync:{}",
     "-1:4:sync:{}", "1234567890:4:sync:{}", "1:4:sync:12345678", "sync:{}", "4:sync:{}"],
)  # fmt: skip
def test_frames_that_are_wrong_are_damaged_commands(board: HostBoard, text: str) -> None:
    crc = f"{zlib.crc32(text.rsplit(':', 1)[0].encode()):08x}"
    lines = ask(board, f"#{text.format(crc)}%".encode())
    assert lines == ["e-[Damaged: the command does not match its checksum]", "m-ready"]


COMMAND = st.sampled_from(["name", "train 0.1 2", "reset", "db 00ff", "infer 1", "load", "save", "label 3"])


@settings(max_examples=80, deadline=None)
@given(COMMAND, st.data())
def test_no_part_of_a_frame_is_a_command(command: str, data: st.DataObject) -> None:
    whole = frame(123, command)
    start = data.draw(st.integers(1, len(whole) - 2))
    part = whole[start:-1].decode()
    known = ("name", "train", "reset", "db", "infer", "load", "save", "label")
    for name in known:
        rest = part.removeprefix(name)
        if rest != part and (not rest or rest[0] == " "):  # the word of a command: its argument is no good
            assert ":" in rest


@settings(max_examples=120, deadline=None)
@given(
    st.binary(max_size=80), st.lists(st.integers(0, 10_000), min_size=1, max_size=3), st.binary(max_size=20)
)
def test_only_whole_answers_are_found(noise: bytes, turned: list[int], behind: bytes) -> None:
    body = b"m-outputs-[0123456789abcdef]\r\n"
    end = b"5:%d" % len(body)
    answer = body + b"m-crc-[%s:%08x]\r\nm-ready\r\n" % (end, zlib.crc32(end, zlib.crc32(body)))
    if b"m-ready" not in noise and b"m-crc" not in noise:
        found = find(noise + answer + behind, 5)
        assert found is not None
        assert found.body == body
        other = find(noise + answer, 6)
        assert other is not None
        assert other.body is None
    spoiled = bytearray(answer[: -len("m-ready\r\n")])
    for bit in turned:
        spoiled[bit // 8 % len(spoiled)] ^= 1 << bit % 8
    found = find(bytes(spoiled) + b"m-ready\r\n", 5)
    assert spoiled == answer[: len(spoiled)] or found is None or found.body is None


def test_thousands_of_commands_on_a_bad_line_give_no_wrong_answer(program: Path) -> None:
    seed = 0 if os.environ.get("CI") else int(time.time())  # as hypothesis does
    mild = serial_twins.run(program, 1500, reset_share=0.01, seed=seed)
    assert mild.wrong == []
    assert mild.resets == mild.resets_told > 0
    assert sum(mild.faults.values()) > 10
    harsh = serial_twins.run(program, 150, share=0.25, seed=seed)
    assert harsh.wrong == []
    assert max(mild.longest_s, harsh.longest_s) < 10


def test_whoever_comes_next_is_answered_whatever_was_left_on_the_line(board: HostBoard) -> None:
    chance = random.Random(4)
    for attempt in range(25):
        half = chance.choice(
            [frame(attempt, "name"), b"db load 32%db 00ff", b"train 0.1", b"\x00\xff", b"x" * 400]
        )
        board.write(half[: chance.randint(1, len(half))])  # and hung up
        with SerialLink(board, timeout_s=5) as link:
            assert link.checked
            assert link.value("name", "name-dut") == "learner"
            if attempt % 2:
                board.write(frame(attempt, "stats"))  # hung up before the answer


def test_the_documentation_has_what_the_long_run_found() -> None:
    root = Path(__file__).parents[2]
    found = json.loads((root / "benchmarks" / "results" / "serial_endurance.json").read_text("utf-8"))
    text = (root / "docs" / "serial.md").read_text("utf-8")
    assert found["commands"] >= 100_000
    assert found["share"] == 0.01
    assert found["wrong"] == []
    for words in (
        f"{found['commands']:,}",
        f"{sum(found['faults'].values()):,} damaged",
        f"{found['resets_told']} of {found['resets']}",
        f"in {found['seconds']:.0f} s",
        f"out of step | {found['given_up']} |",
        f"| {found['longest_s']:.2f} s |",
    ):
        assert words in text


def test_a_link_finds_out_what_the_board_knows(board: HostBoard) -> None:
    with SerialLink(board) as link:
        assert link.checked
        model = SerialModel(link, sample_bytes=SAMPLE_BYTES, classes=learner.CLASSES)
        sample, labels = learner.samples(2)
        model.load_sample(sample[0].tobytes(), int(labels[0]))
        model.train(0.1)
        known = model.state_crc()
        board.reset()
        with pytest.raises(ToolkitError, match="was reset before `states`") as caught:
            model.state_crc()
        assert caught.value.exit_code == DEVICE
        assert model.state_crc() != known
        assert isinstance(link.talk, CheckedTalk)
        link.talk.sequence = serial_frame.SEQUENCES
        model.load_sample(sample[1].tobytes(), int(labels[1]))
        assert model.train(0.1) == pytest.approx(0.75)
        ask(board, b"label 1%")
        with pytest.raises(ToolkitError, match="or somebody typed"):
            model.accuracy()
    with SerialLink(board, checked=False) as link:
        assert not link.checked
        assert link.value("name", "name-dut") == "learner"


def serve(answer: Callable[[bytes], bytes]) -> str:
    """Return a port at which every command that comes is answered."""
    server = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with server, server.accept()[0] as client:
            while data := client.recv(1000):
                for command in data.split(b"%")[:-1]:
                    client.sendall(answer(command))

    threading.Thread(target=run, daemon=True).start()
    return f"socket://127.0.0.1:{server.getsockname()[1]}"


def test_firmware_that_does_not_know_the_checked_form_is_talked_to_plainly() -> None:
    def answer(command: bytes) -> bytes:
        if command == b"name":
            return b"m-name-dut-[reference]\r\nm-ready\r\n"
        return (b"e-[Unknown command: " + command + b"]\r\n" if command else b"") + b"m-ready\r\n"

    started = time.monotonic()
    with SerialLink(serve(answer), timeout_s=5) as link:
        assert not link.checked
        assert link.value("name", "name-dut") == "reference"
    assert time.monotonic() - started < 2
    with pytest.raises(ToolkitError, match="to `sync`"):
        SerialLink(serve(answer), timeout_s=0.5, checked=True)
