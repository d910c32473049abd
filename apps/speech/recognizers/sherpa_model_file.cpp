#include "speech/recognizers/sherpa_model_file.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace duplex::speech {
namespace {

constexpr int highest_number = 1'000'000;

template <typename Number>
bool parse(const std::string& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

bool sherpa_model_file::has_input(std::string_view name) const {
  return std::ranges::find(inputs(), name, &onnx::port::name) != inputs().end();
}

std::runtime_error sherpa_model_file::wrong(const std::string& why) const {
  return std::runtime_error(name_ + " " + why);
}

int sherpa_model_file::number(const char* key, int least) const {
  return whole_number(key, parts(key).size() == 1 ? text(key) : "", least);
}

void sherpa_model_file::require_numbers(std::initializer_list<const char*> keys) const {
  for (const char* key : keys) number(key);
}

void sherpa_model_file::require_lists(std::initializer_list<const char*> keys) const {
  const std::size_t count = parts(*keys.begin()).size();
  for (const char* key : keys) {
    const auto numbers = parts(key);
    for (const auto& it : numbers) whole_number(key, it, 0);
    if (numbers.size() != count) {
      throw wrong("has " + std::to_string(numbers.size()) + " numbers under " + key + ", and " +
                  std::to_string(count) + " under " + *keys.begin());
    }
  }
}

void sherpa_model_file::require_vector(const char* key, std::size_t count) const {
  const auto numbers = parts(key);
  for (const auto& it : numbers) {
    float value = 0;
    if (!parse(it, value)) throw wrong(std::string("has no number under ") + key + ": " + it);
  }
  if (numbers.size() != count) {
    throw wrong("has " + std::to_string(numbers.size()) + " numbers under " + key + ", not " +
                std::to_string(count));
  }
}

std::vector<std::string> sherpa_model_file::parts(const char* key) const {
  std::istringstream all(text(key));
  std::vector<std::string> parts;
  for (std::string part; std::getline(all >> std::ws, part, ',');) parts.push_back(part);
  if (!parts.empty()) return parts;
  throw wrong(std::string("was not exported for sherpa-onnx: its metadata has no ") + key);
}

int sherpa_model_file::whole_number(const char* key, const std::string& text, int least) const {
  int value = 0;
  if (!parse(text, value) || value < least || value > highest_number) {
    throw wrong(std::string("has no number from ") + std::to_string(least) + " to " +
                std::to_string(highest_number) + " under " + key + ": " + this->text(key));
  }
  return value;
}

}  // namespace duplex::speech
