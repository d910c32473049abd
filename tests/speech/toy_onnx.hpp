// ONNX models of a node or two, made byte by byte, to be recognised and run as real ones are.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace duplex::speech {

struct toy_tensor {
  std::string name;
  int type = 1;                          ///< ONNX's: 1 is float, 6 a 32-bit integer, 7 one of 64.
  std::vector<std::int64_t> dimensions;  ///< -1: varies.
};

struct toy_node {
  std::string operation;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<std::pair<std::string, std::int64_t>> lists = {};  ///< Attributes of one number each,
  std::vector<std::pair<std::string, std::int64_t>> numbers = {};  ///<   as a list, or not.
};

using toy_metadata = std::vector<std::pair<std::string, std::string>>;

struct toy_model {
  std::vector<toy_tensor> inputs;
  std::vector<toy_tensor> outputs;
  std::vector<toy_node> nodes;
  toy_metadata metadata = {};
};

/// The file's bytes (onnx.proto, operator set 9).
std::string write_onnx(const toy_model& model);

/// A model with inputs of those names, which passes on the first.
std::string write_onnx_with_inputs(const std::vector<std::string>& names,
                                   toy_metadata metadata = {});

}  // namespace duplex::speech
