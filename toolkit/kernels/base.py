"""What a tuned kernel says of itself: which steps it computes, on which cores, and how it is called."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from toolkit.lower.ir import Step
from toolkit.ops import operators
from toolkit.ops.base import Call, Case, Emitter, Loop


class Kernel(ABC):
    """One way to compute an operator on some cores, to the bit as the operator's reference says.

    It is found by its file being in ``toolkit/kernels``; its C is ``runtime/include/<name>.h``.
    """

    name: str  # of the C function and its header, where it is one: tk_conv2d_s8_dsp
    op: ClassVar[str]  # of the operator it computes
    sets: tuple[str, ...]  # of toolkit.device.targets.KERNEL_SETS: whose cores run it
    rank: ClassVar[int] = (
        1  # where nothing was counted, the highest rank that takes a step is used; portable C is 0, and below it
        # are kernels that only counting chooses
    )
    strips: ClassVar[bool] = (
        False  # of a convolution: makes some rows alone, above whose window pad_top may be negative
    )
    dense: ClassVar[bool] = False  # its weights may take less flash than the portable kernel's: for size
    depends_on_values: ClassVar[bool] = False  # its count is one of the weights' values, not of shapes alone
    written_for_weights: ClassVar[bool] = False  # it writes code for them

    @abstractmethod
    def takes(self, step: Step) -> bool:
        """True when the kernel computes this step exactly."""

    def pays(self, step: Step) -> bool:
        """True when a step fused by ``toolkit.lower.pooled`` or ``residual`` is about as fast as what it stands for."""
        return True

    @abstractmethod
    def emit(self, step: Step, emitter: Emitter) -> Call | list[Call] | Loop:
        """Return the kernel call, or several in order, defining the constants they need."""

    def scratch_bytes(self, step: Step) -> int:
        """Arena bytes the kernel needs while it runs."""
        return 0

    def reads_behind(self, step: Step) -> int:
        """As ``Operator.reads_behind``."""
        return 0

    def overlap(self, step: Step, index: int) -> int | None:
        """As ``Operator.overlap``; the operator's own unless the kernel writes in another order."""
        return operators()[step.op].overlap(step, index)

    def in_place(self, step: Step, index: int) -> bool:
        """As ``Operator.in_place``."""
        return self.overlap(step, index) == 0

    def cases(self) -> Iterable[Case]:
        """Yield test cases besides the operator's own, which all run too."""
        return ()
