"""RMS normalization: division by the root of the mean square over the last axes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Case, Reader
from toolkit.ops.layer_norm import LayerNorm, norm_constants
from toolkit.ops.normalization import norm_cases
from toolkit.ops.reading import real_input


class RmsNorm(LayerNorm):
    """Divide by ``sqrt(mean(x**2) + eps)`` over the last ``attrs["axes"]`` axes; one gamma per element of them."""

    name = "rms_norm"
    aten = ("aten.rms_norm.default",)
    centred = False

    def read(self, node: Any, reader: Reader) -> Step:
        args = dict(enumerate(node.args))
        weight, eps = args.get(2, node.kwargs.get("weight")), args.get(3, node.kwargs.get("eps"))
        inputs = [real_input(node.args[0], reader), *norm_constants(weight, None, reader)]
        eps = float(np.finfo(np.float32).eps) if eps is None else float(eps)
        return Step(self.name, "", inputs, Value("", ()), {"axes": len(args[1]), "eps": eps})

    def cases(self) -> Iterable[Case]:
        yield from norm_cases(
            self.name,
            [((1, 5, 12), 12, {"axes": 1}), ((2, 3, 7), 21, {"axes": 2}), ((1, 200), 200, {"axes": 1})],
        )


OPERATOR = RmsNorm()
