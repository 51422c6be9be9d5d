"""Make torch's ``run_decompositions`` three times as quick: it counts all operators anew each time, 33 times over.

It gives each some twenty kernels each time, too, which are kept here; and tracing notes no lines of Python, a tenth of
its time, which nothing here reads. The results do not change. Remove this when torch no longer does so (as 2.13 does).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def install() -> None:
    """Remember which operators are composite, until more namespaces of operators are there."""
    import torch._export.utils as exporter
    import torch._ops as operators
    import torch.export.exported_program as programs
    from torch import fx, ops

    fx.config.do_not_emit_stack_traces = True

    count = exporter._collect_all_valid_cia_ops

    @functools.cache
    def counted(namespaces: tuple[str, ...]) -> frozenset[Any]:
        return frozenset(count())

    def remembered() -> set[Any]:
        return set(counted(tuple(ops._dir)))

    programs._collect_all_valid_cia_ops = remembered  # type: ignore[attr-defined]

    plain = operators.OperatorBase.py_impl

    def py_impl(self: Any, key: Any) -> Callable[[Any], Any]:
        """As torch's, without making types for annotations of every call."""
        if not isinstance(key, operators.DispatchKey) or key in (operators.DispatchKey.Python,):
            return plain(self, key)

        def register(function: Any) -> Any:
            if key in self.py_kernels:
                raise RuntimeError(f"{self} has a Python implementation for {key} already")
            self.py_kernels[key] = function
            if self._dispatch_cache:
                self._dispatch_cache.clear()
            return function

        return register

    operators.OperatorBase.py_impl = py_impl  # type: ignore[method-assign]
    _keep_kernels()


def _keep_kernels() -> None:
    """Remember the kernels with which torch lets a composite operator be what it is, while it decomposes others."""
    import torch.export.exported_program as programs
    from torch._subclasses.fake_impls import op_implementations_dict as rules

    plain, preserve = programs._override_composite_implicit_decomp, programs._special_op_to_preserve_cia
    # by operator: kernels before and after, and its rule for fake tensors
    made: dict[Any, tuple[Any, Any, Any]] = {}

    @contextmanager
    def override(callables: dict[Any, Any]) -> Iterator[None]:
        """As torch's, for operators that are met again with the kernels they had before."""
        known, fresh = [], {}
        for operator, function in callables.items():
            as_before = operator in made and made[operator][0] == operator.py_kernels
            if as_before and function is preserve and operator not in rules:
                known.append(operator)
            else:
                fresh[operator] = function
        before = {op: op.py_kernels.copy() for op in fresh if op not in rules and fresh[op] is preserve}
        with plain(fresh):
            made.update({op: (own, op.py_kernels.copy(), rules.get(op)) for op, own in before.items()})
            try:
                for operator in known:
                    operator.py_kernels.update(made[operator][1])
                    operator._dispatch_cache.clear()
                    rules[operator] = made[operator][2]
                yield
            finally:
                for operator in known:
                    operator.py_kernels.clear()
                    operator.py_kernels.update(made[operator][0])
                    operator._dispatch_cache.clear()
                    rules.pop(operator, None)

    programs._override_composite_implicit_decomp = override  # type: ignore[assignment]
