#include "toy_onnx.hpp"

#include <utility>

namespace duplex::speech {
namespace {

// Protocol buffers: fields with their numbers.
std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(value | 0x80));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

std::string number(unsigned field, std::int64_t value) {
  return varint(field << 3) + varint(static_cast<std::uint64_t>(value));
}

std::string bytes(unsigned field, const std::string& value) {
  return varint(field << 3 | 2) + varint(value.size()) + value;
}

std::string write(const toy_tensor& tensor) {
  std::string shape;
  for (const std::int64_t size : tensor.dimensions) {
    shape += bytes(1, size < 0 ? bytes(2, "N") : number(1, size));
  }
  return bytes(1, tensor.name) + bytes(2, bytes(1, number(1, tensor.type) + bytes(2, shape)));
}

std::string write(const toy_node& node) {
  std::string text;
  for (const auto& name : node.inputs) text += bytes(1, name);
  for (const auto& name : node.outputs) text += bytes(2, name);
  text += bytes(4, node.operation);
  for (const auto& [name, value] : node.lists) {
    text += bytes(5, bytes(1, name) + number(8, value) + number(20, 7));
  }
  for (const auto& [name, value] : node.numbers) {
    text += bytes(5, bytes(1, name) + number(3, value) + number(20, 2));
  }
  return text;
}

}  // namespace

std::string write_onnx(const toy_model& model) {
  std::string graph;
  for (const auto& node : model.nodes) graph += bytes(1, write(node));
  graph += bytes(2, "toy");
  for (const auto& tensor : model.inputs) graph += bytes(11, write(tensor));
  for (const auto& tensor : model.outputs) graph += bytes(12, write(tensor));
  std::string file = number(1, 6) + bytes(7, graph) + bytes(8, bytes(1, "") + number(2, 9));
  for (const auto& [key, value] : model.metadata)
    file += bytes(14, bytes(1, key) + bytes(2, value));
  return file;
}

std::string write_onnx_with_inputs(const std::vector<std::string>& names, toy_metadata metadata) {
  toy_model model;
  model.metadata = std::move(metadata);
  for (const auto& name : names) model.inputs.push_back({name, 1, {-1}});
  model.outputs = {{"passed_on", 1, {-1}}};
  model.nodes = {{"Identity", {names.front()}, {"passed_on"}}};
  return write_onnx(model);
}

}  // namespace duplex::speech
