"""Fully connected layer of spikes: the weights of those inputs that spiked are added up."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack_events import event_call, of_events
from toolkit.ops.weighted import matrix_sizes
from toolkit.ops.wide import fold_wide

SETS = ("armv6m", "armv7em", "helium", "rv32im", "neon", "avx2")
MOST_DENSITY = 0.8  # of spikes; where more are expected, all products take less


class FullyConnectedEvents(Kernel):
    """One list of the ones for all blocks of channels; weights packed by ``toolkit.ops.pack_events``."""

    name = "tk_fully_connected_events"
    op = "fully_connected_wide"
    sets = SETS
    rank = 2

    def takes(self, step: Step) -> bool:
        return step.attrs.get("density", 1.0) <= MOST_DENSITY and of_events(step, fold_wide(step))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        kernel, constants = event_call(self.name, step, fold_wide(step), emitter)
        arguments = [x, *constants, emitter.scratch("uint16_t"), y, *matrix_sizes(step)]
        return Call(kernel, arguments, self.name)

    def scratch_bytes(self, step: Step) -> int:
        return 2 * (step.inputs[1].shape[1] + 1)


KERNEL = FullyConnectedEvents()
