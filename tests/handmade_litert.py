"""LiteRT files made operator by operator, without a converter, in a moment."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from kerasseg.export.litert import flatbuffer

TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "float16": schema.TensorType.FLOAT16,
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "int32": schema.TensorType.INT32,
    "bool": schema.TensorType.BOOL,
}


class Graph:
    """One graph: `tensor` and `operator` add to it, `file` gives its bytes."""

    def __init__(self):
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def tensor(self, shape, kind="float32", data=None, scale=None, zero=0):
        """Number of a new tensor; data: numbers that the file holds. scale: one number,
        or one for each channel of the first axis."""
        made = schema.TensorT()
        made.shape, made.type = list(shape), TYPES[kind]
        made.name = f"t{len(self.graph.tensors)}"
        buffer = schema.BufferT()
        if data is not None:
            numbers = np.broadcast_to(np.asarray(data, kind), shape)
            buffer.data = np.frombuffer(numbers.tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        made.buffer = len(self.model.buffers) - 1
        if scale is not None:
            quantised = made.quantization = schema.QuantizationParametersT()
            quantised.scale = np.atleast_1d(np.asarray(scale, np.float32))
            quantised.zeroPoint = np.full(quantised.scale.shape, zero, np.int64)
        self.graph.tensors.append(made)
        return len(self.graph.tensors) - 1

    def operator(self, name, inputs, output, version=1, options="", **values):
        """Adds an operator; options: name of its table, such as Conv2DOptions."""
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = version
        self.model.operatorCodes.append(code)
        made = schema.OperatorT()
        made.opcodeIndex = len(self.model.operatorCodes) - 1
        made.inputs, made.outputs = list(inputs), [output]
        if options:
            made.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            made.builtinOptions = getattr(schema, f"{options}T")()
            for key, value in values.items():
                setattr(made.builtinOptions, key, value)
        self.graph.operators.append(made)
        return output

    def file(self, image, output, signature="class_map"):
        """The bytes of a file with one signature: image -> its own name."""
        self.graph.inputs, self.graph.outputs = [image], [output]
        made = schema.SignatureDefT()
        made.signatureKey, made.subgraphIndex = signature, 0
        made.inputs, made.outputs = [schema.TensorMapT()], [schema.TensorMapT()]
        made.inputs[0].name, made.inputs[0].tensorIndex = "image", image
        made.outputs[0].name, made.outputs[0].tensorIndex = signature, output
        self.model.signatureDefs = [made]
        return flatbuffer.pack(self.model)


def run(data, image, signature="class_map", plain=False):
    """What the interpreter of the CPU makes of a file; plain: without XNNPACK."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=data,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        if plain
        else OpResolverType.AUTO,
    )
    return interpreter.get_signature_runner(signature)(image=image)[signature]
