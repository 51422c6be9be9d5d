"""Cora: 2,708 papers on machine learning, their words, who cites whom; sort the papers into seven fields.

A. McCallum et al., "Automating the Construction of Internet Portals with Machine Learning", 2000; in the
edition of P. Sen et al., "Collective Classification in Network Data", 2008. What is downloaded is the LINQS
text edition (the Planetoid files are pickles, which could execute anything). It has no split, so ours has
Planetoid's sizes: 20 nodes of each class for training, 500 for validation, 1,000 for testing. A ``cora.npz``
in the cache keeps its own split.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from toolkit.data.archives import read_tar_gz
from toolkit.data.cache import cache_dir, damaged
from toolkit.data.dataset import GraphDataset
from toolkit.data.download import RemoteFile, fetch
from toolkit.errors import ToolkitError

# in the order of Planetoid's label numbers
CLASSES = [
    "Theory",
    "Reinforcement_Learning",
    "Genetic_Algorithms",
    "Neural_Networks",
    "Probabilistic_Methods",
    "Case_Based",
    "Rule_Learning",
]
_NODES = 2708
_FEATURES = 1433
_TRAIN_PER_CLASS, _VAL, _TEST = 20, 500, 1000
_MAX_BYTES = 64 * 1024 * 1024
_NPZ_DIMENSIONS = {
    "features_indptr": 1,
    "features_indices": 1,
    "num_features": 0,
    "labels": 1,
    "edges": 2,
    "train": 1,
    "val": 1,
    "test": 1,
}


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Return ``GraphDataset``'s arrays from a compact ``cora.npz``: features in CSR form without values."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > _MAX_BYTES:
                raise damaged(path, "it unpacks to more than the dataset can have")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name].astype(np.int64) for name in _NPZ_DIMENSIONS}
    except (OSError, ValueError, KeyError, EOFError, TypeError, MemoryError, zipfile.BadZipFile) as error:
        raise damaged(path, error) from error
    if any(arrays[name].ndim != dimensions for name, dimensions in _NPZ_DIMENSIONS.items()):
        raise damaged(path, "an array in it has the wrong number of dimensions")
    starts, columns = arrays["features_indptr"], arrays["features_indices"]
    if int(arrays["num_features"]) != _FEATURES or not _within(columns, _FEATURES):
        raise damaged(path, f"it does not have {_FEATURES} features")
    counts = np.diff(starts)
    if len(starts) != _NODES + 1 or starts[0] != 0 or (counts < 0).any() or starts[-1] != len(columns):
        raise damaged(path, "the feature matrix is not in CSR form")
    features = np.zeros((_NODES, _FEATURES), np.float32)
    features[np.repeat(np.arange(_NODES), counts), columns] = 1
    graph = {
        "features": features,
        "labels": arrays["labels"],
        "edges": arrays["edges"],
        "train_nodes": arrays["train"],
        "val_nodes": arrays["val"],
        "test_nodes": arrays["test"],
    }
    return _checked(path, graph)


def read_linqs(path: Path) -> dict[str, np.ndarray]:
    """Return ``GraphDataset``'s arrays from ``cora.tgz``, with the split described above."""
    files = read_tar_gz(
        path, {"cora/cora.content": _MAX_BYTES, "cora/cora.cites": _MAX_BYTES}, max_total_bytes=_MAX_BYTES
    )
    try:
        papers = [line.split() for line in files["cora/cora.content"].decode("ascii").splitlines()]
        node = {paper[0]: index for index, paper in enumerate(papers)}
        features = np.stack([_words(paper[1:-1]) for paper in papers])
        labels = np.array([CLASSES.index(paper[-1]) for paper in papers], np.int64)
        cites = [line.split() for line in files["cora/cora.cites"].decode("ascii").splitlines()]
        pairs = {(node[cited], node[citing]) for cited, citing in cites}
    except (ValueError, KeyError, IndexError) as error:
        raise damaged(path, f"a line of it makes no sense ({error})") from error
    edges = {(a, b) for a, b in pairs if a != b} | {(b, a) for a, b in pairs if a != b}
    # RandomState, because its stream is the one that numpy promises never to change
    order = np.random.RandomState(0).permutation(len(papers))
    of_class = [order[labels[order] == label] for label in range(len(CLASSES))]
    train = np.concatenate([nodes[:_TRAIN_PER_CLASS] for nodes in of_class])
    rest = order[~np.isin(order, train)]
    graph: dict[str, np.ndarray] = {
        "features": features,
        "labels": labels,
        "edges": np.array(sorted(edges), np.int64).reshape(-1, 2),
        "train_nodes": train,
        "val_nodes": rest[:_VAL],
        "test_nodes": rest[_VAL : _VAL + _TEST],
    }
    return _checked(path, graph)


def _words(fields: list[str]) -> np.ndarray:
    """Return one paper's features from its fields, each ``0`` or ``1``."""
    if len(fields) != _FEATURES or not set(fields) <= {"0", "1"}:
        raise ValueError(f"a paper does not have {_FEATURES} zeros and ones")
    return (np.frombuffer("".join(fields).encode(), np.uint8) - ord("0")).astype(np.float32)


def _within(indices: np.ndarray, end: int) -> bool:
    return indices.size == 0 or bool(indices.min() >= 0 and indices.max() < end)


def _checked(path: Path, graph: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    if graph["features"].shape != (_NODES, _FEATURES):
        raise damaged(path, f"the features are not {_NODES} x {_FEATURES}")
    if graph["labels"].shape != (_NODES,) or not _within(graph["labels"], len(CLASSES)):
        raise damaged(path, f"the labels are not {_NODES} numbers from 0 to {len(CLASSES) - 1}")
    naming = [graph[name] for name in ("edges", "train_nodes", "val_nodes", "test_nodes")]
    if graph["edges"].shape[1] != 2 or not all(len(nodes) and _within(nodes, _NODES) for nodes in naming):
        raise damaged(path, "an edge or a split names a node that is not there")
    return graph


# LINQS publishes no checksum; see RemoteFile.
FILE = RemoteFile(
    path="cora/cora.tgz",
    urls=("https://linqs-data.soe.ucsc.edu/public/lbc/cora.tgz",),
    max_bytes=8 * 1024 * 1024,
    check=read_linqs,
)


def load(limit: int | None) -> GraphDataset:
    """Return the graph; ``x_train`` is ``(140, 1433)``, ``x_test`` ``(1000, 1433)``. No ``limit``."""
    if limit is not None:
        raise ToolkitError("cora is one graph, so limit has no meaning for it", fix="leave limit out")
    compact = cache_dir() / "cora" / "cora.npz"
    graph = read_npz(compact) if compact.is_file() else read_linqs(fetch(FILE))
    train, test = graph["train_nodes"], graph["test_nodes"]
    return GraphDataset(
        name="cora",
        x_train=graph["features"][train],
        y_train=graph["labels"][train],
        x_test=graph["features"][test],
        y_test=graph["labels"][test],
        classes=CLASSES,
        description="Papers on machine learning and their citations; sort the papers into seven fields",
        licence="unspecified; free for research with citation",
        **graph,
    )
