"""Read an exported program into steps, in torch's own layout, with quantize and dequantize as steps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.constants import SHAPES, fold
from toolkit.lower.ir import Model, Quantization, State, Step, Value
from toolkit.lower.scales import check_channels, check_integers, check_quantization
from toolkit.ops import by_aten, operators
from toolkit.ops.slice import SEVERAL_OUTPUTS, part_of

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import Node

# Nodes that pass their first argument on unchanged when a program runs in inference.
IDENTITIES = {
    "aten.detach.default",
    "aten.detach_.default",
    "aten.clone.default",
    "aten.contiguous.default",
    "aten.alias.default",
    "aten.lift_fresh_copy.default",
    "aten.dropout.default",
    "aten.dropout_.default",
    "aten.feature_dropout.default",
}
ASSERTS = ("aten._assert", "aten.sym_", "aten._local_scalar")
BATCH_NORMS = {
    "aten.batch_norm.default": (0, 1, 2, 3, 4, 7),
    "aten._native_batch_norm_legit_no_training.default": (0, 1, 2, 3, 4, 6),
}
CONVERSIONS = {"aten.to.dtype", "aten._to_copy.default", "aten.type_as.default"}
FLOAT64_BY_MISTAKE = {
    "quantized_decomposed.choose_qparams_per_token.default"
}  # torch says so, and computes float32
_OF_SHAPES_ALONE = tuple(f"aten.{kind}." for kind in SHAPES)
DTYPES = {"float16", "float32", "int8", "uint8", "int16", "int32", "int64", "bool"}


def knows(target: str) -> bool:
    """True for a node's target that the reader may take, in some of its forms at least."""
    tables = (IDENTITIES, CONVERSIONS, BATCH_NORMS, SEVERAL_OUTPUTS, by_aten())
    others = (*ASSERTS, *_OF_SHAPES_ALONE, "quantized_decomposed.", "<built-in function getitem>")
    return any(target in table for table in tables) or target.startswith(others)


def read(program: ExportedProgram, name: str = "model") -> Model:
    """Return the steps of ``program``.

    Raises:
        ToolkitError: all operators that nothing here computes, listed at once with their layers; a dtype
            or a dynamic shape nobody supports.
    """
    return _ProgramReader(program, name).read()


class _ProgramReader:
    def __init__(self, program: ExportedProgram, name: str) -> None:
        self.program = program
        self.model = Model(name, [], [], [])
        self.values: dict[Node, Value] = {}
        self.problems: list[tuple[str, str, str]] = []  # operator, layer, why
        self.unknown: set[Node] = set()  # what comes out of them, and after them
        self.node: Node | None = None

    def read(self) -> Model:
        from toolkit.program.restore import restored  # needs torch

        constants = self._constants()
        user_inputs = set(self.program.graph_signature.user_inputs)
        kept_on = self._mutated()
        before: dict[str, Value] = {}  # what a run reads of a buffer that it changes
        for node in restored(self.program.graph).nodes:
            self.node = node
            if node.op == "placeholder":
                kept = constants.get(node.name)
                if kept is not None and kept.name in kept_on:
                    before[kept.name] = self.values[node] = self._input(node)
                elif kept is not None:
                    self.values[node] = kept
                elif node.name in user_inputs:
                    self.values[node] = self._input(node)
                    self.model.inputs.append(_no_half(self.values[node]))
            elif node.op == "call_function":
                self._call(node)
            elif node.op == "output" and not self.problems:
                after: dict[str, Value] = {}
                for spec, arg in zip(
                    self.program.graph_signature.output_specs, cast("Any", node.args[0]), strict=True
                ):
                    if spec.target in kept_on:
                        after[spec.target] = self.value(arg)
                    elif arg is not None:
                        self.model.outputs.append(_no_half(self.value(arg)))
                self._add_states(before, after, {value.name: value for value in constants.values()})
        if self.problems:
            raise _unsupported_error(self.problems)
        return self.model

    # What an operator's `read` may ask.

    def value(self, arg: Any) -> Value:
        """Return the value of an FX argument."""
        if arg in self.values:
            return self.values[arg]
        if isinstance(arg, (int, float)):
            return Value(f"scalar_{arg}", (), data=np.array(arg, np.float32))
        raise self.unsupported(f"argument {arg}")

    def unsupported(self, why: str) -> Exception:
        """Return the error for a form of the current operator that nothing computes."""
        return _Unsupported(why)

    # Below: one FX node at a time.

    def _constants(self) -> dict[str, Value]:
        signature = self.program.graph_signature
        names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        tensors = {**self.program.state_dict, **self.program.constants}
        for key, target in signature.inputs_to_lifted_tensor_constants.items():
            names[key] = target
        found = {}
        for placeholder, target in names.items():
            tensor = tensors[target]
            dtype = _dtype(tensor.dtype, target)
            data = tensor.detach().cpu().contiguous().numpy()
            found[placeholder] = Value(target, tuple(data.shape), dtype, data=data)
        return found

    def _mutated(self) -> set[str]:
        """Return the names of the buffers and parameters that a run changes."""
        names = set()
        for spec in self.program.graph_signature.output_specs:
            if spec.kind.name == "USER_INPUT_MUTATION":
                raise ToolkitError(
                    f"the program writes into its input {spec.target}",
                    fix="let forward() return a new tensor, or keep it in a buffer (register_buffer)",
                )
            if spec.kind.name in ("BUFFER_MUTATION", "PARAMETER_MUTATION"):
                names.add(str(spec.target))
        return names

    def _add_states(self, before: dict[str, Value], after: dict[str, Value], kept: dict[str, Value]) -> None:
        """Add the buffers that one run reads and the next one finds changed; one that is never read is left out."""
        read = [*self.model.outputs, *(value for step in self.model.steps for value in step.inputs)]
        while used := [name for name, value in before.items() if value in read]:
            for name in used:
                initial = kept[name].data
                assert initial is not None
                self.model.states.append(State(name, before.pop(name), after[name], initial))
                read.append(after[name])  # one state may become another
        for state in self.model.states:
            self.model.inputs.append(state.before)
            self.model.outputs.append(state.after)

    def _input(self, node: Node) -> Value:
        value = self._typed(node)
        if value.dtype == "int64":  # indices, which the device takes as int32
            value.dtype = "int32"
        return value

    def _typed(self, node: Node) -> Value:
        tensor = node.meta["val"]
        if any(not isinstance(size, int) for size in tensor.shape):
            raise ToolkitError(
                f"{node.name} has a dynamic shape {tuple(tensor.shape)}; C code needs fixed sizes",
                at=self._layer(node),
                fix="export with torch.export.export(model, (torch.zeros(1, ...),)), without dynamic_shapes",
            )
        return Value(node.name, tuple(tensor.shape), _dtype(tensor.dtype, node.name))

    def _layer(self, node: Node) -> str:
        stack = node.meta.get("nn_module_stack") or {}
        path = next((entry[0] for entry in reversed(stack.values()) if entry[0]), "")
        for prefix in ("L['self'].", "L__self__."):
            path = path.removeprefix(prefix)
        return path or node.name

    def _call(self, node: Node) -> None:
        target = str(node.target)
        if target.startswith(ASSERTS):
            return
        unknown = not self.unknown.isdisjoint(node.all_input_nodes)
        try:
            if target in IDENTITIES or (target in CONVERSIONS and _keeps_dtype(node)):
                self.values[node] = self.value(node.args[0])
            elif target in SEVERAL_OUTPUTS:
                self.value(node.args[0])  # each part is a slice, read where it is taken
            elif target.startswith("quantized_decomposed.") and target not in by_aten():
                self._quantized_decomposed(node, target.split(".")[1])
            elif (constant := fold(node, self.values)) is not None:
                self.values[node] = constant
            elif target in BATCH_NORMS:
                self._batch_norm(node, target)
            elif target == "<built-in function getitem>":
                source, index = cast("Any", node.args)
                if not node.users:
                    return  # a statistic that decomposed normalizations give and nobody reads
                if str(source.target) in SEVERAL_OUTPUTS:
                    whole = self.value(source.args[0])
                    steps = part_of(whole, source, index)
                    if whole.data is None:
                        self._add(node, steps)
                    else:
                        self.values[node] = _constant_part(whole, steps[0], self._typed_output(node))
                    return
                if str(source.target) in FLOAT64_BY_MISTAKE and index == 1:
                    shape = self.values[source].shape
                    self.values[node] = Value(node.name, shape, "int64", data=np.zeros(shape, np.int64))
                    return
                operator = by_aten().get(str(source.target))
                if operator is not None and operator.several_outputs:
                    self._add(node, operator.read_part(source, index, self))
                    return
                if index != 0 and all(str(user.target).endswith("_backward.default") for user in node.users):
                    return  # indices of maxima, which the gradient finds again
                if index != 0 or source not in self.values:
                    raise self.unsupported(f"output {index} of {source}")
                self.values[node] = self.values[source]
            elif (operator := by_aten().get(target)) is not None:
                if not operator.several_outputs:
                    made = operator.read(node, self)
                    self._add(node, made if isinstance(made, list) else [made])
            else:
                raise self.unsupported("")
        except (_Unsupported, AssertionError) as problem:
            # what follows an operator that cannot be read may fail for that alone
            if isinstance(problem, AssertionError) and not unknown:
                raise
            if not unknown or target not in by_aten():
                self.problems.append((target.removesuffix(".default"), self._layer(node), str(problem)))
            self.unknown.add(node)
            self.values[node] = self._typed_output(node)
        if unknown:
            self.unknown.add(node)

    def _typed_output(self, node: Node) -> Value:
        meta = node.meta["val"]
        if str(node.target) in FLOAT64_BY_MISTAKE:
            return Value(node.name, tuple(meta[0].shape))
        if isinstance(meta, (tuple, list)):
            return Value(node.name, tuple(meta[0].shape), _dtype(meta[0].dtype, node.name))
        return self._typed(node)

    def _add(self, node: Node, steps: list[Step]) -> None:
        """Append what an operator read from ``node``; the last step's output is the node's."""
        *before, step = steps
        operator = operators()[step.op]
        if step.op != "cast" and any(value.dtype == "float16" for value in step.inputs):
            raise self.unsupported("float16 values: cast them to float32 first")
        step.name = _weight_owner(step) or self._layer(node)
        for earlier in before:
            earlier.name = _weight_owner(earlier) or step.name
        self.model.steps += before
        step.output = self._typed_output(node)
        if operator.integer_output:  # torch says int64
            step.output.dtype = "int32"
        elif operator.quantization == "share" and (
            step.inputs[0].data is None or step.inputs[0].quant is None
        ):
            step.output.dtype = step.inputs[0].dtype  # a quantized constant stands for reals here
        self._append(node, step)

    def _append(self, node: Node, step: Step) -> None:
        self.model.steps.append(step)
        self.values[node] = step.output

    def _batch_norm(self, node: Node, target: str) -> None:
        x, *parameters = (node.args[i] for i in BATCH_NORMS[target][:5])
        if target == "aten.batch_norm.default" and node.args[5]:
            raise self.unsupported("training mode")
        channels = self._typed_output(node).shape[1]
        defaults = (1.0, 0.0, 0.0, 1.0)
        constants = [
            self.value(p)
            if p is not None
            else Value("default", (channels,), data=np.full(channels, d, np.float32))
            for p, d in zip(parameters, defaults, strict=True)
        ]
        attrs = {"eps": float(cast("Any", node.args)[BATCH_NORMS[target][5]])}
        inputs = [self.value(x), *constants]
        self._append(node, Step("batch_norm", self._layer(node), inputs, self._typed_output(node), attrs))

    def _quantized_decomposed(self, node: Node, kind: str) -> None:
        x = self.value(node.args[0])
        quant = self._quantization(node, kind)
        check_quantization(quant, x.name if x.data is not None else self._layer(node))
        if kind.startswith("dequantize"):
            if x.data is not None:
                self.values[node] = constant = Value(x.name, x.shape, x.dtype, quant, x.data)
                check_integers(constant)
                return
            quant = _along(quant, x)
            x.quant = x.quant or quant
            output = Value(node.name, x.shape)
            self._append(node, Step("dequantize", self._layer(node), [x], output))
        elif (folded := fold(node, self.values)) is not None:
            folded.quant = quant
            self.values[node] = folded
        else:
            output = self._typed(node)
            output.quant = _along(quant, x)
            self._append(node, Step("quantize", self._layer(node), [x], output))

    def _quantization(self, node: Node, kind: str) -> Quantization:
        def array(arg: Any, dtype: type) -> np.ndarray:
            data = self.value(arg).data if not isinstance(arg, (int, float)) else arg
            if data is None:
                raise self.unsupported("a scale computed at run time")
            return np.atleast_1d(np.asarray(data, dtype))

        if kind in ("quantize_per_tensor", "dequantize_per_tensor"):
            scale, zero_point, qmin, qmax = cast("Any", node.args[1:5])
            return Quantization(array(scale, np.float64), array(zero_point, np.int64), qmin, qmax)
        if kind in ("quantize_per_channel", "dequantize_per_channel"):
            scale, zero_point, axis, qmin, qmax = cast("Any", node.args[1:6])
            zeros = np.zeros(1) if zero_point is None else zero_point
            zero_points = (
                array(zeros, np.int64)
                if zero_point is not None
                else np.zeros(array(scale, float).shape, np.int64)
            )
            return Quantization(array(scale, np.float64), zero_points, qmin, qmax, axis)
        raise self.unsupported(f"quantized_decomposed.{kind}")


def _along(quant: Quantization, x: Value) -> Quantization:
    """Return the quantization of a value of the run, its axis counted from the front."""
    if quant.axis is None:
        return quant
    check_channels(quant, x.shape, x.name)
    return replace(quant, axis=quant.axis % len(x.shape))


def _constant_part(whole: Value, part: Step, output: Value) -> Value:
    """Return the part of a constant that a slice takes."""
    assert whole.data is not None
    ends = zip(part.attrs["start"], part.attrs["count"], strict=True)
    data = whole.data[tuple(slice(start, start + count) for start, count in ends)].reshape(output.shape)
    return Value(output.name, output.shape, whole.dtype, whole.quant, np.ascontiguousarray(data))


class _Unsupported(Exception):
    """One operator that nothing here computes; gathered, then raised together."""


def _keeps_dtype(node: Node) -> bool:
    before, after = cast("Any", node.args[0]).meta.get("val"), node.meta["val"]
    return before is not None and before.dtype == after.dtype


def _weight_owner(step: Step) -> str | None:
    """Return the path of the module whose ``weight`` this step uses: it survives quantization and saving."""
    names = (value.name for value in step.inputs if value.data is not None)
    return next((name.removesuffix(".weight") for name in names if name.endswith(".weight")), None)


def _dtype(dtype: Any, where: str) -> str:
    name = str(dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise _no_type(name, where)
    return name


def _no_half(value: Value) -> Value:
    """Return an input or output, which is no float16: that is for what lies in memory in between."""
    if value.dtype == "float16":
        raise _no_type(value.dtype, value.name)
    return value


def _no_type(name: str, where: str) -> ToolkitError:
    return ToolkitError(
        f"{name} is a type that no backend here supports",
        at=where,
        fix="convert the model to float32 (model.float()) before exporting",
    )


def _unsupported_error(problems: list[tuple[str, str, str]]) -> ToolkitError:
    listed = [f"{op} in {layer}" + (f" ({why})" if why else "") for op, layer, why in dict.fromkeys(problems)]
    count = len(listed)
    return ToolkitError(
        f"{count} operator{'s' if count > 1 else ''} cannot be compiled",
        at="\n      ".join(listed),
        fix="replace them in the model; docs/adding.md shows how to add an operator",
    )
