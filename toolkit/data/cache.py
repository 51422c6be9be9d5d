"""Where downloaded datasets lie.

``<cache>/<dataset>/<file>``, for example ``mnist/train-images-idx3-ubyte.gz``. A file found there is used
after a check of its content, whoever put it there; only downloads are compared with a checksum.
"""

from __future__ import annotations

import os
from pathlib import Path

from toolkit.errors import ToolkitError

VARIABLE = "TOOLKIT_DATA"


def cache_dir() -> Path:
    """Return the cache folder, which may not exist yet: ``TOOLKIT_DATA``, or one in the user's cache."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen).expanduser().resolve()
    import platformdirs

    return Path(platformdirs.user_cache_dir("edge-toolkit", appauthor=False)) / "data"


def damaged(path: Path, why: str | Exception) -> ToolkitError:
    """Return the error for a file in the cache whose content is not what it should be."""
    reason = str(why) or type(why).__name__
    return ToolkitError(
        f"{path.name} is damaged or not the expected file: {reason}",
        at=str(path),
        fix="delete the file and load the dataset again, or put a good copy in its place",
    )
