"""Which tensors of a graph are quantized and how, by what each operator says of itself."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import Any

import torch
from torch import fx

from quantize.int8 import (
    WEIGHT_RANGE,
    activation_spec,
    fixed_spec,
    known_weight_spec,
    spike_spec,
    weight_spec,
)
from quantize.pt2e import QuantizationAnnotation, QuantizationSpecBase, Quantizer, SharedQuantizationSpec
from quantize.ternary import one_scale, split
from toolkit import ops
from toolkit.lower.int16 import has_int16
from toolkit.ops.base import Operator
from toolkit.ops.slice import SEVERAL_OUTPUTS
from toolkit.program.masks import is_mask
from toolkit.program.potentials import FIRE, INTEGRATE, SEND, potentials
from toolkit.program.recurrent import role
from toolkit.program.whole_numbers import WholeNumbers

_ANNOTATION = "quantization_annotation"  # the key under which PT2E looks


class IntegerQuantizer(Quantizer):
    """A PT2E quantizer for the C kernels, after the TFLite int8 specification.

    Args:
        ternary: names of the weights (``features.0.weight``) that are stored in -1..1.
        int4: names of those that are stored in -7..7, each output channel with its own scale; the others are int8.
        whole: by name, those that are whole numbers already, with their scales.
        activations: "int8", or "int16": symmetric, as TFLite's 16x8 quantization. What has no int16 kernel stays float.
        training: put fake quantization in place of observers.
        operators: operators by aten name; those of ``toolkit.ops`` unless given.
    """

    def __init__(
        self,
        *,
        ternary: Collection[str] = (),
        int4: Collection[str] = (),
        whole: Mapping[str, WholeNumbers] | None = None,
        activations: str = "int8",
        training: bool = False,
        operators: Mapping[str, Operator] | None = None,
    ) -> None:
        self.ternary = frozenset(ternary)
        self.int4 = frozenset(int4)
        self.whole = whole or {}
        self.training = training
        self.operators = ops.by_aten() if operators is None else operators
        self.stored = activations
        self.roles: dict[Hashable, fx.Node] = {}
        self.updates: dict[str, fx.Node] = {}  # by buffer, the node that gives it its value for the next run
        self.activation = activation_spec(training=training, stored=activations)
        self.potential = activation_spec(training=training, stored="int16")
        self.spikes = fixed_spec(1.0, 0) if training else spike_spec()
        self.potentials: set[fx.Node] = set()

    def annotate(self, model: fx.GraphModule) -> fx.GraphModule:
        """Annotate every node whose operator has integer kernels; others stay float."""
        self.updates = updates(model)
        self.potentials = potentials(model, self.operators)
        self.masks = {node for node in model.graph.nodes if is_mask(model, node)}
        for node in model.graph.nodes:
            operator = self.operator(node)
            if node in self.updates.values():
                self._update(node)
            if str(node.target) in SEVERAL_OUTPUTS and _is_float(node.all_input_nodes[0]):
                self._parts(node)
            if operator is None or _annotation(node) is not None or not _is_float(node):
                continue
            if node in self.masks:
                continue  # one kernel with the softmax behind it
            if self.stored == "int16" and not has_int16(operator.name):
                continue
            if node.target is INTEGRATE:
                self._neurons(node)
                continue
            if node.target is SEND:
                self._sums(model, node)
                continue
            if node.target is FIRE:
                self._separate(node, operator, self.spikes)
                continue
            match operator.quantization:
                case "weighted":
                    self._weighted(model, node, operator)
                case "io":
                    self._separate(node, operator, self._observed(node))
                case "fixed":
                    self._separate(node, operator, self._fixed(operator))
                case "share":
                    self._share(node)
        return model

    def _own(self, node: fx.Node) -> QuantizationSpecBase:
        """Return the specification of what ``node`` gives."""
        if node.target is FIRE:
            return self.spikes
        return self.potential if node in self.potentials else self.activation

    def _neurons(self, node: fx.Node) -> None:
        """Let the potentials before and after a step, and the rise of their thresholds, have one range."""
        x, v, rise = (arg if isinstance(arg, fx.Node) else None for arg in node.args[:3])
        assert x is not None
        assert v is not None
        kept = self._kept_range(node)
        inputs = {x: self._input(x, self.potential), v: kept or self._input(v, self.potential)}
        shared = (
            inputs[v] if isinstance(inputs[v], SharedQuantizationSpec) else SharedQuantizationSpec((v, node))
        )
        if rise is not None:
            inputs[rise] = shared
        _annotate(node, inputs, shared)

    def _sums(self, model: fx.GraphModule, node: fx.Node) -> None:
        """Let sums of what is on its way have the scale of the weights that spikes add to them."""
        pending, x, weight = node.args[:3]
        if not all(isinstance(arg, fx.Node) for arg in (pending, x, weight)) or not is_constant(weight):
            return
        assert isinstance(pending, fx.Node)
        assert isinstance(x, fx.Node)
        assert isinstance(weight, fx.Node)
        largest = float(constant(model, weight).abs().max())
        sums = fixed_spec(largest / WEIGHT_RANGE[1] if largest > 0 else 1.0, 0, stored="int16")
        spec = weight_spec(channel_axis=None, training=self.training)
        _annotate(node, {pending: sums, x: self._input(x), weight: spec}, sums)

    def _observed(self, node: fx.Node) -> QuantizationSpecBase:
        """Return a range of the node's own, or that of the first node with its role in a recurrent layer."""
        key = role(node)
        first = self.roles.setdefault(key, node) if key is not None else node
        return self._own(node) if first is node else SharedQuantizationSpec(first)

    def _fixed(self, operator: Operator) -> QuantizationSpecBase:
        if self.stored == "int16":
            operator = ops.operators()[f"{operator.name}_s16"]
        return fixed_spec(*operator.fixed_output, stored=self.stored)

    def _parts(self, node: fx.Node) -> None:
        """Let every part of a split have the range of the whole."""
        (whole,) = node.all_input_nodes
        first = self._input(whole)
        shared = first if isinstance(first, SharedQuantizationSpec) else SharedQuantizationSpec((whole, node))
        _annotate(node, {whole: first}, None)
        for part in node.users:
            if _annotation(part) is None and _is_float(part):
                _annotate(part, {}, shared)

    def _update(self, node: fx.Node) -> None:
        """Let what a run leaves in a buffer have the range that the next one reads it with."""
        new = node.args[1]
        if isinstance(new, fx.Node) and _is_float(new):
            _annotate(node, {new: self._kept_range(new) or self._input(new)}, None)

    def _kept_range(self, new: fx.Node) -> QuantizationSpecBase | None:
        """Return the range of the buffer that keeps ``new``, where something has read that before."""
        buffers = [node.args[0] for node in self.updates.values() if node.args[1] is new]
        for buffer in (node for node in buffers if isinstance(node, fx.Node)):
            for user in buffer.users:
                annotation = _annotation(user)
                if annotation is not None and buffer in annotation.input_qspec_map:
                    return SharedQuantizationSpec((buffer, user))
        return None

    def validate(self, model: fx.GraphModule) -> None:
        """Accept any annotation: ``annotate`` made them all."""

    def operator(self, node: fx.Node) -> Operator | None:
        """Return the operator that computes ``node``, if one does."""
        return self.operators.get(str(node.target)) if node.op == "call_function" else None

    def _weighted(self, model: fx.GraphModule, node: fx.Node, operator: Operator) -> None:
        x, weight = node.args[0], node.args[1]
        if not isinstance(x, fx.Node) or not isinstance(weight, fx.Node) or weight.op != "get_attr":
            return  # its kernel wants constant weights; the lowering says so
        inputs = {x: self._input(x), weight: self._weight(model, weight, operator.weight_channel_axis)}
        output = self._own(node)
        if node in self.potentials:  # one layer at several steps in time: one range, so one piece of code
            first = self.roles.setdefault(weight, node)
            output = output if first is node else SharedQuantizationSpec(first)
        self._mark(node, operator, inputs, output)

    def _weight(self, model: fx.GraphModule, node: fx.Node, channel_axis: int) -> QuantizationSpecBase:
        name = str(node.target)
        if name in self.whole:
            whole = self.whole[name]
            return known_weight_spec(whole.scale, channel_axis=channel_axis, stored=whole.stored)
        weight = constant(model, node)
        stored = "ternary" if name in self.ternary else "int4" if name in self.int4 else "int8"
        per_channel = weight.dim() > 2 or stored == "int4"
        if stored == "ternary" and not per_channel:
            per_channel = not one_scale(split(weight)[1])
        axis = channel_axis if per_channel else None
        return weight_spec(channel_axis=axis, training=self.training, stored=stored)

    def _separate(self, node: fx.Node, operator: Operator, output: QuantizationSpecBase) -> None:
        inputs = {
            x: self._input(x)
            for x in _float_inputs(node)
            if not (operator.float_constants and self._never_changes(x)) and x not in self.masks
        }
        if inputs or not self.masks.isdisjoint(node.all_input_nodes):
            self._mark(node, operator, inputs, output)

    def _never_changes(self, node: fx.Node) -> bool:
        return is_constant(node) and str(node.target) not in self.updates

    def _share(self, node: fx.Node) -> None:
        inputs = _float_inputs(node)
        if not inputs:
            return
        first = self._input(inputs[0])
        operator = self.operator(node)
        if operator is not None and operator.name == "avg_pool2d" and self._is_spikes(first):
            return  # means of spikes are no spikes: in float32, behind which the next layer has a range of its own
        shared = (
            first if isinstance(first, SharedQuantizationSpec) else SharedQuantizationSpec((inputs[0], node))
        )
        specs: dict[fx.Node, QuantizationSpecBase] = dict.fromkeys(inputs, shared)
        specs[inputs[0]] = first
        _annotate(node, specs, shared)

    def _is_spikes(self, spec: QuantizationSpecBase) -> bool:
        """True for zeros and ones, and for what shares their range."""
        if not isinstance(spec, SharedQuantizationSpec):
            return spec is self.spikes
        origin = spec.edge_or_node if isinstance(spec.edge_or_node, fx.Node) else spec.edge_or_node[0]
        return origin.target is FIRE

    def _mark(
        self,
        node: fx.Node,
        operator: Operator,
        inputs: Mapping[fx.Node, QuantizationSpecBase],
        output: QuantizationSpecBase,
    ) -> None:
        """Annotate a node with the activation that follows as one unit: nothing is quantized between them."""
        last = self._fused_activation(node, operator)
        if output in (self.activation, self.potential):
            output = self._kept_range(last or node) or output
        if last is None:
            _annotate(node, inputs, output)
        else:
            _annotate(node, inputs, None)
            _annotate(last, {}, output)

    def _fused_activation(self, node: fx.Node, operator: Operator) -> fx.Node | None:
        if len(node.users) != 1:
            return None
        user = next(iter(node.users))
        if operator.fuses_scale and _scales(user):
            return user
        if not operator.fuses_activation:
            return None
        following = self.operator(user)
        return user if following is not None and following.name == "relu" else None

    def _input(self, node: fx.Node, otherwise: QuantizationSpecBase | None = None) -> QuantizationSpecBase:
        """Return the producer's range where it has one (softmax's, say), else ``otherwise``, a range to be observed."""
        if node.op == "get_attr" and str(node.target) in self.updates:
            node = self.updates[str(node.target)].args[1]  # type: ignore[assignment] # one range with what comes back
        annotation = _annotation(node)
        if annotation is None or annotation.output_qspec is None:
            return otherwise or self._own(node)
        if isinstance(annotation.output_qspec, SharedQuantizationSpec):
            return annotation.output_qspec  # the range that all share: chains of sharing may close to circles
        return SharedQuantizationSpec(node)


def _scales(node: fx.Node) -> bool:
    """True for a multiplication or division by one positive number."""
    if str(node.target) not in ("aten.mul.Tensor", "aten.mul.Scalar", "aten.div.Tensor", "aten.div.Scalar"):
        return False
    return isinstance(node.args[1], (int, float)) and node.args[1] > 0


def weighted(graph: fx.GraphModule) -> dict[str, str]:
    """Return the weight's name (``features.0.weight``) by the name of each node that has one."""
    table = ops.by_aten()
    found = {}
    for node in graph.graph.nodes:
        operator = table.get(str(node.target))
        if operator is not None and operator.quantization == "weighted" and is_constant(node.args[1]):
            found[node.name] = str(node.args[1].target)
    return found


def updates(model: fx.GraphModule) -> dict[str, fx.Node]:
    """Return, by name, the node that gives each buffer its value for the next run."""
    return {
        str(node.args[0].target): node
        for node in model.graph.find_nodes(op="call_function", target=torch.ops.aten.copy_.default)
        if is_constant(node.args[0])
    }


def is_constant(node: Any) -> bool:
    """True for a node that reads a parameter or buffer."""
    return isinstance(node, fx.Node) and node.op == "get_attr"


def constant(model: fx.GraphModule, node: fx.Node) -> torch.Tensor:
    """Return the parameter or buffer that a ``get_attr`` node reads."""
    owner, _, name = str(node.target).rpartition(".")
    return getattr(model.get_submodule(owner), name)


def _annotate(
    node: fx.Node, inputs: Mapping[fx.Node, QuantizationSpecBase], output: QuantizationSpecBase | None
) -> None:
    node.meta[_ANNOTATION] = QuantizationAnnotation(dict(inputs), output, _annotated=True)


def _annotation(node: fx.Node) -> QuantizationAnnotation | None:
    return node.meta.get(_ANNOTATION)


def _float_inputs(node: fx.Node) -> list[fx.Node]:
    return [argument for argument in node.all_input_nodes if _is_float(argument)]


def _is_float(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.dtype == torch.float32
