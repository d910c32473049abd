#!/usr/bin/python3 -IB
"""Writes a Moonshine model so that ONNX Runtime runs it faster.

Usage: quicken-moonshine.py FROM TO
FROM: the encoder's or the decoder's file, .onnx, in 8 bits as Optimum writes them; TO: the file to write

The published files hold 8-bit weights as numbers without sign, for which ONNX Runtime has no kernel with the dot product
instructions (AVX-512 VNNI, AVX-VNNI). With sign, 128 less and their zero points too, they are the same weights and give the
same text. And the decoder's last product, with the whole vocabulary, is computed with the weights made floats: at each token
38 MB are read for it, where 9 MB hold as much. It becomes one of 8 bits, with the input quantised as it runs, as all other
products of the model are. What is so already, or is not in 8 bits, stays as it is.
"""
import os
import sys

try:
    import numpy
    import onnx
    from google.protobuf.message import DecodeError
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    sys.exit(f"quicken-moonshine: error: {sys.executable} has not what Debian's package python3-onnx brings: {error}")

LAST_PRODUCT = "/proj_out/MatMul"
TAKES_ZERO_POINT = {"MatMulInteger": (1, 3), "DequantizeLinear": (0, 2)}  # which inputs have the weights and their zero point


def graphs(graph):
    """A graph and those in its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from graphs(attribute.g)


def nodes(model):
    return [node for graph in graphs(model.graph) for node in graph.node]


def make_product_8_bit(graph, initializers):
    """Replaces the last product, of weights that are transposed and then made floats; returns what it was made of."""
    makers = {output: node for node in graph.node for output in node.output}
    product = next((node for node in graph.node if node.name == LAST_PRODUCT), None)
    floats = product and makers.get(product.input[1])
    if not floats or floats.op_type != "DequantizeLinear" or len(floats.input) < 3:
        return set()
    weights, scale, zero_point = floats.input
    transpose = makers.get(weights)
    readers = [node for node in graph.node if floats.output[0] in node.input]
    if not transpose or transpose.op_type != "Transpose" or transpose.input[0] not in initializers or len(readers) > 1:
        return set()
    if any(name not in initializers or initializers[name].dims for name in (scale, zero_point)):
        return set()

    added = []

    def make(operation, inputs, *outputs, **attributes):
        outputs = [f"{LAST_PRODUCT}_{output}" for output in outputs]
        added.append(helper.make_node(operation, inputs, outputs, name=outputs[0], **attributes))
        return outputs

    value, value_scale, value_zero_point = make(
        "DynamicQuantizeLinear", [product.input[0]], "value", "value_scale", "value_zero_point"
    )
    sums = make("MatMulInteger", [value, weights, value_zero_point, zero_point], "sums")
    sums = make("Cast", sums, "float_sums", to=TensorProto.FLOAT)
    scales = make("Mul", [value_scale, scale], "scales")
    added.append(helper.make_node("Mul", sums + scales, product.output, name=LAST_PRODUCT))

    rest = list(graph.node)
    at = rest.index(product)
    rest[at : at + 1] = added
    rest.remove(floats)
    del graph.node[:]
    graph.node.extend(rest)
    return {transpose.input[0], zero_point}


def give_sign(model, names, initializers):
    """Makes 8-bit initializers without sign those with, where it is known what reads them."""
    for graph in graphs(model.graph):
        signed = set(names)  # and what is taken from them
        for node in graph.node:
            read = signed & set(node.input)
            if read and node.op_type in ("Gather", "Transpose"):
                signed |= set(node.output)
            elif read and not (node.op_type in TAKES_ZERO_POINT and with_zero_point(node, signed)):
                raise ValueError(f"not known how {node.op_type} {node.name} reads {read.pop()}")
    for name in names:
        values = numpy_helper.to_array(initializers[name])
        signed = (values.astype(numpy.int16) - 128).astype(numpy.int8)
        initializers[name].CopyFrom(numpy_helper.from_array(signed.reshape(values.shape), name))


def with_zero_point(node, names):
    """Whether both what is multiplied and its zero point are of `names`; without one it is 0, which no sign can be given."""
    value, zero_point = TAKES_ZERO_POINT[node.op_type]
    return len(node.input) > zero_point and {node.input[value], node.input[zero_point]} <= names


def make_local(model, graph, initializers):
    """Gives an inner graph weights of its own.

    On processors without the dot product instructions, sums of weights with sign would overflow 16 bits. There ONNX Runtime
    (session.x64quantprecision) takes the sign away again, but only from the initializers of the graph that a product stands
    in. Transposed or shaped anew, they are such as soon as constants are folded.
    """
    made = {}
    for node in graph.node:
        inputs = node.input if node.op_type == "MatMulInteger" else ()
        for index, operation, turn in ((1, "Transpose", numpy.transpose), (3, "Squeeze", numpy.atleast_1d)):
            name = inputs[index] if len(inputs) > index else ""
            if name not in initializers or initializers[name].data_type != TensorProto.INT8:
                continue
            if name not in made:
                outer, local = f"{name}_outer", f"{name}_local"
                if outer not in initializers:
                    values = numpy.ascontiguousarray(turn(numpy_helper.to_array(initializers[name])))
                    model.graph.initializer.append(numpy_helper.from_array(values, outer))
                    initializers[outer] = model.graph.initializer[-1]
                made[name] = helper.make_node(operation, [outer], [local], name=local)
            node.input[index] = made[name].output[0]
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend(list(made.values()) + rest)


def quicken(model):
    initializers = {each.name: each for each in model.graph.initializer}
    names = set()
    for graph in graphs(model.graph):
        names |= make_product_8_bit(graph, initializers)
        del graph.value_info[:]  # says what was without sign

    unsigned = {name for name, each in initializers.items() if each.data_type == TensorProto.UINT8}
    for node in nodes(model):
        if node.op_type == "MatMulInteger" and with_zero_point(node, unsigned):
            names |= {node.input[1], node.input[3]}
    give_sign(model, names & unsigned, initializers)
    for graph in list(graphs(model.graph))[1:]:
        make_local(model, graph, initializers)

    read = {name for node in nodes(model) for name in node.input}
    kept = [each for each in model.graph.initializer if each.name in read]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def main(arguments):
    if len(arguments) != 2:
        sys.exit(__doc__)
    source, destination = arguments
    try:
        model = onnx.load(source)
        if not model.graph.node:
            raise DecodeError("no graph in it")
        quicken(model)
        if os.path.exists(destination) and os.path.samefile(source, destination):
            raise ValueError("is both FROM and TO")  # would be lost if TO could not be written
        onnx.save(model, destination)
    except DecodeError as error:
        sys.exit(f"quicken-moonshine: error: {source} is no ONNX model: {error}")
    except ValueError as error:
        sys.exit(f"quicken-moonshine: error: {source}: {error}")
    except OSError as error:
        sys.exit(f"quicken-moonshine: error: {error.filename or destination}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
