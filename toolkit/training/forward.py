"""A model's graph run with weights that may change, integers and all, so that autograd can go through it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram

from toolkit.errors import ToolkitError
from toolkit.program.capture import capture
from toolkit.program.quantize import folded
from toolkit.training.kept import Kept, Rounding
from toolkit.training.methods import Layers
from toolkit.training.norms import norm_behind
from toolkit.training.straight import Bounds, passed, quantized

_aten = torch.ops.aten
_integers = torch.ops.quantized_decomposed
WEIGHTED = {
    _aten.linear.default,
    _aten.conv1d.default,
    _aten.conv2d.default,
    _aten.conv_transpose1d.default,
    _aten.conv_transpose2d.input,
}
_QUANTIZE = _integers.quantize_per_tensor.default
_DEQUANTIZE = {
    _integers.dequantize_per_tensor.default: _QUANTIZE,
    _integers.dequantize_per_channel.default: _integers.quantize_per_channel.default,
}
_KEEP_RANGE = {
    _aten.max_pool2d.default,
    _aten.reshape.default,
    _aten.view.default,
    _aten.flatten.using_ints,
    _aten.permute.default,
    _aten.adaptive_avg_pool2d.default,
    _aten.avg_pool2d.default,
    _aten.mean.dim,
}

# Called with a block's index and output; returns what goes on into the next one.
AtBlock = Callable[[int, Tensor], Tensor]
# What nodes of the graph give for a sample, found beforehand.
Known = dict[fx.Node, Any]


class Forward:
    """A model for one sample, whose weights are given at each run.

    What is ``known`` of the next sample is not computed again: blocks that end before it are skipped.

    ``weights`` are the layers' weights and biases as real numbers, by name; ``block_of`` says in which block of a chain
    each lies; ``tensors`` is all that the graph holds, weights as they are stored. Layers run as ``method`` says, with
    weights as they are ``kept``. With ``keep_norms``, batch normalizations are not folded into a module's layers, and
    learn: ``norms`` has them by layer.
    """

    def __init__(
        self, model: nn.Module | ExportedProgram, sample: Tensor, *, keep_norms: bool = False
    ) -> None:
        self.sample = sample
        ready = model if keep_norms or not isinstance(model, nn.Module) else folded(model, sample)
        self.graph = capture(ready, sample)
        for node in self.graph.graph.find_nodes(op="call_function", target=_aten.view.default):
            node.target = (
                _aten.reshape.default
            )  # rounding, which makes a copy to view, goes straight through here
        tensors = {**dict(self.graph.named_parameters()), **dict(self.graph.named_buffers())}
        used = {str(node.target) for node in self.graph.graph.find_nodes(op="get_attr")}
        self.tensors = {name: tensor.detach().clone() for name, tensor in tensors.items() if name in used}
        self.layers = self._layers()
        if not self.layers:
            raise ToolkitError(
                "the model has no layer with weights: there is nothing to train",
                fix="train a model with linear or convolutional layers",
            )
        self.norms = {layer: norm for layer in self.layers if keep_norms and (norm := norm_behind(layer))}
        self.method: Layers | None = None
        self.kept: dict[str, Kept] = {}
        self.known: Known = {}
        self.starts = self._starts()
        self.weights, self.block_of = self._weights()

    @property
    def blocks(self) -> int:
        """How many blocks the model is a chain of; each begins at a layer with weights."""
        return len(self.starts)

    def run(
        self, sample: Tensor, tensors: dict[str, Tensor], at_block: AtBlock = lambda _, value: value
    ) -> Tensor:
        """Return the logits.

        Args:
            sample: one input.
            tensors: weights to use in place of the graph's own, as reals, and constants, by name.
            at_block: sees each block's output but the last one's, and gives what the next block takes.
        """
        needed = _needed(self.graph.graph.find_nodes(op="output"), self.known) if self.known else None
        return _Run(self, tensors, at_block, needed).run(sample, initial_env=dict(self.known))  # type: ignore[no-any-return]

    def before(self, names: list[str] | None, sample: Tensor, known: Known) -> Known:
        """Return what of the run of ``sample`` does not depend on the weights ``names``, as far as the rest reads it.

        Args:
            names: of weights; None: what does not depend on the sample.
            sample: one input.
            known: what is known of this sample.
        """
        changing: set[fx.Node] = set()
        for node in self.graph.graph.nodes:
            begins = (
                node.op == "placeholder" if names is None else node.op == "get_attr" and node.target in names
            )
            if begins or changing & set(node.all_input_nodes):
                changing.add(node)
        wanted = {arg for node in changing for arg in node.all_input_nodes if arg not in changing}
        run = _Run(self, {}, lambda _, value: value, _needed(wanted, known), keeps=True)
        with torch.no_grad():
            run.run(sample, initial_env=dict(known), enable_io_processing=False)
        return {node: run.env[node] for node in wanted}

    def states(self, names: list[str]) -> dict[str, Tensor]:
        """Return the first content of the states that the weights ``names`` are kept in."""
        return {name: self.kept[name].first if name in self.kept else self.weights[name] for name in names}

    def constants(self) -> dict[str, Tensor]:
        """Return all that steps may read and no step changes, and the weights as they are stored."""
        held = [kept.constants for kept in self.kept.values()]
        return {**self.tensors, **{name: tensor for each in held for name, tensor in each.items()}}

    def weight_of(self, layer: fx.Node) -> str:
        """Return the name of the weight of one of the ``layers``."""
        constant = _constant_of(layer.args[1])
        assert constant is not None
        return str(constant.target)

    def rounding(self, name: str) -> fx.Node | None:
        """Return the node that turns the integers of a weight into reals, or None for a float weight."""
        (node,) = (n for n in self.graph.graph.find_nodes(op="get_attr") if n.target == name)
        users = [user for user in node.users if user.target in _DEQUANTIZE and user.args[0] is node]
        return users[0] if users else None

    def argument(self, arg: Any) -> Any:
        """Return the constant that an argument of a node is."""
        return self.tensors[str(arg.target)] if isinstance(arg, fx.Node) else arg

    def widths(self) -> list[int]:
        """Return how many values each block but the last one gives to the next."""
        found: list[int] = []

        def at_block(_: int, value: Tensor) -> Tensor:
            found.append(value.numel())
            return value

        self.run(self.sample, {}, at_block)
        return found

    # Below: what the graph is like.

    def _layers(self) -> list[fx.Node]:
        return [
            node
            for node in self.graph.graph.nodes
            if node.target in WEIGHTED and _constant_of(node.args[1]) is not None
        ]

    def _weights(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        weights: dict[str, Tensor] = {}
        blocks: dict[str, int] = {}
        for node in self.layers:
            block = sum(_before(start, node) for start in self.starts) - 1
            own = [str(c.target) for arg in node.args[1:3] if (c := _constant_of(arg)) is not None]
            norm = self.norms.get(node)
            for name in [*own, *(name for name in (norm.weight, norm.bias) if name)] if norm else own:
                value = self.tensors[name]
                if (rounding := self.rounding(name)) is not None:
                    value = rounding.target(value, *map(self.argument, rounding.args[1:]))  # type: ignore[operator]
                weights[name], blocks[name] = value.clone(), block
        return weights, blocks

    def _starts(self) -> list[fx.Node]:
        """Return the layers at which blocks begin: nothing made before their input is read at them or later."""
        run_time = _run_time(self.graph.graph)
        place = {node: index for index, node in enumerate(run_time)}
        starts = [self.layers[0]]
        ends = [max((place[user] for user in node.users if user in place), default=0) for node in run_time]
        for node in run_time:
            if node in self.layers[1:]:
                before = place[node.args[0]]  # type: ignore[index]
                if max(ends[:before], default=0) <= before:
                    starts.append(node)
        return starts


class _Run(fx.Interpreter):
    """Puts given weights in the place of constants, and lets gradients through rounding."""

    def __init__(
        self,
        forward: Forward,
        tensors: dict[str, Tensor],
        at_block: AtBlock,
        needed: set[fx.Node] | None = None,
        *,
        keeps: bool = False,
    ) -> None:
        """Run the nodes ``needed`` only, where they are given; ``keeps`` what each gives until the end."""
        super().__init__(forward.graph, garbage_collect_values=not keeps)
        self.forward, self.tensors, self.at_block, self.needed = forward, tensors, at_block, needed
        self.bounds: dict[fx.Node, Bounds] = {}

    def run_node(self, n: fx.Node) -> Any:
        if self.needed is not None and n not in self.needed:
            return None
        if n.op == "get_attr":
            return self._constant(n)
        if n.target in _DEQUANTIZE:
            return self._dequantize(n)
        if n.target is _QUANTIZE:
            return self.env[n.args[0]]  # type: ignore[index]  # rounded where it is read
        if n in self.forward.starts[1:]:
            index = self.forward.starts.index(n) - 1
            source: Any = n.args[0]
            self.env[source] = self.at_block(index, self.env[source])
        if (bounds := _rectified_before_rounding(n)) is not None:
            self.bounds[n] = bounds
            args, kwargs = self.fetch_args_kwargs_from_env(n)
            return passed(args[0], lambda x: n.target(x, *args[1:], **kwargs))  # type: ignore[operator]
        if n.op == "call_function" and self.forward.method is not None:
            args, kwargs = self.fetch_args_kwargs_from_env(n)
            value = self.forward.method.run(n, args, self.tensors)
            if value is not None:
                return value
        return super().run_node(n)

    def _constant(self, n: fx.Node) -> Tensor:
        name = str(n.target)
        value = self.tensors[name] if name in self.tensors else self.forward.tensors[name]
        kept = self._kept(name)
        if kept is None or self.forward.rounding(name) is not None:
            return value  # made whole where it is dequantized
        return kept.whole(value, {**kept.constants, **self.tensors}, None)

    def _kept(self, name: str) -> Kept | None:
        """Return how the weight ``name`` is kept, where it is given."""
        return self.forward.kept.get(name) if name in self.tensors else None

    def _dequantize(self, n: fx.Node) -> Tensor:
        source: Any = n.args[0]
        value = self.env[source]
        parameters = [self.env[arg] if isinstance(arg, fx.Node) else arg for arg in n.args[1:]]
        quantize = _DEQUANTIZE[n.target]  # type: ignore[index]
        if source.op == "get_attr":
            if (kept := self._kept(str(source.target))) is not None:
                rounding = Rounding(quantize, n.target, parameters)
                return kept.whole(value, {**kept.constants, **self.tensors}, rounding)
            if not value.is_floating_point():
                return n.target(value, *parameters)  # type: ignore[operator, no-any-return]
            return quantized(value, quantize, n.target, parameters, Bounds(), clips=False)
        before: Any = source.args[0]
        # logits beyond their range still say in which direction they are wrong
        clips = not _same_range(before, source) and all(user.op != "output" for user in n.users)
        return quantized(
            value, quantize, n.target, parameters, self.bounds.get(before, Bounds()), clips=clips
        )


def _constant_of(arg: Any) -> fx.Node | None:
    """Return the constant that a layer's argument is, through its dequantize node."""
    if not isinstance(arg, fx.Node):
        return None
    node: Any = arg.args[0] if arg.target in _DEQUANTIZE else arg
    return node if node.op == "get_attr" else None


def _run_time(graph: fx.Graph) -> list[fx.Node]:
    """Return the nodes that depend on the input, in order."""
    found: dict[fx.Node, None] = {}
    for node in graph.nodes:
        if node.op == "placeholder" or any(arg in found for arg in node.all_input_nodes):
            found[node] = None
    return list(found)


def _needed(ends: Iterable[fx.Node], known: Known) -> set[fx.Node]:
    """Return the nodes that must run for ``ends``, these included, where some are known."""
    found: set[fx.Node] = set()
    look = [node for node in ends if node not in known]
    while look:
        node = look.pop()
        if node not in found:
            found.add(node)
            look += [arg for arg in node.all_input_nodes if arg not in known]
    return found


def _before(one: fx.Node, other: fx.Node) -> bool:
    """True when ``one`` is ``other`` or stands before it."""
    return one is other or one < other


def _rectified_before_rounding(node: fx.Node) -> Bounds | None:
    """Return the bounds of an activation that only a quantize node reads: the integers show where it was at them."""
    if node.target not in (_aten.relu.default, _aten.hardtanh.default):
        return None
    if any(user.target is not _QUANTIZE for user in node.users):
        return None
    if node.target is _aten.relu.default:
        return Bounds(low=0.0)
    given = cast("list[float]", list(node.args[1:]))
    low, high = given + [-1.0, 1.0][len(given) :]
    return Bounds(float(low), float(high))


def _same_range(node: Any, quantize: Any) -> bool:
    """True when ``node`` is made of a dequantized value with the same integers, without leaving their range."""
    while isinstance(node, fx.Node) and node.target in _KEEP_RANGE:
        node = node.args[0]
    return (
        isinstance(node, fx.Node)
        and node.target is _integers.dequantize_per_tensor.default
        and node.args[1:] == quantize.args[1:]
    )
