"""One megabyte of Shakespeare, character by character; the last tenth is the test set.

From A. Karpathy's char-rnn, https://github.com/karpathy/char-rnn.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from toolkit.data.cache import cache_dir, damaged
from toolkit.data.dataset import Dataset
from toolkit.data.download import Checksum, RemoteFile, fetch

_BYTES = 1115394
_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"

FILE = RemoteFile(
    path="tinyshakespeare/input.txt",
    urls=("https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",),
    max_bytes=_BYTES,
    checksums=(Checksum("sha256", _SHA256),),
)


def read_text(path: Path) -> bytes:
    """Return the text in ``input.txt`` or ``input.txt.gz``; there is one edition, and its hash is known."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            text = stream.read(_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path, error) from error
    if hashlib.sha256(text).hexdigest() != _SHA256:
        raise damaged(path, "the text's SHA-256 checksum does not match")
    return text


def load(limit: int | None) -> Dataset:
    """Return indices ``(n,)`` int64 into the 65 ``classes``; ``y`` is the character that follows."""
    compressed = cache_dir() / f"{FILE.path}.gz"
    text = read_text(compressed if compressed.is_file() else fetch(FILE))
    # the text is ASCII, so a byte is a character
    alphabet, codes = np.unique(np.frombuffer(text, np.uint8), return_inverse=True)
    codes = codes.astype(np.int64)
    start_of_test = len(codes) * 9 // 10
    train, test = codes[:start_of_test], codes[start_of_test:]
    return Dataset(
        name="tinyshakespeare",
        x_train=train[:-1][:limit],
        y_train=train[1:][:limit],
        x_test=test[:-1][:limit],
        y_test=test[1:][:limit],
        classes=[chr(code) for code in alphabet],
        description="A megabyte of Shakespeare's plays; predict the next character",
        licence="public domain",
    )
