// ONNX Runtime, opened at run time, and as much of its C API as the speech models need, with
// owners.
//
// Internal to the recognisers: the only header that includes ONNX Runtime's.
#pragma once

#include <onnxruntime_c_api.h>

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace duplex::speech::onnx {

/// Opens the library; the first call in a process decides which. Throws `std::runtime_error` that
/// names the file. Thread-safe.
void load(const std::filesystem::path& library);

/// The library's functions. Only after `load`.
const OrtApi& api();

/// Throws `speech_error` (`engine_failed`) with the library's message if `status` is a failure.
/// Owns `status`.
void check(OrtStatus* status);

struct value_deleter {
  void operator()(OrtValue* value) const { api().ReleaseValue(value); }
};

/// A tensor, or nothing.
using tensor = std::unique_ptr<OrtValue, value_deleter>;

using shape = std::span<const std::int64_t>;

/// A tensor over the caller's memory, which must outlive it.
tensor view(std::span<const float> data, shape dimensions);
tensor view(std::span<const std::int64_t> data, shape dimensions);
tensor view(std::span<const bool> data, shape dimensions);

/// The elements of a float tensor; valid as long as the tensor.
std::span<const float> floats(const tensor& value);

/// A copy of a float tensor of four dimensions with only the first `count` of its third.
tensor first_of_axis_2(const tensor& value, std::size_t count);

/// Name, and dimensions with -1 for those that vary, of a model's input or output.
struct port {
  std::string name;
  std::vector<std::int64_t> dimensions;
};

/// A model ready to run, on the CPU, one thread a call. Thread-safe.
class session {
 public:
  /// Throws `std::runtime_error` that names the file and says what is wrong with it.
  explicit session(const std::filesystem::path& model);

  const std::vector<port>& inputs() const { return inputs_; }
  const std::vector<port>& outputs() const { return outputs_; }

  /// The input or output of that name. Throws `std::runtime_error` if the model has none: it is not
  /// the model that it was taken for.
  const port& input(std::string_view name) const;
  const port& output(std::string_view name) const;

  /// What the file's exporter wrote down under `key`; empty if nothing.
  std::string metadata(const char* key) const;

  /// Runs the model. Throws `speech_error` with `engine_failed`.
  std::vector<tensor> run(std::span<const char* const> input_names,
                          std::span<const OrtValue* const> input_values,
                          std::span<const char* const> output_names) const;

 private:
  struct session_deleter {
    void operator()(OrtSession* value) const { api().ReleaseSession(value); }
  };

  const port& find(const std::vector<port>& ports, std::string_view kind,
                   std::string_view name) const;

  std::filesystem::path model_;
  std::unique_ptr<OrtSession, session_deleter> session_;
  std::vector<port> inputs_;
  std::vector<port> outputs_;
};

}  // namespace duplex::speech::onnx
