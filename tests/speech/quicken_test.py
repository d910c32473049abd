#!/usr/bin/env python3
"""script/support/quicken-moonshine.py: what it makes of a small model of the same form, and what it says of what is none.

Usage: quicken_test.py SCRIPT DATA_DIR [unittest's arguments]
"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

script, data = map(Path, sys.argv[1:3])
PRODUCT = '/proj_out/MatMul'


def decoder(product_weights):
    """An `If` whose branches each hold a product of 8 bits, and the last one, with `product_weights` made floats."""
    random = numpy.random.default_rng(1)
    weights = random.integers(0, 256, (4, 6), numpy.uint8)
    initializers = {'weights': weights, 'weights_zero': numpy.uint8(131), 'plain': weights,
                    'words': product_weights, 'words_scale': numpy.float32(0.25), 'words_zero': numpy.uint8(128)}

    def branch(name):
        return helper.make_graph([
            helper.make_node('DynamicQuantizeLinear', ['x'], ['q', 'q_scale', 'q_zero']),
            helper.make_node('MatMulInteger', ['q', 'weights', 'q_zero', 'weights_zero'], ['inner']),
            helper.make_node('MatMulInteger', ['q', 'plain', 'q_zero'], ['unshifted']),
            helper.make_node('Transpose', ['words'], ['words_t']),
            helper.make_node('DequantizeLinear', ['words_t', 'words_scale', 'words_zero'], ['words_f']),
            helper.make_node('MatMul', ['x', 'words_f'], ['logits'], name=PRODUCT),
        ], name, [], [helper.make_tensor_value_info('logits', TensorProto.FLOAT, None)],
            value_info=[helper.make_tensor_value_info('words_t', TensorProto.UINT8, None)])

    choice = helper.make_node('If', ['cached'], ['logits'], then_branch=branch('then'), else_branch=branch('else'))
    return helper.make_model(helper.make_graph(
        [choice], 'decoder',
        [helper.make_tensor_value_info('cached', TensorProto.BOOL, [1]),
         helper.make_tensor_value_info('x', TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info('logits', TensorProto.FLOAT, None)],
        [numpy_helper.from_array(numpy.asarray(values), name) for name, values in initializers.items()]))


def values_of(model):
    return {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}


def branches(model):
    return [attribute.g for attribute in model.graph.node[0].attribute]


class Quicken(unittest.TestCase):

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def run_script(self, *arguments):
        return subprocess.run([sys.executable, '-B', script, *arguments], capture_output=True, text=True)

    def quickened(self, model):
        onnx.save(model, self.folder / 'from.onnx')
        done = self.run_script(self.folder / 'from.onnx', self.folder / 'to.onnx')
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, '', ''))
        return onnx.load(self.folder / 'to.onnx')

    def test_weights_get_a_sign_and_stay_what_they_are(self):
        words = numpy.arange(256, dtype=numpy.uint8).reshape(64, 4)
        before = decoder(words)
        after = self.quickened(before)
        for name in ('weights', 'words'):
            old, new = values_of(before), values_of(after)
            self.assertEqual((new[name].dtype, new[f'{name}_zero'].dtype), (numpy.int8, numpy.int8))
            self.assertEqual(new[f'{name}_zero'].shape, ())
            numpy.testing.assert_array_equal(new[name].astype(int) - new[f'{name}_zero'], old[name].astype(int) - old[f'{name}_zero'])

    def test_weights_without_a_zero_point_stay_without_sign(self):
        before = decoder(numpy.zeros((8, 4), numpy.uint8))
        numpy.testing.assert_array_equal(values_of(self.quickened(before))['plain'], values_of(before)['plain'], strict=True)

    def test_the_last_product_is_one_of_8_bits(self):
        after = self.quickened(decoder(numpy.zeros((8, 4), numpy.uint8)))
        self.assertEqual(len(branches(after)), 2)
        for branch in branches(after):
            makers = {output: node for node in branch.node for output in node.output}
            self.assertNotIn('MatMul', [node.op_type for node in branch.node])
            self.assertNotIn('DequantizeLinear', [node.op_type for node in branch.node])
            scaled = makers['logits']
            sums, scales = makers[scaled.input[0]], makers[scaled.input[1]]
            self.assertEqual((scaled.op_type, sums.op_type, scales.op_type), ('Mul', 'Cast', 'Mul'))
            product = makers[sums.input[0]]
            self.assertEqual(product.op_type, 'MatMulInteger')
            self.assertEqual(list(product.input[1::2]), ['words_t', 'words_zero'])
            value = makers[product.input[0]]
            self.assertEqual((value.op_type, list(value.input)), ('DynamicQuantizeLinear', ['x']))
            self.assertEqual(list(value.output), [product.input[0], scales.input[0], product.input[2]])
            self.assertEqual(scales.input[1], 'words_scale')
            self.assertEqual(len(branch.value_info), 0)

    def test_what_is_quick_stays_byte_for_byte(self):
        files = sorted(data.glob('models/moonshine-*/*.onnx'))
        self.assertEqual(len(files), 4)
        for file in files:
            done = self.run_script(file, self.folder / 'again.onnx')
            self.assertEqual((done.returncode, done.stderr), (0, ''))
            self.assertEqual((self.folder / 'again.onnx').read_bytes(), file.read_bytes(), file)

    def test_a_model_of_floats_stays_as_it_is(self):
        floats = helper.make_model(helper.make_graph(
            [helper.make_node('MatMul', ['x', 'words'], ['logits'], name=PRODUCT)], 'decoder',
            [helper.make_tensor_value_info('x', TensorProto.FLOAT, [1, 4])],
            [helper.make_tensor_value_info('logits', TensorProto.FLOAT, None)],
            [numpy_helper.from_array(numpy.ones((4, 8), numpy.float32), 'words')]))
        self.assertEqual(self.quickened(floats), floats)

    def test_what_cannot_be_is_said_with_its_file(self):
        (self.folder / 'text').write_text('no model')
        (self.folder / 'empty').touch()
        onnx.save(decoder(numpy.zeros((8, 4), numpy.uint8)), self.folder / 'good')
        to = self.folder / 'to'
        for source, destination, message in [
                (self.folder / 'absent', to, f'{self.folder}/absent: No such file or directory'),
                (self.folder / 'text', to, f'{self.folder}/text is no ONNX model: Error parsing'),
                (self.folder / 'empty', to, f'{self.folder}/empty is no ONNX model: no graph in it'),
                (self.folder / 'good', self.folder / 'no/to', f'{self.folder}/no/to: No such file or directory'),
                (self.folder / 'good', '/dev/full', '/dev/full: No space left on device')]:
            done = self.run_script(source, destination)
            self.assertEqual((done.returncode, done.stdout), (1, ''))
            self.assertTrue(done.stderr.startswith(f'quicken-moonshine: error: {message}'), done.stderr)
            self.assertEqual(done.stderr.count('\n'), 1)
        self.assertFalse(to.exists())

    def test_it_wants_two_files(self):
        for arguments in ([], ['from'], ['from', 'to', 'more']):
            done = self.run_script(*arguments)
            self.assertEqual((done.returncode, done.stdout), (1, ''))
            self.assertIn('Usage: quicken-moonshine.py FROM TO', done.stderr)


if __name__ == '__main__':
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
