"""The order of a training step's steps: what frees memory, above all an update of weights, runs as soon as it can.

Autograd updates all weights at the end, when every gradient is there; on a device a gradient is used up when it is
made (PockEngine, Zhu et al. 2023, arXiv 2310.17752).
"""

from __future__ import annotations

from toolkit.lower.ir import Model, Step, Value
from toolkit.ops import operators


def update_early(model: Model) -> Model:
    """Reorder the steps of a model that learns; ``states`` are still among its inputs and outputs."""
    if model.learns:
        model.steps = _Scheduler(model).ordered()
    return model


class _Scheduler:
    def __init__(self, model: Model) -> None:
        self.model = model
        self.maker = {id(step.output): step for step in model.steps}
        self.kept = {id(self._root(value)) for value in (*model.inputs, *model.outputs)}
        self.readers: dict[int, int] = {}  # of the memory of a value, how many steps have yet to read it
        self.waits: dict[int, set[int]] = {}  # by step, the steps that it must follow
        for step in model.steps:
            for value in step.activations:
                root = id(self._root(value))
                self.readers[root] = self.readers.get(root, 0) + 1
            self.waits[id(step)] = {id(self.maker[id(v)]) for v in step.activations if id(v) in self.maker}
        self._write_last()

    def ordered(self) -> list[Step]:
        """Return the steps in an order that every value's readers allow."""
        left, found = list(self.model.steps), []
        done: set[int] = set()

        def ready(step: Step) -> bool:
            return self.waits[id(step)] <= done

        while left:
            freeing = (step for step in left if ready(step) and self._growth(step) <= 0)
            step = next(freeing, None) or next(step for step in left if ready(step))
            left.remove(step)
            found.append(step)
            done.add(id(step))
            for value in step.activations:
                self.readers[id(self._root(value))] -= 1
        return found

    def _growth(self, step: Step) -> int:
        """Return by how many bytes what is kept grows when ``step`` runs now."""
        freed, reads = 0, [self._root(value) for value in step.activations]
        for root in {id(value): value for value in reads}.values():
            last = self.readers[id(root)] == sum(value is root for value in reads)
            if last and id(root) not in self.kept:
                freed += root.nbytes
        if operators()[step.op].code_free:
            return 0
        lasting = any(step.output is value for value in self.model.outputs)  # it may lie in a state's memory
        return (0 if lasting else step.output.nbytes) - freed

    def _root(self, value: Value) -> Value:
        """Return the value in whose memory ``value`` lies."""
        while (maker := self.maker.get(id(value))) is not None and operators()[maker.op].code_free:
            value = maker.inputs[0]
        return value

    def _write_last(self) -> None:
        """Let what makes a state's new content wait for all who read the old one, where it does not feed them."""
        for state in self.model.states:
            place = self.model.states.index(state) - len(self.model.states)
            before, after = self.model.inputs[place], self.model.outputs[place]
            maker = self.maker.get(id(after))
            if maker is None:
                continue
            for step in self.model.steps:
                reads = any(self._root(value) is before for value in step.activations)
                if reads and step is not maker and not self._leads_to(maker, step):
                    self.waits[id(maker)].add(id(step))

    def _leads_to(self, one: Step, other: Step) -> bool:
        """True when ``other`` needs what ``one`` makes."""
        seen, look = set(), [id(other)]
        while look:
            step = look.pop()
            if step == id(one):
                return True
            if step not in seen:
                seen.add(step)
                look += self.waits[step]
        return False
