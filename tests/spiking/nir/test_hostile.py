"""Whatever bytes a ``.nir`` file has: a network, or an error that says what is wrong. Nothing in it runs."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import nir as package
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.spiking.nir.test_nodes import NODES, chain
from toolkit.errors import ToolkitError
from toolkit.spiking import nir
from toolkit.spiking.nir import hdf5
from toolkit.spiking.nir.read import from_tree

SETTINGS = nir.Settings(1e-3, "exact", "subtract")


def _write(path: Path) -> None:
    ones = np.ones(3, np.float32)
    nodes = {
        "input": package.Input({"input": np.array([3])}),
        "fc": package.Affine(np.ones((3, 3), np.float32), ones),
        "lif": package.LIF(tau=ones * 4e-3, r=ones, v_leak=ones * 0, v_threshold=ones, v_reset=ones * 0),
        "output": package.Output({"output": np.array([3])}),
    }
    edges = [("input", "fc"), ("fc", "lif"), ("lif", "output")]
    package.write(path, package.NIRGraph(nodes, edges))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("network") / "fine.nir"
    _write(path)
    return path.read_bytes()


def _refused(path: Path, message: str) -> None:
    with pytest.raises(ToolkitError, match=message) as caught:
        nir.load(path, SETTINGS)
    assert caught.value.fix
    assert str(path) in caught.value.at


def _replaced(file: h5py.File, key: str = "node/nodes/fc/weight") -> tuple[h5py.Group, str]:
    """Take the dataset ``key`` out, and return where it was."""
    group, name = file[key].parent, key.rpartition("/")[2]
    del group[name]
    return group, name


def _soft_link(file: h5py.File) -> None:
    group, name = _replaced(file)
    group[name] = h5py.SoftLink("/node/nodes/fc/bias")


def _external_link(file: h5py.File) -> None:
    group, name = _replaced(file)
    group[name] = h5py.ExternalLink("/etc/passwd", "/")


def _external_storage(file: h5py.File) -> None:
    group, name = _replaced(file)
    group.create_dataset(name, (3, 3), "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def _virtual(file: h5py.File) -> None:
    group, name = _replaced(file)
    layout = h5py.VirtualLayout((3, 3), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (3, 3))
    group.create_virtual_dataset(name, layout)


def _reference(file: h5py.File) -> None:
    group, name = _replaced(file)
    group.create_dataset(name, data=file["node"].ref, dtype=h5py.ref_dtype)


def _ragged(file: h5py.File) -> None:
    group, name = _replaced(file)
    group.create_dataset(name, (3,), h5py.vlen_dtype(np.float32))[0] = [1.0]


def _compound(file: h5py.File) -> None:
    group, name = _replaced(file)
    group.create_dataset(name, (3,), np.dtype([("a", "f4"), ("b", "f4")]))[0] = (1, 2)


def _complex(file: h5py.File) -> None:
    group, name = _replaced(file)
    group[name] = np.ones((3, 3), np.complex64)


def _opaque(file: h5py.File) -> None:
    group, name = _replaced(file)
    group[name] = np.array([np.void(b"import os")] * 3)


def _huge(file: h5py.File) -> None:
    group, name = _replaced(file)
    group.create_dataset(name, (1 << 20, 1 << 20), "f4", chunks=(1, 1 << 10))[0, 0] = 1


def _many_axes(file: h5py.File) -> None:
    group, name = _replaced(file)
    group.create_dataset(name, (1,) * 20, "f4", data=np.ones((1,) * 20))


def _bomb(file: h5py.File) -> None:
    group, name = _replaced(file)
    group.create_dataset(name, data=np.zeros((9 << 10, 9 << 10), np.float32), compression="gzip")


def _no_values(file: h5py.File) -> None:
    group, name = _replaced(file)
    group.create_dataset(name, (3, 3), "f4")


def _no_space(file: h5py.File) -> None:
    group, name = _replaced(file)
    group[name] = h5py.Empty("f4")


def _cyclic(file: h5py.File) -> None:
    file["node/nodes/fc/again"] = file["node"]


def _deep(file: h5py.File) -> None:
    file.create_group("node/nodes/fc/" + "/".join(["deep"] * 80))


def _nested(file: h5py.File) -> None:
    group = file["node/nodes"]
    for _ in range(20):
        inner = group.create_group("inner")
        inner["type"], group = "NIRGraph", inner.create_group("nodes")


def _many_edges(file: h5py.File) -> None:
    group, name = _replaced(file, "node/edges")
    group.create_dataset(name, data=[["fc", "lif"]] * 40_000, dtype=h5py.string_dtype())


def _long_name(file: h5py.File) -> None:
    file.create_group("node/nodes/" + "n" * 5000)


def _long_text(file: h5py.File) -> None:
    group, name = _replaced(file, "node/nodes/fc/type")
    group[name] = "Affine" * 1000


def _not_utf8(file: h5py.File) -> None:
    group, name = _replaced(file, "node/nodes/fc/type")
    group.create_dataset(name, data=b"\xff\xfe", dtype=h5py.string_dtype("ascii"))


def _named_type(file: h5py.File) -> None:
    file["node/nodes/fc/kind"] = np.dtype("f4")


def _no_node(file: h5py.File) -> None:
    del file["node"]


def _node_is_a_number(file: h5py.File) -> None:
    del file["node"]
    file["node"] = 3


def _one_node(file: h5py.File) -> None:
    file.move("node/nodes/lif", "other")
    del file["node"]
    file.move("other", "node")


def _no_edges(file: h5py.File) -> None:
    _replaced(file, "node/edges")


def _text_for_numbers(file: h5py.File) -> None:
    group, name = _replaced(file)
    group[name] = "os.system('true')"


PLANTED: dict[Callable[[h5py.File], None], str] = {
    _soft_link: "weight is a link to somewhere else",
    _external_link: "weight is a link to somewhere else",
    _external_storage: "weight has its values in another file",
    _virtual: "weight takes its values from other datasets",
    _reference: "neither numbers nor texts",
    _ragged: "neither numbers nor texts",
    _compound: "neither numbers nor texts",
    _complex: "neither numbers nor texts",
    _opaque: "neither numbers nor texts",
    _huge: r"weight, of shape \(1048576, 1048576\), takes the file beyond 256 MiB",
    _many_axes: "weight has 20 axes",
    _bomb: "takes the file beyond 256 MiB",
    _no_values: "weight has a shape and no values",
    _no_space: "weight is empty",
    _cyclic: "goes round in a circle",
    _deep: "more than 64 groups deep",
    _nested: "within more than 16 graphs",
    _many_edges: "more than 65536 strings",
    _long_name: "a text of more than 1024 bytes",
    _long_text: "a text of more than 1024 bytes",
    _not_utf8: "not UTF-8",
    _named_type: "neither a group nor a dataset",
    _no_node: "has no group 'node'",
    _node_is_a_number: "makes no sense",
    _one_node: "is no NIRGraph",
    _no_edges: "gets nothing",
    _text_for_numbers: "the Affine fc has a weight that is no array of numbers",
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_planted(plant: Callable[[h5py.File], None], network: bytes, tmp_path: Path) -> None:
    path = tmp_path / "hostile.nir"
    path.write_bytes(network)
    with h5py.File(path, "r+") as file:
        plant(file)
    _refused(path, PLANTED[plant])


def test_filters_of_others_are_not_loaded(network: bytes, tmp_path: Path) -> None:
    """A filter that libhdf5 does not have would be looked for among shared libraries, and run."""
    path = tmp_path / "hostile.nir"
    path.write_bytes(network)
    with h5py.File(path, "r+") as file:
        group, name = _replaced(file)
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk((3, 3))
        made.set_filter(h5py.h5z.FILTER_LZF, h5py.h5z.FLAG_OPTIONAL, (1, 2, 3))
        space = h5py.h5s.create_simple((3, 3))
        dataset = h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F32LE, space, made)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ones((3, 3), np.float32))
    lzf, other = (number.to_bytes(2, "little") for number in (h5py.h5z.FILTER_LZF, 32_015))
    data = path.read_bytes()
    assert lzf in data
    path.write_bytes(data.replace(lzf, other))
    _refused(path, "packed by filter 32015")


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "does not begin"), (b"PK\3\4 a zip", "does not begin"), (hdf5.SIGNATURE, "h5py says")],
)
def test_no_hdf5_at_all(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "no.nir").write_bytes(data)
    _refused(tmp_path / "no.nir", message)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match="does not exist"):
        nir.load(tmp_path / "nothing.nir")
    with pytest.raises(ToolkitError, match="no file"):
        nir.load(tmp_path)


def test_a_larger_file_is_not_even_opened(
    network: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "large.nir").write_bytes(network)
    os.truncate(tmp_path / "large.nir", hdf5.MAX_FILE_BYTES + 1)
    monkeypatch.setattr(hdf5.subprocess, "run", lambda *_, **__: pytest.fail("opened"))
    _refused(tmp_path / "large.nir", "more than 256 MiB")


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_truncated(keep: float, network: bytes, tmp_path: Path) -> None:
    (tmp_path / "cut.nir").write_bytes(network[: int(len(network) * keep)])
    _refused(tmp_path / "cut.nir", "not a NIR file that can be read")


CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, kept=st.floats(0.3, 1))
def test_changed_bytes(network: bytes, tmp_path: Path, changes: list[tuple[float, int]], kept: float) -> None:
    """Bytes where the file's structure lies, which is its first half, and an end that is cut off every other time."""
    data = bytearray(network)
    for place, value in changes:
        data[int(place * len(data))] = value
    path = tmp_path / "changed.nir"
    path.write_bytes(data[: int(kept * len(data))] if kept < 0.65 else data)
    with suppress(ToolkitError):
        nir.load(path, SETTINGS)


ODD = [
    "text", "", b"bytes", ["a", "b"], [["a", "b"], ["c", "d"]], None, {}, {"type": "LIF"}, 0, -1, 2, 1e30, 1 << 62,
    np.zeros(0, np.float32), np.zeros((0, 3)), np.zeros((3, 0)), np.array(2.0), np.array(-3), np.full(3, np.nan),
    np.full((3, 3), np.inf), np.ones((2, 3, 4, 5)), np.ones((1,) * 9), np.array(["a"], object), np.array([1 + 2j]),
    np.array([2**63 - 1]), np.array([-(2**63)]), np.float32(1e38), np.ones((7,)), np.array([0]), "same", "valid",
]  # fmt: skip


def _trees() -> list[dict[str, Any]]:
    """Return a graph for each type of node, those of ``test_nodes``."""
    return [chain(name)[0].to_dict() for name in NODES if not name.startswith("net-")]


def _places(tree: Any, place: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the keys that lead to each part of a tree."""
    found = [place] if place else []
    for key, part in tree.items() if isinstance(tree, dict) else ():
        found += _places(part, (*place, key))
    return found


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_changed_values(data: st.DataObject) -> None:
    """What a well-formed file may say of a graph: other types, shapes and numbers than those that make sense."""
    tree = copy.deepcopy(data.draw(st.sampled_from(TREES)))
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(_places(tree)))
        inner = tree
        for key in way:
            inner = inner[key]
        if data.draw(st.booleans()):
            inner[last] = data.draw(st.sampled_from(ODD))
        else:
            inner[data.draw(st.sampled_from(["metadata", "extra", "bias", "shape", last]))] = {
                "toolkit": inner.pop(last)
            }
    with suppress(ToolkitError):
        net = from_tree(tree, SETTINGS)
        with torch.no_grad():
            samples = [torch.zeros(2, 1, *net.shapes[name]) for name in net.inputs]
            net(samples if len(samples) > 1 else samples[0])
        nir.to_graph(net)


TREES = _trees()
