"""What ``toolkit compare`` is given: bundles, projects, documents of benches, and results files, as entries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from toolkit.compare import entry as entries
from toolkit.compare.documents import entries_of
from toolkit.compare.entry import Entry
from toolkit.errors import CHECK_FAILED, ToolkitError
from toolkit.measure.matrix.cell import Cell, of_bundle
from toolkit.measure.matrix.model_files import bundle_in
from toolkit.measure.matrix.run import DEFAULT_TIMEOUT_S, Progress, bench_all
from toolkit.measure.matrix.store import Store

_SQLITE = b"SQLite format 3\0"


def load(
    sources: Sequence[str],
    store: Path | None = None,
    *,
    jobs: int = 1,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    progress: Progress | None = None,
) -> list[Entry]:
    """Return the entries of ``sources``, in their order; bundles are benched now unless ``store`` knows them.

    Args:
        sources: folders of bundles or of projects that are made; JSON that ``toolkit bench`` printed, ``--all``, too;
            results files, ``FILE`` for the last run or ``FILE#RUN``, whose failed cells come without figures.
        store: a results file that keeps what is benched; None keeps nothing.
        jobs: how many bundles at a time.
        timeout_s: limit for each bundle.
        progress: called with bundles done, all bundles, and the last one.

    Raises:
        ToolkitError: a source is none of these, is damaged, or its bench fails.
    """
    known = [_read(source) for source in sources]
    cells = [cell for cell in known if isinstance(cell, Cell)]
    benched = iter(_bench(cells, store, jobs, timeout_s, progress))
    return [entry for found in known for entry in ([next(benched)] if isinstance(found, Cell) else found)]


def _read(source: str) -> Cell | list[Entry]:
    path = Path(source)
    if path.is_dir():
        return of_bundle(_bundle(path))
    file, _, run = source.rpartition("#") if "#" in source and not path.exists() else (source, "", "last")
    try:
        with Path(file).open("rb") as opened:
            is_database = opened.read(len(_SQLITE)) == _SQLITE
        if is_database:
            with Store(Path(file), must_exist=True) as store:
                done, failed = store.entries(store.run(run))
                return [*done, *(replace(each, source=f"failed: {each.source}") for each in failed)]
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        fix = "make it with `toolkit bench --all`" if file.endswith(".sqlite") else _FIX
        raise ToolkitError(f"cannot read {file}: {error.strerror or error}", fix=fix) from error
    except (ValueError, RecursionError) as error:
        raise ToolkitError(f"{source} is neither a results file nor JSON: {error}", fix=_FIX) from error
    return entries_of(document, source=source, model=path.stem)


_FIX = "give a bundle, a project, a file of `toolkit bench --json`, or a results file"


def _bundle(folder: Path) -> Path:
    found = bundle_in(folder)
    if found is not None:
        return found
    if (folder / "toolkit.toml").is_file():
        raise ToolkitError(
            f"the project in {folder} has no bundle yet", fix=f"toolkit make --project {folder}"
        )
    raise ToolkitError(f"{folder} is neither a bundle nor a project", fix=_FIX)


def _bench(
    cells: list[Cell], store: Path | None, jobs: int, timeout_s: float, progress: Progress | None
) -> list[Entry]:
    if not cells:
        return []
    title = " ".join(str(cell.path) for cell in cells)
    with Store(store or Path(":memory:")) as results:
        _, answers = bench_all(cells, results, title=title, jobs=jobs, timeout_s=timeout_s, progress=progress)
    for answer in answers:
        if answer.error:
            at = f"{answer.cell.path}: {answer.error['at']}".removesuffix(": ")
            raise ToolkitError(answer.error["what"], at=at, fix=answer.error["fix"], exit_code=CHECK_FAILED)
    return [
        entries.of_document(answer.document, source=str(answer.cell.path))
        for answer in answers
    ]  # fmt: skip
