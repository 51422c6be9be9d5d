"""``toolkit deploy`` over a real sshd of this machine: bundles run there, and what goes wrong is said."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Cli
from tests.device import adb_server, sshd
from toolkit import bundle as bundles
from toolkit.compare.documents import entries_of
from toolkit.device.build import build
from toolkit.device.remote.adb import AdbLink
from toolkit.device.remote.deploy import deploy
from toolkit.device.remote.ssh import SshLink
from toolkit.errors import DEVICE, MISSING, USAGE, ToolkitError

pytestmark = pytest.mark.skipif(shutil.which("sshd") is None and not Path("/usr/sbin/sshd").exists(),
                                reason="needs sshd: apt-get install openssh-server")  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Server]:
    """An sshd of this machine."""
    with sshd.running(tmp_path_factory.mktemp("sshd")) as started:
        yield started


@pytest.fixture(scope="module")
def bundle(tiny_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle for this machine with C and two ONNX files."""
    folder = tmp_path_factory.mktemp("deploy") / "pc"
    bundles.export(tiny_program, "linux-x86", folder, name="tiny", formats=["c", "onnx"])
    return folder


@pytest.fixture
def link(server: sshd.Server) -> Iterator[SshLink]:
    """An open connection."""
    opened = SshLink(server.host, server.port, server.identity, server.known_hosts)
    yield opened
    opened.close()


def options(server: sshd.Server) -> list[object]:
    """Return the command line's words for the server."""
    return ["--host", server.host, "-p", server.port, "--identity", server.identity,
            "--known-hosts", server.known_hosts]  # fmt: skip


def test_a_bundle_runs_there_and_is_compared_here(
    cli: Cli, server: sshd.Server, bundle: Path, tmp_path: Path
) -> None:
    there = tmp_path / "a folder"
    words = ["--path", there, "--python", sys.executable, "--runs", 20, "--json"]
    done = cli("deploy", bundle, *options(server), *words)
    assert done.code == 0, done.err
    ran = {each["file"]: each for each in done.document["ran"]}
    assert set(ran) == {"model.c", "models/int8.onnx", "models/float32.onnx"}
    assert ran["model.c"]["differing"] == 0
    assert all(each["ok"] and each["values"] == 16 * 3 for each in ran.values())
    for each in ran.values():
        assert each["latency"]["how"] == "measured"
        assert each["latency"]["runs"] == 20
        assert 0 < each["latency"]["fastest_us"] <= each["latency"]["median_us"] < 1e6
    assert done.document["machine"].startswith("Linux ")
    rows = {row.ways["file"]: row for row in entries_of(done.document, source="deploy")}
    assert {(row.model, row.target) for row in rows.values()} == {("tiny", "linux-x86")}
    assert {file: row.figures["latency_us"].value for file, row in rows.items()} == {
        file: each["latency"]["median_us"] for file, each in ran.items()
    }
    assert not (there / "model.c").exists()
    assert not there.with_name("a folder.new").exists()
    shown = cli("deploy", bundle, *options(server), "--path", there, "--runtime", "c")
    assert shown.code == 0, shown.err
    assert "0 of 48" in shown.out
    assert "measured" in shown.out
    assert not (there / "models").exists()  # replaced as a whole


def test_other_outputs_than_expected_are_found(link: SshLink, bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "pc", ignore=shutil.ignore_patterns("build"))
    for file in (tmp_path / "pc" / "golden" / "c").iterdir():
        np.save(file, np.load(file) + 1.0)
    done = deploy(tmp_path / "pc", link, path=str(tmp_path / "there"), runtimes=["c"], repeat=0)
    assert not done.ok
    assert done.ran[0].differing == 48
    assert done.ran[0].latency is None


def test_a_host_with_an_unknown_key_is_not_talked_to(server: sshd.Server, tmp_path: Path) -> None:
    known = server.known_hosts.read_text().split()
    other = server.identity.with_suffix(".pub").read_text().split()[1]
    for text in ("", f"{known[0]} {known[1]} {other}\n"):
        (tmp_path / "known").write_text(text)
        with pytest.raises(ToolkitError, match="not among the known hosts") as caught:
            SshLink(server.host, server.port, server.identity, tmp_path / "known")
        assert caught.value.exit_code == USAGE
        assert "ssh-keygen -lf" in caught.value.fix


def test_a_key_that_the_host_does_not_take(server: sshd.Server, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    with pytest.raises(ToolkitError, match="lets this user not in") as caught:
        SshLink(server.host, server.port, tmp_path / "key", server.known_hosts)
    assert "ssh-copy-id" in caught.value.fix
    (tmp_path / "none").write_text("no key")
    with pytest.raises(ToolkitError, match="the key cannot be used"):
        SshLink(server.host, server.port, tmp_path / "none", server.known_hosts)


def test_nobody_answers(server: sshd.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(ToolkitError, match="connecting failed") as caught:
        SshLink(server.host, port, server.identity, server.known_hosts)
    assert caught.value.exit_code == DEVICE
    with socket.socket() as mute:  # takes the connection and never says a word
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        monkeypatch.setattr("toolkit.device.remote.ssh._CONNECT_S", 0.5)
        with pytest.raises(ToolkitError, match="did not end within"):
            SshLink(server.host, mute.getsockname()[1], server.identity, server.known_hosts)


def test_a_command_that_never_ends(link: SshLink) -> None:
    with pytest.raises(ToolkitError, match="did not end within") as caught:
        link.run("sleep 60", 0.5)
    assert caught.value.exit_code == DEVICE
    assert link.run("exit 3", 10).code == 3


@pytest.mark.parametrize(
    ("target", "says"),
    [("rpi", "--target jetson or android|--target linux-x86"), ("ios", "do not go over a shell")],
)
def test_another_machine_than_the_bundles(
    link: SshLink, bundle: Path, tmp_path: Path, target: str, says: str
) -> None:
    copy = tmp_path / "pc"
    shutil.copytree(bundle, copy, ignore=shutil.ignore_patterns("build"))
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"target": target}))
    with pytest.raises(ToolkitError) as caught:
        deploy(copy, link, path=str(tmp_path / "there"))
    assert any(each in str(caught.value) for each in says.split("|"))
    assert caught.value.exit_code == USAGE
    assert not (tmp_path / "there").exists()


def test_no_python_and_no_runtime_there(link: SshLink, bundle: Path, tmp_path: Path) -> None:
    there = str(tmp_path / "there")
    with pytest.raises(ToolkitError, match="no Python that could run") as caught:
        deploy(bundle, link, path=there, runtimes=["onnx"], python=str(tmp_path / "python"), repeat=1)
    assert caught.value.exit_code == MISSING
    done = deploy(bundle, link, path=there, python=str(tmp_path / "python"), repeat=1)
    assert [each.file for each in done.ran] == ["model.c"]
    assert {each["file"] for each in done.missing} >= {"models/int8.onnx"}
    (tmp_path / "empty" / "onnxruntime").mkdir(parents=True)
    (tmp_path / "empty" / "onnxruntime" / "__init__.py").write_text(
        "raise ImportError('not for this machine')"
    )
    python = f"PYTHONPATH={tmp_path / 'empty'} {sys.executable}"
    with pytest.raises(ToolkitError, match="pip install onnxruntime") as caught:
        deploy(bundle, link, path=there, runtimes=["onnx"], python=python, repeat=1)
    assert caught.value.exit_code == MISSING
    with pytest.raises(ToolkitError, match="the bundle has no files of litert"):
        deploy(bundle, link, path=there, runtimes=["litert"])


def test_a_full_disk_there(link: SshLink, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolkit.device.remote.visit._ROOM_BYTES", 1 << 60)
    with pytest.raises(ToolkitError, match="bytes free") as caught:
        deploy(bundle, link, path="/tmp/toolkit-never-made", runtimes=["c"])
    assert caught.value.exit_code == DEVICE
    subprocess.run(["rmdir", "/tmp/toolkit-never-made"], check=True)


def test_where_to_must_be_said(cli: Cli, bundle: Path) -> None:
    for words in ([], ["--host", "pi", "--adb", "any"]):
        done = cli("deploy", bundle, *words)
        assert done.code == USAGE
        assert "--host USER@HOST or --adb SERIAL" in done.err


def test_a_bundle_of_c_alone(link: SshLink, tiny_program: Path, tmp_path: Path) -> None:
    from tests.device import toy

    bundles.export(tiny_program, "linux-x86", tmp_path / "c", name="tiny", formats=["c"])
    done = deploy(tmp_path / "c", link, path=str(tmp_path / "there"), repeat=3)
    assert [(each.file, each.differing, each.values) for each in done.ran] == [("model.c", 0, 48)]
    assert done.ran[0].latency is not None
    np.save(tmp_path / "c" / "golden" / "output_0.npy", np.zeros((16, 3), np.int8))
    assert not deploy(tmp_path / "c", link, path=str(tmp_path / "there"), repeat=0).ok
    with pytest.raises(ToolkitError, match="do not go over a shell") as caught:
        deploy(toy.make(tmp_path / "b", "nucleo-f411re"), link)
    assert "toolkit flash" in caught.value.fix


def test_a_dry_run_prints_the_commands_that_do_the_same(
    cli: Cli, server: sshd.Server, bundle: Path, tmp_path: Path
) -> None:
    """Nothing is there afterwards; then a shell does what was printed, with the programs of OpenSSH."""
    there = tmp_path / "a folder"
    words = ["--path", there, "--python", sys.executable, "--runs", 2]
    done = cli("deploy", bundle, "--dry-run", *options(server), *words)
    assert done.code == 0, done.err
    assert not there.exists()
    assert "nothing was done" in done.err
    assert sum(line.startswith("ssh ") for line in done.out.splitlines()) == 7
    (tmp_path / "here").mkdir()
    typed = subprocess.run(
        ["sh", "-e", "-c", done.out], cwd=tmp_path / "here", capture_output=True, text=True, timeout=120
    )
    assert typed.returncode == 0, typed.stderr
    assert {file.name for file in (tmp_path / "here").iterdir()} == {"output.bin", "times.txt", "outputs.npz"}
    expected = np.load(bundle / "golden" / "output_0.npy").tobytes()
    assert (tmp_path / "here" / "output.bin").read_bytes() == expected
    words = ["--adb", "ab 1", "--runtime", "c", "--runs", "0", "--json"]
    plan = cli("deploy", bundle, "--dry-run", *words).document
    push = f"adb -s 'ab 1' push {bundle}/build/deploy /data/local/tmp/toolkit/tiny.new"
    assert push in plan["commands"]
    assert plan["files"]["runner"] == (bundle / "build" / "deploy" / "runner").stat().st_size
    assert cli("deploy", bundle, "--dry-run").code == USAGE


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch) -> Iterator[adb_server.AdbServer]:
    """A device that Debian's adb sees; it is this machine."""
    if shutil.which("adb") is None:
        pytest.skip("needs adb: apt-get install adb")
    with adb_server.running() as server:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(server.server_address[1]))
        yield server


def test_adb_pushes_runs_and_pulls(phone: adb_server.AdbServer, bundle: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    done = deploy(bundle, AdbLink("any"), path=str(there), runtimes=["c"], repeat=5)
    assert done.ok
    assert (done.ran[0].differing, done.ran[0].values) == (0, 48)
    assert done.ran[0].latency is not None
    assert done.ran[0].latency.runs == 5
    assert (there / "golden" / "input_0.npy").is_file()
    sent = [asked for asked in phone.asked if asked.startswith("shell")]
    assert "./runner 5" in sent[-1]
    failing = AdbLink("any").run("echo no >&2; exit 9", 30)
    assert (failing.code, failing.err.strip()) == (9, "no")


@pytest.mark.parametrize(
    ("state", "says", "code"),
    [
        ("device unauthorized.", "does not let this computer use it", USAGE),
        ("no devices/emulators found", "adb sees no such device", MISSING),
        ("more than one device/emulator", "adb sees several devices", USAGE),
    ],
)
def test_a_device_that_adb_may_not_use(phone: adb_server.AdbServer, state: str, says: str, code: int) -> None:
    phone.state = state
    with pytest.raises(ToolkitError, match=says) as caught:
        AdbLink("any")
    assert caught.value.exit_code == code


def test_the_runner_of_a_raspberry_pi(tiny_program: Path, tmp_path: Path) -> None:
    bundles.export(tiny_program, "rpi", tmp_path / "pi")
    program = build(tmp_path / "pi", runner=True).path
    (tmp_path / "input.bin").write_bytes(np.load(tmp_path / "pi" / "golden" / "input_0.npy").tobytes())
    subprocess.run(["qemu-aarch64", program, "3"], cwd=tmp_path, check=True, timeout=60)
    expected = np.load(tmp_path / "pi" / "golden" / "output_0.npy").tobytes()
    assert (tmp_path / "output.bin").read_bytes() == expected
    assert len((tmp_path / "times.txt").read_text().split()) == 3
