// One file of a model of sherpa-onnx, opened to be looked at before the library sees it.
#pragma once

#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "speech/recognizers/onnx.hpp"

namespace duplex::speech {

/// The library learns from a file's metadata how to run it, and ends the process where something is
/// missing or no number. Everything here throws `std::runtime_error` that names the file instead.
class sherpa_model_file {
 public:
  /// Throws as `onnx::session`.
  explicit sherpa_model_file(const std::string& name) : name_(name), session_(name) {}

  const std::vector<onnx::port>& inputs() const { return session_.inputs(); }
  bool has_input(std::string_view name) const;

  /// Empty if there is none.
  std::string text(const char* key) const { return session_.metadata(key); }

  /// A whole number from `least` to 1,000,000.
  int number(const char* key, int least = 0) const;
  void require_numbers(std::initializer_list<const char*> keys) const;

  /// Whole numbers with commas between, as many under each key.
  void require_lists(std::initializer_list<const char*> keys) const;

  /// `count` numbers with commas between.
  void require_vector(const char* key, std::size_t count) const;

  /// What to say of a file that is not what it was taken for.
  std::runtime_error wrong(const std::string& why) const;

 private:
  // The parts of the text under `key`, which has to be there.
  std::vector<std::string> parts(const char* key) const;
  int whole_number(const char* key, const std::string& text, int least) const;

  std::string name_;
  onnx::session session_;
};

}  // namespace duplex::speech
