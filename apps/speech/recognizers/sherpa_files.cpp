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

#include "speech/recognizers/sherpa_model_file.hpp"

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
    return (directory_ / (names.empty() ? "tokens.txt" : names.front())).string();
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

[[noreturn]] void throw_unknown(const sherpa_model_file& model) {
  std::string names;
  for (const auto& it : model.inputs()) names += (names.empty() ? "" : ", ") + it.name;
  throw model.wrong("is no model of a known family: its inputs are " + names);
}

// What carries its state from call to call reads speech as it comes.
bool carries_state(const sherpa_model_file& encoder) { return encoder.inputs().size() > 2; }

// The encoder reads so many frames at once, and then goes on by fewer.
int check_zipformer_chunks(const sherpa_model_file& encoder) {
  const int frames = encoder.number("T", 1);
  if (encoder.number("decode_chunk_len", 1) > frames) {
    throw encoder.wrong("goes on by more frames than it reads: its decode_chunk_len exceeds its T");
  }
  return frames;
}

void check_zipformer2(const sherpa_model_file& encoder) {
  encoder.require_lists({"encoder_dims", "query_head_dims", "value_head_dims", "num_heads",
                         "num_encoder_layers", "cnn_module_kernels", "left_context_len"});
}

void check_online_encoder(const sherpa_model_file& encoder) {
  const std::string type = encoder.text("model_type");
  if (type == "zipformer2") {
    check_zipformer2(encoder);
  } else if (type == "zipformer") {
    encoder.require_lists({"encoder_dims", "attention_dims", "num_encoder_layers",
                           "cnn_module_kernels", "left_context_len"});
  } else if (type == "lstm") {
    encoder.require_numbers({"num_encoder_layers", "rnn_hidden_size", "d_model"});
  } else if (type == "conformer") {
    encoder.require_numbers(
        {"num_encoder_layers", "left_context", "encoder_dim", "pad_length", "cnn_module_kernel"});
  } else if (type == "ebranchformer") {
    encoder.require_numbers({"num_hidden_layers", "hidden_size", "intermediate_size",
                             "csgu_kernel_size", "merge_conv_kernel", "left_context_len",
                             "num_heads", "head_dim"});
  } else {
    throw encoder.wrong("is no streaming encoder of a known kind: its model_type is \"" + type +
                        "\"");
  }
}

sherpa_files find_transducer(const model_directory& directory) {
  sherpa_files files;
  files.encoder = directory.require("encoder");
  files.decoder = directory.require("decoder");
  files.joiner = directory.require("joiner");
  const sherpa_model_file encoder(files.encoder);
  const sherpa_model_file decoder(files.decoder);
  const sherpa_model_file joiner(files.joiner);
  const std::string type = encoder.text("model_type");
  if (carries_state(encoder)) {
    files.family = sherpa_family::online_transducer;
    check_online_encoder(encoder);
    files.lookahead = check_zipformer_chunks(encoder);
  } else if (type == "EncDecHybridRNNTCTCBPEModel" || type == "EncDecRNNTBPEModel") {  // NeMo
    encoder.require_numbers({"vocab_size", "subsampling_factor", "pred_rnn_layers", "pred_hidden"});
    return files;
  } else if (type != "conformer" && type != "zipformer" && type != "zipformer2") {
    throw encoder.wrong("is no encoder of a known kind: its model_type is \"" + type + "\"");
  }
  decoder.require_numbers({"vocab_size", "context_size"});
  return files;
}

// Paraformer and SenseVoice put frames together and normalise them.
void check_frames(const sherpa_model_file& model) {
  constexpr std::size_t bands = 80;
  model.require_numbers({"vocab_size", "lfr_window_shift"});
  const auto width = static_cast<std::size_t>(model.number("lfr_window_size", 1)) * bands;
  model.require_vector("neg_mean", width);
  model.require_vector("inv_stddev", width);
}

void check_whisper(const sherpa_model_file& encoder) {
  encoder.require_numbers({"n_mels", "n_text_layer", "n_text_ctx", "n_text_state", "n_vocab", "sot",
                           "eot", "blank_id", "translate", "transcribe", "is_multilingual",
                           "no_timestamps", "no_speech"});
  encoder.require_lists({"sot_sequence"});
  if (encoder.number("is_multilingual") != 0) encoder.require_lists({"all_language_tokens"});
}

sherpa_files find_encoder_and_decoder(const model_directory& directory) {
  sherpa_files files;
  files.encoder = directory.require("encoder");
  files.decoder = directory.require("decoder");
  const sherpa_model_file encoder(files.encoder);
  const sherpa_model_file decoder(files.decoder);
  if (encoder.has_input("mel")) {
    files.family = sherpa_family::whisper;
    check_whisper(encoder);
  } else if (encoder.has_input("speech")) {
    files.family = sherpa_family::online_paraformer;
    check_frames(encoder);
    encoder.require_numbers({"encoder_output_size", "decoder_num_blocks", "decoder_kernel_size"});
    // The library reads 61 frames at once, of which the last five groups count in the next chunk.
    files.lookahead = 61 + 5 * encoder.number("lfr_window_shift", 1);
  } else {
    throw_unknown(encoder);
  }
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
    sherpa_model_file{*file};
  }
  return files;
}

void check_sense_voice(const sherpa_model_file& model) {
  model.require_numbers({"vocab_size", "lfr_window_size", "lfr_window_shift", "normalize_samples"});
  if (model.text("comment").find("Nano") != std::string::npos) return;  // has less, as there
  model.require_numbers({"with_itn", "without_itn", "lang_auto", "lang_zh", "lang_en", "lang_ja",
                         "lang_ko", "lang_yue"});
  check_frames(model);
}

sherpa_files find_single(const std::string& file) {
  sherpa_files files;
  files.model = file;
  const sherpa_model_file model(file);
  if (model.has_input("text_norm")) {
    files.family = sherpa_family::sense_voice;
    check_sense_voice(model);
  } else if (model.has_input("speech")) {
    files.family = sherpa_family::paraformer;
    check_frames(model);
  } else if (model.has_input("x") && model.has_input("x_lens")) {
    files.family = sherpa_family::zipformer_ctc;
  } else if (model.has_input("x") && carries_state(model)) {
    files.family = sherpa_family::online_zipformer_ctc;
    check_zipformer2(model);
    files.lookahead = check_zipformer_chunks(model);
  } else {
    throw_unknown(model);
  }
  return files;
}

bool is_ctc(sherpa_family family) {
  return family == sherpa_family::zipformer_ctc || family == sherpa_family::online_zipformer_ctc;
}

}  // namespace

bool is_streaming(sherpa_family family) {
  using enum sherpa_family;
  return family == online_transducer || family == online_paraformer ||
         family == online_zipformer_ctc;
}

bool holds_sherpa_model(const fs::path& directory) {
  return std::ranges::any_of(names_in(directory, ".onnx"), [](const std::string& name) {
    return name != "encoder_model.onnx" && name != "decoder_model_merged.onnx";
  });
}

sherpa_files find_sherpa_model(const fs::path& directory) {
  const model_directory models(directory);
  const std::string tokens = models.tokens();
  const auto table = check_sherpa_tokens(tokens);
  sherpa_files files = models.has("preprocess") ? find_moonshine(models)
                       : models.has("joiner")   ? find_transducer(models)
                       : models.has("encoder") || models.has("decoder")
                           ? find_encoder_and_decoder(models)
                           : find_single(models.only());
  files.tokens = tokens;
  if (is_ctc(files.family) && !table.contains("<blk>") && !table.contains("<eps>") &&
      !table.contains("<blank>")) {
    throw std::runtime_error(tokens + " has none of the tokens <blk>, <eps> and <blank>");
  }
  return files;
}

std::set<std::string> check_sherpa_tokens(const fs::path& file) {
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
  return seen;
}

}  // namespace duplex::speech
