#include "speech/recognizers/sherpa_files.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "speech/recognizers/onnx.hpp"

namespace duplex::speech {
namespace fs = std::filesystem;
namespace {

// The names in a directory that end so, those of 8-bit models first.
std::vector<std::string> names_in(const fs::path& directory, std::string_view end) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    std::string name = entry.path().filename().string();
    if (name.ends_with(end)) names.push_back(std::move(name));
  }
  const auto is_precise = [](const std::string& name) {
    return name.find("int8") == std::string::npos;
  };
  std::ranges::sort(names, {},
                    [&](const std::string& name) { return std::pair(is_precise(name), name); });
  return names;
}

class model_directory {
 public:
  explicit model_directory(const fs::path& directory)
      : directory_(directory), models_(names_in(directory, ".onnx")) {}

  bool has(std::string_view part) const { return !find(part).empty(); }

  // The model with `part` in its name, and not `other`.
  std::string require(std::string_view part, std::string_view other = "?") const {
    if (auto file = find(part, other); !file.empty()) return file;
    throw std::runtime_error((directory_ / (std::string(part) + ".onnx")).string() + " is missing");
  }

  std::string tokens() const {
    const auto names = names_in(directory_, "tokens.txt");
    const fs::path file = directory_ / (names.empty() ? "tokens.txt" : names.front());
    check_sherpa_tokens(file);
    return file.string();
  }

  // The one model of a directory that has no parts of models.
  std::string only() const { return (directory_ / models_.front()).string(); }

 private:
  std::string find(std::string_view part, std::string_view other = "?") const {
    const auto found = std::ranges::find_if(models_, [&](const std::string& name) {
      return name.find(part) != std::string::npos && name.find(other) == std::string::npos;
    });
    return found == models_.end() ? "" : (directory_ / *found).string();
  }

  fs::path directory_;
  std::vector<std::string> models_;
};

bool has_input(const onnx::session& model, std::string_view name) {
  return std::ranges::find(model.inputs(), name, &onnx::port::name) != model.inputs().end();
}

[[noreturn]] void throw_unknown(const std::string& file, const onnx::session& model) {
  std::string inputs;
  for (const auto& it : model.inputs()) inputs += (inputs.empty() ? "" : ", ") + it.name;
  throw std::runtime_error(file + " is no model of a known family: its inputs are " + inputs);
}

// What carries its state from call to call reads speech as it comes.
bool is_online(const onnx::session& encoder) { return encoder.inputs().size() > 2; }

sherpa_files find_transducer(const model_directory& directory) {
  sherpa_files files;
  files.encoder = directory.require("encoder");
  files.decoder = directory.require("decoder");
  files.joiner = directory.require("joiner");
  files.family = is_online(onnx::session(files.encoder)) ? sherpa_family::online_transducer
                                                         : sherpa_family::transducer;
  onnx::session{files.decoder};
  onnx::session{files.joiner};
  return files;
}

sherpa_files find_encoder_and_decoder(const model_directory& directory) {
  sherpa_files files;
  files.encoder = directory.require("encoder");
  files.decoder = directory.require("decoder");
  const onnx::session encoder(files.encoder);
  if (has_input(encoder, "mel")) {
    files.family = sherpa_family::whisper;
  } else if (has_input(encoder, "speech")) {
    files.family = sherpa_family::online_paraformer;
  } else {
    throw_unknown(files.encoder, encoder);
  }
  onnx::session{files.decoder};
  return files;
}

sherpa_files find_moonshine(const model_directory& directory) {
  sherpa_files files;
  files.family = sherpa_family::moonshine;
  files.preprocessor = directory.require("preprocess");
  files.encoder = directory.require("encode");
  files.uncached_decoder = directory.require("uncached_decode");
  files.decoder = directory.require("cached_decode", "uncached");
  for (const auto* file :
       {&files.encoder, &files.decoder, &files.preprocessor, &files.uncached_decoder}) {
    onnx::session{*file};
  }
  return files;
}

sherpa_files find_single(const std::string& file) {
  sherpa_files files;
  files.model = file;
  const onnx::session model(file);
  if (has_input(model, "text_norm")) {
    files.family = sherpa_family::sense_voice;
  } else if (has_input(model, "speech")) {
    files.family = sherpa_family::paraformer;
  } else if (has_input(model, "x") && has_input(model, "x_lens")) {
    files.family = sherpa_family::zipformer_ctc;
  } else {
    throw_unknown(file, model);
  }
  return files;
}

}  // namespace

bool holds_sherpa_model(const fs::path& directory) {
  return std::ranges::any_of(names_in(directory, ".onnx"), [](const std::string& name) {
    return name != "encoder_model.onnx" && name != "decoder_model_merged.onnx";
  });
}

sherpa_files find_sherpa_model(const fs::path& directory) {
  const model_directory models(directory);
  const std::string tokens = models.tokens();
  sherpa_files files = models.has("preprocess") ? find_moonshine(models)
                       : models.has("joiner")   ? find_transducer(models)
                       : models.has("encoder") || models.has("decoder")
                           ? find_encoder_and_decoder(models)
                           : find_single(models.only());
  files.tokens = tokens;
  return files;
}

void check_sherpa_tokens(const fs::path& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error(file.string() + " is missing");
  std::set<std::string> seen;
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    std::istringstream fields(line);
    std::string token;
    std::string id;
    std::string rest;
    fields >> token >> id >> rest;
    if (id.empty()) std::swap(token, id);  // a lone id is that of the space
    int value = 0;
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), value);
    const bool is_id = error == std::errc() && end == id.data() + id.size() && value >= 0;
    if (!is_id || !rest.empty() || (!token.empty() && !seen.insert(token).second)) {
      throw std::runtime_error(file.string() + ":" + std::to_string(number) +
                               ": expected \"<token> <id>\", each token once, not \"" +
                               line.substr(0, 40) + "\"");
    }
  }
  if (number == 0) throw std::runtime_error(file.string() + " is empty");
}

}  // namespace duplex::speech
