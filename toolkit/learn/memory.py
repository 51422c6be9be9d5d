"""How much memory a training step has in use at most: every tensor that torch makes, counted while it lives."""

from __future__ import annotations

import weakref
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from toolkit.learn.rule import Learner


def peak_bytes(learner: Learner, inputs: Tensor, targets: Tensor) -> int:
    """Return the most bytes that tensors made in one step had in use at once: activations, gradients, noise, moments.

    Weights and whatever else lived before the step are not in it; nor is what an operator uses inside itself.
    """
    with _Counter() as counter:
        learner.step(inputs, targets, 1e-4, 0.0)
    return counter.peak


class _Counter(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self.known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {_id_of(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        result = func(*args, **kwargs or {})
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and _id_of(leaf) not in given | self.known:
                self._count(leaf)
        return result

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        size, name = storage.nbytes(), _id_of(tensor)
        self.known.add(name)
        self.live += size
        self.peak = max(self.peak, self.live)

        def gone() -> None:
            self.known.discard(name)
            self.live -= size

        weakref.finalize(storage, gone)


def _id_of(tensor: Tensor) -> int:
    """Return what tells a tensor's memory from every other in use."""
    return tensor.untyped_storage()._cdata
