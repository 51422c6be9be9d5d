"""What all datasets share, and the two that need few files: digits and tinyshakespeare."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import platformdirs
import pytest

from toolkit import data
from toolkit.data.dataset import Dataset
from toolkit.errors import ToolkitError


def test_the_names_are_the_modules():
    assert data.names() == [
        "cifar10", "cora", "digits", "dvs128_gesture", "fashion_mnist", "fsdd", "mnist", "n_mnist", "shd", "ssc",
        "tinyshakespeare",
    ]  # fmt: skip


@pytest.mark.parametrize("name", data.names())
def test_every_set_says_what_it_is(name):
    assert 20 < len(data.describe(name)) <= 110
    assert callable(importlib.import_module(f"toolkit.data.sets.{name}").load)


@pytest.mark.parametrize("name", [name for name in data.names() if name != "digits"])
def test_every_set_has_a_public_home(name):
    module = importlib.import_module(f"toolkit.data.sets.{name}")
    for file in getattr(module, "FILES", None) or [module.FILE]:
        assert file.path.startswith(f"{name}/")
        assert file.urls
        assert file.checksums or file.check  # something must tell a good download from a bad one


def test_a_typing_error_gets_a_hint():
    with pytest.raises(ToolkitError) as caught:
        data.load("minst")
    assert caught.value.fix == "did you mean mnist?"
    with pytest.raises(ToolkitError, match="no dataset called") as caught:
        data.describe("../../etc")
    assert "digits" in caught.value.fix


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_must_be_positive(limit):
    with pytest.raises(ToolkitError, match="at least 1"):
        data.load("digits", limit=limit)


def test_importing_is_cheap():
    script = "import sys, toolkit.data, toolkit.data.download; print({'torch', 'sklearn', 'rich'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"


def test_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TOOLKIT_DATA", str(tmp_path))
    assert data.cache_dir() == tmp_path.resolve()
    monkeypatch.setenv("TOOLKIT_DATA", "~/sets")
    assert data.cache_dir() == Path.home().resolve() / "sets"
    monkeypatch.delenv("TOOLKIT_DATA")
    assert data.cache_dir() == Path(platformdirs.user_cache_dir("edge-toolkit", appauthor=False)) / "data"


def test_offline_says_which_file_to_put_where(cache, monkeypatch):
    # a proxy that nobody runs: the same as a machine without network
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(ToolkitError) as caught:
        data.load("tinyshakespeare")
    assert caught.value.what == "cannot download tinyshakespeare/input.txt"
    assert str(cache / "tinyshakespeare" / "input.txt") in caught.value.fix
    assert "TOOLKIT_DATA" in caught.value.fix


def test_digits():
    digits = data.load("digits")
    assert digits.x_train.shape == (1437, 1, 8, 8)
    assert digits.x_test.shape == (360, 1, 8, 8)
    assert digits.x_train.dtype == np.float32
    assert digits.x_train.min() == 0
    assert digits.x_train.max() == 1
    assert digits.y_train.dtype == np.int64
    counts = np.bincount(digits.y_test)
    assert 34 <= counts.min() <= counts.max() <= 38


def test_the_digits_split_is_complete_and_never_changes():
    from sklearn.datasets import load_digits

    digits = data.load("digits")
    together = np.concatenate([digits.x_train, digits.x_test]).reshape(1797, 64) * 16
    assert sorted(map(tuple, together)) == sorted(map(tuple, load_digits().data))
    # published accuracies hang on it
    assert hashlib.sha256(digits.y_test.astype(np.uint8).tobytes()).hexdigest()[:16] == "70ee2850bb25b543"


def test_a_beginning_of_digits():
    whole, part = data.load("digits"), data.load("digits", limit=100)
    assert np.array_equal(part.x_train, whole.x_train[:100])
    assert np.array_equal(part.y_test, whole.y_test[:100])
    assert set(part.y_train.tolist()) == set(range(10))


def test_a_dataset_checks_itself():
    x, y = np.zeros((3, 1), np.float32), np.zeros(3, np.int64)
    Dataset("made", x, y, x, y, ["a"], "", "")
    for arguments in ((x, y[:2], x, y), (x, y, x, y + 1), (x, y - 1, x, y), (x, y.astype(np.int32), x, y)):
        with pytest.raises(ValueError, match="made"):
            Dataset("made", *arguments, ["a"], "", "")


def test_a_changed_text_is_refused(cache):
    (cache / "tinyshakespeare").mkdir(parents=True)
    for name, content in (
        ("input.txt", b"To be"),
        ("input.txt.gz", gzip.compress(b"or not to be")),
        ("input.txt.gz", b"plain"),
    ):
        (cache / "tinyshakespeare" / name).write_bytes(content)
        with pytest.raises(ToolkitError, match="damaged"):
            data.load("tinyshakespeare")


def test_the_real_text(real_data, cache):
    packed = real_data / "tinyshakespeare" / "input.txt.gz"
    if not packed.is_file():
        pytest.skip(f"no tinyshakespeare/input.txt.gz in {real_data}")
    (cache / "tinyshakespeare").mkdir(parents=True)
    (cache / "tinyshakespeare" / "input.txt.gz").write_bytes(packed.read_bytes())
    text = data.load("tinyshakespeare")
    assert len(text.classes) == 65
    assert "".join(text.classes[index] for index in text.x_train[:14]) == "First Citizen:"
    assert np.array_equal(text.x_train[1:], text.y_train[:-1])
    assert len(text.x_train) + len(text.x_test) + 2 == 1115394
    assert len(data.load("tinyshakespeare", limit=50).x_test) == 50

    # the plain file, as a download leaves it, gives the same
    (cache / "tinyshakespeare" / "input.txt.gz").unlink()
    (cache / "tinyshakespeare" / "input.txt").write_bytes(gzip.decompress(packed.read_bytes()))
    assert np.array_equal(data.load("tinyshakespeare").x_test, text.x_test)
