#!/usr/bin/env python3
"""Writes a Moonshine model so that ONNX Runtime runs it faster.

Usage: quicken-moonshine.py FROM TO
FROM: the encoder's or the decoder's file, .onnx; TO: the file to write, which may be the same

The published files hold 8-bit weights as numbers without sign, for which ONNX Runtime has no kernel with the dot product
instructions (AVX-512 VNNI, AVX-VNNI). With sign, 128 less and their zero points too, they are the same weights and give the
same text. And the decoder's last product, with the whole vocabulary, is computed with the weights made floats: at each token
38 MB are read for it, where 9 MB hold as much. It becomes one of 8 bits, with the input quantised as it runs, as all other
products of the model are. What is so already, or is not in 8 bits, stays as it is.
"""
import sys

import numpy
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

PRODUCT = "/proj_out/MatMul"


def graphs(graph):
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from graphs(attribute.g)


def make_product_8_bit(graph):
    """Replaces the product with weights that are transposed and made floats first; returns their names, if it was there."""
    makers = {output: node for node in graph.node for output in node.output}
    product = next((node for node in graph.node if node.name == PRODUCT), None)
    floats = product and makers.get(product.input[1])
    if not floats or floats.op_type != "DequantizeLinear" or len(floats.input) < 3:
        return set()
    weights, scale, zero_point = floats.input
    transpose = makers.get(weights)
    if not transpose or transpose.op_type != "Transpose":
        return set()
    graph.node.remove(product)
    graph.node.remove(floats)

    def make(operation, inputs, *outputs, **attributes):
        outputs = [f"{PRODUCT}_{output}" for output in outputs]
        graph.node.append(helper.make_node(operation, inputs, outputs, name=outputs[0], **attributes))
        return outputs

    value, value_scale, value_zero_point = make(
        "DynamicQuantizeLinear", [product.input[0]], "value", "value_scale", "value_zero_point"
    )
    sums = make("MatMulInteger", [value, weights, value_zero_point, zero_point], "sums")
    sums = make("Cast", sums, "float_sums", to=TensorProto.FLOAT)
    scales = make("Mul", [value_scale, scale], "scales")
    graph.node.append(helper.make_node("Mul", sums + scales, product.output, name=PRODUCT))
    return {transpose.input[0], zero_point}


def give_sign(model, names):
    """Makes 8-bit initializers without sign those with."""
    for each in model.graph.initializer:
        if each.name in names and each.data_type == TensorProto.UINT8:
            values = numpy_helper.to_array(each)
            signed = (values.astype(numpy.int16) - 128).astype(numpy.int8)
            each.CopyFrom(numpy_helper.from_array(signed.reshape(values.shape), each.name))


def quicken(model):
    names = set()
    for graph in graphs(model.graph):
        names |= make_product_8_bit(graph)
        for node in graph.node:
            if node.op_type == "MatMulInteger" and len(node.input) == 4:  # else the zero point is 0, without sign
                names |= {node.input[1], node.input[3]}
        del graph.value_info[:]  # says what was without sign
    give_sign(model, names)


def main(arguments):
    if len(arguments) != 2:
        sys.exit(__doc__)
    source, destination = arguments
    try:
        model = onnx.load(source)
        if not model.graph.node:
            raise DecodeError("no graph in it")
        quicken(model)
        onnx.save(model, destination)
    except DecodeError as error:
        sys.exit(f"quicken-moonshine: error: {source} is no ONNX model: {error}")
    except OSError as error:
        sys.exit(f"quicken-moonshine: error: {error.filename or destination}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
