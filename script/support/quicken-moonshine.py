#!/usr/bin/env python3
"""Writes a Moonshine model (argument 1, .onnx) so that ONNX Runtime runs it faster, to argument 2.

The published files hold 8-bit weights as numbers without sign, for which ONNX Runtime has no kernel with the dot product
instructions (AVX-512 VNNI, AVX-VNNI). With sign, 128 less and their zero points too, they are the same weights and give the
same text. And the decoder's last product, with the whole vocabulary, is computed with the weights made floats: at each token
38 MB are read for it, where 9 MB hold as much. It becomes one of 8 bits, with the input quantised as it runs, as all other
products of the model are.
"""
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

EMBEDDING = "model.decoder.embed_tokens.weight_merged_0"
PRODUCT = "/proj_out/MatMul"


def graphs(graph):
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from graphs(attribute.g)


def make_product_8_bit(graph):
    """Replaces the product with weights that are transposed and made floats first."""
    product = next(node for node in graph.node if node.name == PRODUCT)
    floats = next(node for node in graph.node if product.input[1] in node.output)
    assert floats.op_type == "DequantizeLinear", floats.op_type
    weights, scale, zero_point = floats.input
    assert (scale, zero_point) == (f"{EMBEDDING}_scale", f"{EMBEDDING}_zero_point"), floats.input
    graph.node.remove(product)
    graph.node.remove(floats)

    def make(operation, inputs, *outputs, **attributes):
        outputs = [f"{PRODUCT}_{output}" for output in outputs]
        graph.node.append(
            helper.make_node(operation, inputs, outputs, name=outputs[0], **attributes)
        )
        return outputs

    value, value_scale, value_zero_point = make(
        "DynamicQuantizeLinear", [product.input[0]], "value", "value_scale", "value_zero_point"
    )
    sums = make("MatMulInteger", [value, weights, value_zero_point, zero_point], "sums")
    sums = make("Cast", sums, "float_sums", to=TensorProto.FLOAT)
    scales = make("Mul", [value_scale, scale], "scales")
    graph.node.append(helper.make_node("Mul", sums + scales, product.output, name=PRODUCT))


def give_sign(model, names):
    """Makes 8-bit initializers without sign those with."""
    for each in model.graph.initializer:
        if each.name in names and each.data_type == TensorProto.UINT8:
            values = numpy_helper.to_array(each)
            signed = (values.astype(numpy.int16) - 128).astype(numpy.int8)
            each.CopyFrom(numpy_helper.from_array(signed.reshape(values.shape), each.name))


def main(source, destination):
    model = onnx.load(source)
    names = {f"{EMBEDDING}_quantized", f"{EMBEDDING}_zero_point"}
    for graph in graphs(model.graph):
        if any(node.name == PRODUCT for node in graph.node):
            make_product_8_bit(graph)
        for node in graph.node:
            if node.op_type == "MatMulInteger":
                names |= {node.input[1], node.input[3]}
        del graph.value_info[:]  # says what was without sign
    give_sign(model, names)
    onnx.save(model, destination)


main(*sys.argv[1:])
