"""The citation graph: a compact npz from the cache, and the LINQS text edition."""

from __future__ import annotations

import functools
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from toolkit import data
from toolkit.data.dataset import GraphDataset
from toolkit.data.sets import cora
from toolkit.errors import ToolkitError

NODES, FEATURES = 2708, 1433


def compact(**changes) -> dict[str, np.ndarray]:
    arrays = {
        "features_indptr": np.arange(NODES + 1, dtype=np.int32) * 2,
        "features_indices": np.tile(np.array([3, 1000], np.int32), NODES),
        "num_features": np.int64(FEATURES),
        "labels": (np.arange(NODES) % 7).astype(np.int8),
        "edges": np.array([[0, 1], [1, 0], [5, 2707], [2707, 5]], np.int32),
        "train": np.arange(140),
        "val": np.arange(140, 640),
        "test": np.arange(1708, 2708),
    }
    return {name: array for name, array in {**arrays, **changes}.items() if array is not None}


def put(cache: Path, arrays: dict[str, np.ndarray]) -> Path:
    path = cache / "cora" / "cora.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)
    return path


def test_the_compact_edition(cache):
    put(cache, compact())
    graph = data.load("cora")
    assert isinstance(graph, GraphDataset)
    assert graph.features.shape == (NODES, FEATURES)
    assert graph.features.sum() == 2 * NODES
    assert graph.features[:, [3, 1000]].all()
    assert np.array_equal(graph.x_train, graph.features[:140])
    assert np.array_equal(graph.y_test, graph.labels[1708:])
    assert graph.edges.dtype == graph.labels.dtype == np.int64


BAD = {
    "no labels": {"labels": None},
    "a label too many": {"labels": np.full(NODES, 7)},
    "too few labels": {"labels": np.zeros(5, int)},
    "labels in two dimensions": {"labels": np.zeros((NODES, 1), int)},
    "an edge to nowhere": {"edges": np.array([[0, NODES]])},
    "a negative edge": {"edges": np.array([[0, -1]])},
    "edges of three": {"edges": np.zeros((4, 3), int)},
    "no edges": {"edges": np.zeros((0, 2), int)},
    "a split to nowhere": {"test": np.array([99999])},
    "a feature too many": {"features_indices": np.full(2 * NODES, FEATURES)},
    "rows that run backwards": {"features_indptr": np.arange(NODES + 1)[::-1] * 2},
    "rows past the end": {"features_indptr": np.arange(NODES + 1) * 3},
    "too few rows": {"features_indptr": np.array([0, 2 * NODES])},
    "another number of features": {"num_features": np.int64(10**12)},
    "words": {"labels": np.array(["Theory"] * NODES)},
    "a bomb": {"more": np.zeros(20_000_000)},
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_bad_compact_files(cache, changes):
    path = put(cache, compact(**changes))
    with pytest.raises(ToolkitError) as caught:
        data.load("cora")
    assert caught.value.at == str(path)


def test_not_an_npz(cache):
    path = put(cache, compact())
    for content in (b"plain text", b"", path.read_bytes()[:5000]):
        path.write_bytes(content)
        with pytest.raises(ToolkitError, match="damaged"):
            data.load("cora")


class Hostile:
    """Leaves a file behind when somebody unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_inside_is_never_loaded(cache, tmp_path):
    proof = tmp_path / "executed"
    trap = np.array([Hostile(proof)], object)
    pickle.loads(pickle.dumps(trap))  # the trap works
    assert proof.exists()
    proof.unlink()
    put(cache, compact(labels=trap))
    with pytest.raises(ToolkitError, match="damaged"):
        data.load("cora")
    assert not proof.exists()


@functools.cache
def linqs_papers() -> str:
    words = np.random.default_rng(0).integers(0, 2, (NODES, FEATURES))
    lines = ([f"{1000 + node}", *map(str, words[node]), cora.CLASSES[node % 7]] for node in range(NODES))
    return "".join("\t".join(line) + "\n" for line in lines)


def linqs_files() -> dict[str, str]:
    # both directions, a citation of oneself and a repetition must not count twice
    cites = "1000\t1001\n1001\t1000\n1002\t1002\n1003\t1000\n1003\t1000\n"
    return {"cora.content": linqs_papers(), "cora.cites": cites, "README": "text"}


def tgz(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(f"cora/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def test_the_text_edition(cache):
    path = cache / "cora" / "cora.tgz"
    path.parent.mkdir(parents=True)
    path.write_bytes(tgz(linqs_files()))
    graph = data.load("cora")
    assert isinstance(graph, GraphDataset)
    assert graph.labels.tolist() == [node % 7 for node in range(NODES)]
    assert graph.edges.tolist() == [[0, 1], [0, 3], [1, 0], [3, 0]]
    assert np.bincount(graph.y_train).tolist() == [20] * 7
    splits = [graph.train_nodes, graph.val_nodes, graph.test_nodes]
    assert [len(nodes) for nodes in splits] == [140, 500, 1000]
    assert len(set(np.concatenate(splits).tolist())) == 1640
    assert np.array_equal(graph.train_nodes, data.load("cora").train_nodes)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("cora.content", "\tTheory\n", "\tAstrology\n"),
        ("cora.content", "1000\t", "1000\t2\t"),
        ("cora.content", "1000\t", "1000\t1\t"),
        ("cora.content", "1000\t", "1000\té\t"),
        ("cora.cites", "1003", "9999"),
        ("cora.cites", "1000\t1001", "1000"),
        ("cora.cites", "\n", "\n\n"),
    ],
)
def test_bad_text(tmp_path, name, old, new):
    files = linqs_files()
    files[name] = files[name].replace(old, new, 1)
    path = tmp_path / "cora.tgz"
    path.write_bytes(tgz(files))
    with pytest.raises(ToolkitError, match="damaged"):
        cora.FILE.check(path)


def test_a_limit_makes_no_sense():
    with pytest.raises(ToolkitError, match="one graph"):
        data.load("cora", limit=10)


def test_the_real_graph(real_data):
    if not (real_data / "cora" / "cora.npz").is_file():
        pytest.skip(f"no cora/cora.npz in {real_data}")
    graph = data.load("cora")
    assert isinstance(graph, GraphDataset)
    sizes = dict(zip(graph.classes, np.bincount(graph.labels).tolist(), strict=True))
    # LINQS's own README
    assert sizes == {
        "Case_Based": 298,
        "Genetic_Algorithms": 418,
        "Neural_Networks": 818,
        "Probabilistic_Methods": 426,
        "Reinforcement_Learning": 217,
        "Rule_Learning": 180,
        "Theory": 351,
    }
    assert len(graph.edges) == 2 * 5278
    assert {tuple(edge) for edge in graph.edges.tolist()} == {(b, a) for a, b in graph.edges.tolist()}
    assert [len(nodes) for nodes in (graph.train_nodes, graph.val_nodes, graph.test_nodes)] == [
        140,
        500,
        1000,
    ]
