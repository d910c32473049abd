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
FILES = [f'models/moonshine-{model}/{part}.onnx' for model in ('tiny', 'base') for part in ('encoder_model', 'decoder_model_merged')]


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
            helper.make_node('Softmax', ['logits'], ['probabilities']),
            helper.make_node('Gather', ['words', 'ids'], ['word']),
            helper.make_node('DequantizeLinear', ['word', 'words_scale', 'words_zero'], ['embedding']),
        ], name, [], [helper.make_tensor_value_info('logits', TensorProto.FLOAT, None)],
            value_info=[helper.make_tensor_value_info('words_t', TensorProto.UINT8, None)])

    choice = helper.make_node('If', ['cached'], ['logits'], then_branch=branch('then'), else_branch=branch('else'))
    return helper.make_model(helper.make_graph(
        [choice], 'decoder',
        [helper.make_tensor_value_info('cached', TensorProto.BOOL, [1]),
         helper.make_tensor_value_info('ids', TensorProto.INT64, [1]),
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
        return subprocess.run([script, *arguments], capture_output=True, text=True)

    def failure(self, *arguments):
        done = self.run_script(*arguments)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count('\n')), (1, '', 1), done.stderr)
        return done.stderr.removeprefix('quicken-moonshine: error: ').rstrip('\n')

    def quickened(self, model):
        onnx.save(model, self.folder / 'from.onnx')
        done = self.run_script(self.folder / 'from.onnx', self.folder / 'to.onnx')
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, '', ''))
        return onnx.load(self.folder / 'to.onnx')

    def test_weights_get_a_sign_and_stay_what_they_are(self):
        words = numpy.arange(256, dtype=numpy.uint8).reshape(64, 4)
        before = decoder(words)
        old, new = values_of(before), values_of(self.quickened(before))
        for name, stored in (('weights', new['weights_outer'].T), ('words', new['words'])):
            for zero_point in (f'{name}_zero', f'{name}_zero_outer'):
                if zero_point in new:
                    self.assertEqual((stored.dtype, new[zero_point].dtype), (numpy.int8, numpy.int8))
                    numpy.testing.assert_array_equal(stored.astype(int) - new[zero_point],
                                                     old[name].astype(int) - old[f'{name}_zero'])
        self.assertEqual(set(new), {'weights_outer', 'weights_zero_outer', 'plain', 'words', 'words_scale', 'words_zero',
                                    'words_zero_outer'})
        self.assertEqual(new['words_zero'].shape, ())

    def test_inner_products_have_constants_of_their_own(self):
        model = self.quickened(decoder(numpy.zeros((8, 4), numpy.uint8)))
        for file in FILES:
            with self.subTest(file=file):
                self.check_inner_products(onnx.load(data / file))
        self.check_inner_products(model)

    def check_inner_products(self, model):
        """As ONNX Runtime takes the sign only from initializers of the product's own graph, folded ones too."""
        outer = values_of(model)
        for node in model.graph.node:
            for branch in (attribute.g for attribute in node.attribute if attribute.HasField('g')):
                made = set()
                for node in branch.node:
                    if node.op_type == 'MatMulInteger' and node.input[1] != 'plain':
                        self.assertTrue(set(node.input[1::2]) <= made, node.name)
                    if node.op_type in ('Transpose', 'Squeeze') and outer.get(node.input[0]) is not None:
                        self.assertEqual(outer[node.input[0]].dtype, numpy.int8)
                        made |= set(node.output)
                self.assertTrue(made)

    def test_weights_without_a_zero_point_stay_without_sign(self):
        before = decoder(numpy.zeros((8, 4), numpy.uint8))
        for absent in ([], ['']):
            for branch in branches(before):
                branch.node[2].input[3:] = absent
            numpy.testing.assert_array_equal(values_of(self.quickened(before))['plain'], values_of(before)['plain'], strict=True)

    def test_the_last_product_is_one_of_8_bits(self):
        after = self.quickened(decoder(numpy.zeros((8, 4), numpy.uint8)))
        self.assertEqual(len(branches(after)), 2)
        for branch in branches(after):
            makers = {output: node for node in branch.node for output in node.output}
            made = []
            for node in branch.node:  # in an order in which they can run
                self.assertFalse([name for name in node.input if name in makers and name not in made], node.name)
                made += node.output
            self.assertNotIn('MatMul', [node.op_type for node in branch.node])
            self.assertEqual([node.output for node in branch.node if node.op_type == 'DequantizeLinear'], [['embedding']])
            scaled = makers['logits']
            sums, scales = makers[scaled.input[0]], makers[scaled.input[1]]
            self.assertEqual((scaled.op_type, sums.op_type, scales.op_type), ('Mul', 'Cast', 'Mul'))
            self.assertEqual(sums.attribute[0].i, TensorProto.FLOAT)
            product = makers[sums.input[0]]
            self.assertEqual(product.op_type, 'MatMulInteger')
            self.assertEqual(product.input[1], 'words_t')
            self.assertEqual(list(makers[product.input[3]].input), ['words_zero_outer'])
            value = makers[product.input[0]]
            self.assertEqual((value.op_type, list(value.input)), ('DynamicQuantizeLinear', ['x']))
            self.assertEqual(list(value.output), [product.input[0], scales.input[0], product.input[2]])
            self.assertEqual(scales.input[1], 'words_scale')
            self.assertEqual(len(branch.value_info), 0)

    def test_a_last_product_of_another_form_stays(self):
        def scale_for_each_word(model):
            model.graph.initializer.extend([numpy_helper.from_array(numpy.ones(8, numpy.float32), 'scales'),
                                            numpy_helper.from_array(numpy.zeros(8, numpy.uint8), 'zeros')])
            for branch in branches(model):
                branch.node[4].input[1:] = ['scales', 'zeros']

        def another_reader(model):
            for branch in branches(model):
                branch.node.append(helper.make_node('Identity', ['words_f'], ['kept']))

        for change in (scale_for_each_word, another_reader):
            with self.subTest(change=change.__name__):
                before = decoder(numpy.zeros((8, 4), numpy.uint8))
                change(before)
                after = self.quickened(before)
                self.assertEqual([node.op_type for node in branches(after)[0].node if node.name == PRODUCT], ['MatMul'])
                self.assertEqual(values_of(after)['words'].dtype, numpy.uint8)

    def test_what_is_quick_stays_byte_for_byte(self):
        for file in FILES:
            done = self.run_script(data / file, self.folder / 'again.onnx')
            self.assertEqual((done.returncode, done.stderr), (0, ''))
            self.assertEqual((self.folder / 'again.onnx').read_bytes(), (data / file).read_bytes(), file)

    def test_a_model_of_floats_stays_as_it_is(self):
        floats = helper.make_model(helper.make_graph(
            [helper.make_node('MatMul', ['x', 'words'], ['logits'], name=PRODUCT)], 'decoder',
            [helper.make_tensor_value_info('x', TensorProto.FLOAT, [1, 4])],
            [helper.make_tensor_value_info('logits', TensorProto.FLOAT, None)],
            [numpy_helper.from_array(numpy.ones((4, 8), numpy.float32), 'words')]))
        self.assertEqual(self.quickened(floats), floats)

    def test_weights_that_something_else_reads_are_refused(self):
        for node in (helper.make_node('MatMulInteger', ['q', 'weights', 'q_zero'], ['other'], name='other'),
                     helper.make_node('MatMulInteger', ['q', 'weights', 'q_zero', ''], ['other'], name='other'),
                     helper.make_node('MatMulInteger', ['q', 'weights', 'q_zero', 'q_zero'], ['other'], name='other'),
                     helper.make_node('Cast', ['weights'], ['other'], name='other', to=TensorProto.FLOAT)):
            model = decoder(numpy.zeros((8, 4), numpy.uint8))
            branches(model)[1].node.append(node)
            onnx.save(model, self.folder / 'from')
            self.assertEqual(self.failure(self.folder / 'from', self.folder / 'to'),
                             f'{self.folder}/from: not known how {node.op_type} other reads weights')
            self.assertFalse((self.folder / 'to').exists())

    def test_a_zero_point_of_other_weights_too_is_refused(self):
        model = decoder(numpy.zeros((8, 4), numpy.uint8))
        branches(model)[0].node.append(
            helper.make_node('DequantizeLinear', ['plain', 'words_scale', 'weights_zero'], ['other'], name='other'))
        onnx.save(model, self.folder / 'from')
        self.assertEqual(self.failure(self.folder / 'from', self.folder / 'to'),
                         f'{self.folder}/from: not known how DequantizeLinear other reads weights_zero')

    def test_a_zero_point_that_is_computed_keeps_weights_as_they_are(self):
        before = decoder(numpy.zeros((8, 4), numpy.uint8))
        for branch in branches(before):
            branch.node[1].input[3] = 'q_zero'
        self.assertEqual(values_of(self.quickened(before))['weights'].dtype, numpy.uint8)

    def test_weights_that_had_a_sign_become_constants_of_their_graph(self):
        before = decoder(numpy.zeros((8, 4), numpy.uint8))
        signed = numpy.arange(24, dtype=numpy.int8).reshape(4, 6)
        before.graph.initializer.append(numpy_helper.from_array(signed, 'signed'))
        for branch in branches(before):
            branch.node[2].input[1] = 'signed'
        after = self.quickened(before)
        self.check_inner_products(after)
        numpy.testing.assert_array_equal(values_of(after)['signed_outer'].T, signed, strict=True)

    def test_what_cannot_be_is_said_with_its_file(self):
        (self.folder / 'text').write_text('no model')
        (self.folder / 'empty').touch()
        good = self.folder / 'good'
        onnx.save(decoder(numpy.zeros((8, 4), numpy.uint8)), good)
        kept = good.read_bytes()
        to = self.folder / 'to'
        for source, destination, message in [
                (self.folder / 'absent', to, f'{self.folder}/absent: No such file or directory'),
                (self.folder / 'text', to, f'{self.folder}/text is no ONNX model: Error parsing'),
                (self.folder / 'empty', to, f'{self.folder}/empty is no ONNX model: no graph in it'),
                (good, good, f'{good}: is both FROM and TO'),
                (good, self.folder / 'no/to', f'{self.folder}/no/to: No such file or directory'),
                (good, '/dev/full', '/dev/full: No space left on device')]:
            self.assertTrue(self.failure(source, destination).startswith(message), message)
        self.assertFalse(to.exists())
        self.assertEqual(good.read_bytes(), kept)

    def test_it_wants_two_files(self):
        for arguments in ([], ['from'], ['from', 'to', 'more']):
            done = self.run_script(*arguments)
            self.assertEqual((done.returncode, done.stdout), (1, ''))
            self.assertIn('Usage: quicken-moonshine.py FROM TO', done.stderr)


if __name__ == '__main__':
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
