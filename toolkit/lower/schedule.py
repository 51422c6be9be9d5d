"""The order of a training step's steps: what frees memory, above all an update of weights, runs as soon as it can.

Autograd updates all weights at the end, when every gradient is there; on a device a gradient is used up when it is
made (PockEngine, Zhu et al. 2023, arXiv 2310.17752).
"""

from __future__ import annotations

from heapq import heappop, heappush

from quantize.method import Method
from toolkit.lower.ir import Model, Step, Value
from toolkit.ops import operators

METHOD = Method(
    slug="pockengine",
    title="Training steps pruned and put in order by the compiler",
    paper="PockEngine: Sparse and Efficient Fine-tuning in a Pocket, Zhu et al. 2023, arXiv 2310.17752",
    kind="device",
    cost="none: the same numbers in less memory and time",
)


def update_early(model: Model) -> Model:
    """Reorder the steps of a model that learns; ``states`` are still among its inputs and outputs."""
    if model.learns:
        model.steps = _Scheduler(model).ordered()
    return model


class _Scheduler:
    def __init__(self, model: Model) -> None:
        self.model = model
        self.steps = model.steps
        self.place = {id(step): index for index, step in enumerate(model.steps)}
        self.maker = {id(step.output): step for step in model.steps}
        self.roots: dict[int, Value] = {}
        self.given = {id(value) for value in model.outputs}
        self.kept = {id(self._root(value)) for value in (*model.inputs, *model.outputs)}
        self.reads = [[self._root(value) for value in step.activations] for step in model.steps]
        self.readers: dict[int, set[int]] = {}  # of the memory of a value, the steps that have yet to read it
        self.waits: list[set[int]] = []  # by step, the steps that it must follow
        for index, step in enumerate(model.steps):
            for root in self.reads[index]:
                self.readers.setdefault(id(root), set()).add(index)
            makers = (self.maker[id(value)] for value in step.activations if id(value) in self.maker)
            self.waits.append({self.place[id(maker)] for maker in makers})
        self.in_order = True  # no step waits for one that stands after it
        self._write_last()

    def ordered(self) -> list[Step]:
        """Return the steps in an order that every value's readers allow.

        Of the steps that may run, the first one that frees as much memory as it takes comes next, else the first one.
        """
        followers: list[list[int]] = [[] for _ in self.steps]
        for index, waits in enumerate(self.waits):
            for earlier in waits:
                followers[earlier].append(index)
        missing = [len(waits) for waits in self.waits]
        ready = [index for index, count in enumerate(missing) if not count]
        freeing = [index for index in ready if self._growth(index) <= 0]
        found: list[Step] = []
        done = [False] * len(self.steps)
        while len(found) < len(self.steps):
            index = heappop(freeing or ready)
            if done[index]:
                continue
            done[index] = True
            found.append(self.steps[index])
            changed = []
            for later in followers[index]:
                missing[later] -= 1
                if not missing[later]:
                    heappush(ready, later)
                    changed.append(later)
            for root in {id(value) for value in self.reads[index]}:
                left = self.readers[root]
                left.remove(index)
                if len(left) == 1:  # only now does that one free it
                    changed += left
            for other in changed:
                if not missing[other] and self._growth(other) <= 0:
                    heappush(freeing, other)
        return found

    def _growth(self, index: int) -> int:
        """Return by how many bytes what is kept grows when the step runs now; it never rises again."""
        step = self.steps[index]
        if operators()[step.op].code_free:
            return 0
        roots = {id(value): value.nbytes for value in self.reads[index]}
        freed = sum(
            size for root, size in roots.items() if len(self.readers[root]) == 1 and root not in self.kept
        )
        lasting = id(step.output) in self.given  # it may lie in a state's memory
        return (0 if lasting else step.output.nbytes) - freed

    def _root(self, value: Value) -> Value:
        """Return the value in whose memory ``value`` lies."""
        if id(value) not in self.roots:
            maker = self.maker.get(id(value))
            view = maker is not None and operators()[maker.op].code_free
            self.roots[id(value)] = self._root(maker.inputs[0]) if view and maker is not None else value
        return self.roots[id(value)]

    def _write_last(self) -> None:
        """Let what makes a state's new content wait for all who read the old one, where it does not feed them."""
        count = len(self.model.states)
        ends = self.model.inputs[len(self.model.inputs) - count :], self.model.outputs[-count:]
        for before, after in zip(*ends, strict=True) if count else ():
            maker = self.maker.get(id(after))
            if maker is None:
                continue
            place = self.place[id(maker)]
            for reader in sorted(self.readers.get(id(before), ())):
                if reader != place and not self._leads_to(place, reader):
                    self.waits[place].add(reader)
                    self.in_order &= reader < place

    def _leads_to(self, one: int, other: int) -> bool:
        """True when ``other`` needs what ``one`` makes."""
        seen, look = set(), [other]
        while look:
            step = look.pop()
            if step == one:
                return True
            if step not in seen and not (self.in_order and step < one):
                seen.add(step)
                look += self.waits[step]
        return False
