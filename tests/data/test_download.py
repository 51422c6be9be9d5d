"""The downloader against a real server with real faults."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from toolkit.data.download import Checksum, RemoteFile, fetch
from toolkit.errors import CHECK_FAILED, MISSING, ToolkitError

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = (Checksum("sha256", hashlib.sha256(CONTENT).hexdigest()),)


def remote(*urls: str, checksums: tuple[Checksum, ...] = SHA256, **more) -> RemoteFile:
    return RemoteFile(
        "set/file.bin", urls, max_bytes=more.pop("max_bytes", 1_000_000), checksums=checksums, **more
    )


def get(file: RemoteFile, folder: Path, **more) -> Path:
    return fetch(file, folder, **{"timeout_s": 5, "attempts": 3, "pause_s": 0.01, **more})


def leftovers(folder: Path) -> set[str]:
    return {path.name for path in (folder / "set").iterdir()} - {"file.bin", "file.bin.lock"}


def test_downloads_once_and_leaves_nothing_else(server, tmp_path):
    file = remote(server.serve("a", CONTENT))
    assert get(file, tmp_path) == tmp_path / "set" / "file.bin"
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert server.requests == [("/a", None)]
    assert leftovers(tmp_path) == set()


def test_a_file_in_the_cache_is_used_without_network(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "file.bin").write_bytes(b"re-packed, another checksum")
    assert get(remote("http://127.0.0.1:9/none"), tmp_path).read_bytes() == b"re-packed, another checksum"
    assert leftovers(tmp_path) == set()


def test_a_broken_transfer_goes_on_where_it_stopped(server, tmp_path):
    url = server.serve("a", CONTENT)
    server.pages["/a"].cut_after = [100_000, 50_000]
    assert get(remote(url), tmp_path).read_bytes() == CONTENT
    assert server.requests == [("/a", None), ("/a", "bytes=100000-"), ("/a", "bytes=150000-")]


def test_a_later_call_goes_on_from_the_partial_file(server, tmp_path):
    url = server.serve("a", CONTENT)
    server.pages["/a"].cut_after = [200_000]
    with pytest.raises(ToolkitError, match="cannot download"):
        get(remote(url), tmp_path, attempts=1)
    assert leftovers(tmp_path) == {"file.bin.part"}
    assert get(remote(url), tmp_path).read_bytes() == CONTENT
    assert server.requests[1] == ("/a", "bytes=200000-")


def test_a_killed_process_leaves_what_the_next_one_needs(server, tmp_path):
    url = server.serve("a", CONTENT)
    server.pages["/a"].hang_after = 200_000
    script = (
        "import sys; from pathlib import Path; from toolkit.data.download import *\n"
        "url, digest, folder = sys.argv[1:]\n"
        "fetch(RemoteFile('set/file.bin', (url,), 10**6, (Checksum('sha256', digest),)), Path(folder))"
    )
    process = subprocess.Popen([sys.executable, "-c", script, url, SHA256[0].hexdigest, str(tmp_path)])
    part = tmp_path / "set" / "file.bin.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > 100_000):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    have = part.stat().st_size
    server.pages["/a"].hang_after = None
    assert get(remote(url), tmp_path).read_bytes() == CONTENT
    assert server.requests[1] == ("/a", f"bytes={have}-")


def test_a_server_that_ignores_range_gets_a_fresh_start(server, tmp_path):
    url = server.serve("a", CONTENT)
    server.pages["/a"].ranges = False
    server.pages["/a"].cut_after = [100_000]
    assert get(remote(url), tmp_path).read_bytes() == CONTENT
    assert server.requests == [("/a", None), ("/a", "bytes=100000-")]


def test_another_range_than_asked_for_is_refused(server, tmp_path):
    url = server.serve("a", CONTENT)
    server.pages["/a"].cut_after = [100_000]
    server.pages["/a"].shift_range_by = 7
    with pytest.raises(ToolkitError) as caught:
        get(remote(url), tmp_path)
    assert "another part of the file" in caught.value.at


def test_a_partial_file_that_is_already_whole(server, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "file.bin.part").write_bytes(CONTENT)
    assert get(remote(server.serve("a", CONTENT)), tmp_path).read_bytes() == CONTENT
    assert server.requests == [("/a", f"bytes={len(CONTENT)}-")]


@pytest.mark.parametrize("size", [1000, len(CONTENT), len(CONTENT) + 1000])
def test_a_wrong_partial_file_is_thrown_away(server, tmp_path, size):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "file.bin.part").write_bytes(b"x" * size)
    assert get(remote(server.serve("a", CONTENT)), tmp_path).read_bytes() == CONTENT
    assert server.requests == [("/a", f"bytes={size}-"), ("/a", None)]


def test_without_a_checksum_halves_are_never_joined(server, tmp_path):
    url = server.serve("a", CONTENT)
    server.pages["/a"].cut_after = [100_000]
    assert get(remote(url, checksums=()), tmp_path).read_bytes() == CONTENT
    assert server.requests == [("/a", None), ("/a", None)]


def test_a_wrong_checksum_is_refused_and_the_next_mirror_asked(server, tmp_path):
    bad, good = server.serve("bad", b"x" * len(CONTENT)), server.serve("good", CONTENT)
    assert get(remote(bad, good), tmp_path).read_bytes() == CONTENT
    assert [path for path, _ in server.requests] == ["/bad", "/good"]


def test_a_wrong_checksum_everywhere_is_an_error_that_leaves_nothing(server, tmp_path):
    with pytest.raises(ToolkitError) as caught:
        get(remote(server.serve("bad", b"x" * 1000)), tmp_path)
    assert caught.value.exit_code == CHECK_FAILED
    assert "sha256 checksum does not match" in caught.value.at
    assert not (tmp_path / "set" / "file.bin").exists()
    assert leftovers(tmp_path) == set()


def test_any_of_several_checksums_will_do(server, tmp_path):
    checksums = (Checksum("sha256", "0" * 64), Checksum("md5", hashlib.md5(CONTENT).hexdigest()))
    assert get(remote(server.serve("a", CONTENT), checksums=checksums), tmp_path).read_bytes() == CONTENT


def test_not_found_is_not_tried_again_and_the_error_says_what_to_do(server, tmp_path):
    with pytest.raises(ToolkitError) as caught:
        get(remote(server.url("none"), server.url("neither")), tmp_path)
    assert [path for path, _ in server.requests] == ["/none", "/neither"]
    assert caught.value.exit_code == MISSING
    assert "HTTP 404" in caught.value.at
    assert str(tmp_path / "set" / "file.bin") in caught.value.fix
    assert "TOOLKIT_DATA" in caught.value.fix


def test_a_busy_server_is_tried_again(server, tmp_path):
    url = server.serve("a", CONTENT)
    server.pages["/a"].statuses = [503, 429]
    assert get(remote(url), tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == 3


def test_a_silent_server_runs_into_the_timeout_and_costs_no_byte(server, tmp_path):
    hangs, good = server.serve("hangs", CONTENT), server.serve("good", CONTENT)
    server.pages["/hangs"].hang_after = 100_000
    started = time.monotonic()
    assert get(remote(hangs, good), tmp_path, timeout_s=0.5, attempts=1).read_bytes() == CONTENT
    assert time.monotonic() - started < 5
    assert server.requests == [("/hangs", None), ("/good", "bytes=100000-")]


def test_a_silent_server_alone_is_an_error(server, tmp_path):
    url = server.serve("a", CONTENT)
    server.pages["/a"].hang_after = 0
    with pytest.raises(ToolkitError) as caught:
        get(remote(url), tmp_path, timeout_s=0.3, attempts=2)
    assert "no answer within 0.3 s" in caught.value.at
    assert len(server.requests) == 2


def test_nobody_at_the_address(tmp_path):
    with pytest.raises(ToolkitError) as caught:
        get(remote("http://127.0.0.1:9/file"), tmp_path, attempts=1)
    assert caught.value.exit_code == MISSING


def test_offline_does_not_wait(tmp_path):
    started = time.monotonic()
    with pytest.raises(ToolkitError) as caught:
        get(remote("http://no-such-host.invalid/file"), tmp_path, pause_s=60)
    assert caught.value.exit_code == MISSING
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("stated_length", [True, False])
def test_too_large_is_refused(server, tmp_path, stated_length):
    url = server.serve("a", CONTENT)
    server.pages["/a"].stated_length = stated_length
    with pytest.raises(ToolkitError) as caught:
        get(remote(url, max_bytes=100_000), tmp_path)
    assert "at most 100,000 were expected" in caught.value.at
    assert leftovers(tmp_path) == set()
    assert len(server.requests) == 1


def test_a_server_that_states_no_length(server, tmp_path):
    url = server.serve("a", CONTENT)
    server.pages["/a"].stated_length = False
    assert get(remote(url), tmp_path).read_bytes() == CONTENT


def test_redirects_are_followed(server, tmp_path):
    server.serve("a", CONTENT)
    url = server.serve("moved", b"")
    server.pages["/moved"].redirect = server.url("a")
    assert get(remote(url), tmp_path).read_bytes() == CONTENT


def test_first_use_is_recorded_and_later_downloads_must_match(server, tmp_path):
    url = server.serve("a", CONTENT)
    file = remote(url, checksums=())
    record = get(file, tmp_path).with_name("file.bin.sha256")
    assert record.read_text() == f"{SHA256[0].hexdigest}  file.bin\n"

    (tmp_path / "set" / "file.bin").unlink()
    server.serve("a", b"changed by somebody")
    with pytest.raises(ToolkitError) as caught:
        get(file, tmp_path)
    assert caught.value.exit_code == CHECK_FAILED
    assert str(record) in caught.value.at

    record.unlink()
    assert get(file, tmp_path).read_bytes() == b"changed by somebody"


def test_senseless_content_is_not_trusted_on_first_use(server, tmp_path):
    def is_a_zip(path: Path) -> None:
        if not path.read_bytes().startswith(b"PK"):
            raise ToolkitError("not a zip file")

    page, good = server.serve("page", b"<html>log in first</html>"), server.serve("good", b"PK...")
    file = remote(page, checksums=(), check=is_a_zip)
    with pytest.raises(ToolkitError) as caught:
        get(file, tmp_path)
    assert "not a zip file" in caught.value.at
    assert leftovers(tmp_path) == set()
    assert get(remote(page, good, checksums=(), check=is_a_zip), tmp_path).read_bytes() == b"PK..."


def test_several_at_once_download_once(server, tmp_path):
    file = remote(server.serve("a", CONTENT))
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(get(file, tmp_path).read_bytes())) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [CONTENT] * 6
    assert len(server.requests) == 1


def test_a_cache_that_cannot_be_written(server, tmp_path):
    (tmp_path / "set").write_text("a file where a folder should be")
    with pytest.raises(ToolkitError) as caught:
        get(remote(server.serve("a", CONTENT)), tmp_path)
    assert "cannot write in" in caught.value.what
    assert "TOOLKIT_DATA" in caught.value.fix


def test_a_full_disk(server, tmp_path):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full, which only Linux has")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "file.bin.part").symlink_to(full)
    with pytest.raises(ToolkitError) as caught:
        get(remote(server.serve("a", CONTENT)), tmp_path)
    assert "No space left" in caught.value.what
    assert "free some space" in caught.value.fix


def test_no_bar_where_there_is_no_terminal(server, tmp_path, capfd):
    get(remote(server.serve("a", CONTENT)), tmp_path)
    assert capfd.readouterr() == ("", "")


def test_a_bar_on_a_terminal_goes_to_stderr(server, tmp_path):
    pty = pytest.importorskip("pty", reason="pseudo-terminals exist on Unix only")
    import os

    terminal, inner = pty.openpty()
    script = (
        "import sys; from pathlib import Path; from toolkit.data.download import *\n"
        "print(fetch(RemoteFile('set/file.bin', (sys.argv[1],), 10**6, ()), Path(sys.argv[2])).name)"
    )
    command = [sys.executable, "-c", script, server.serve("a", CONTENT), str(tmp_path)]
    result = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=inner,
        check=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(inner)
    shown = os.read(terminal, 100_000)
    os.close(terminal)
    assert result.stdout == b"file.bin\n"
    assert b"set/file.bin" in shown
