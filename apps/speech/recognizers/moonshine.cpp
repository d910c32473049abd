#include "speech/recognizers/moonshine.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "speech/recognizers/agreement.hpp"
#include "speech/recognizers/guided_decoding.hpp"
#include "speech/recognizers/onnx.hpp"

namespace duplex::speech {
namespace {

constexpr std::int64_t start_token = 1;
constexpr std::int64_t end_token = 2;
constexpr double tokens_per_second = 6.5;  // beyond it the decoder is looping

// The encoder's three convolutions leave nothing of less than 895 samples.
constexpr std::size_t shortest_input = sample_rate / 10;

// Of some speech the model makes nothing, and reads it with less before it or silence after: of one
// sentence, begun at 100 moments, it lost 18, and none in either of these ways; of the middle of
// another, begun at 25, 20 after the second alone and 10 after both.
struct view {
  std::size_t without;  // samples at the beginning
  std::size_t silence;  // at the end
};
constexpr std::array other_views{view{sample_rate * 3 / 10, sample_rate / 5},
                                 view{sample_rate / 5, 0}};

// Whoever begins to speak waits for a word. While so little of a segment has been heard, some 0.4 s
// of it before the speech, there is one, and silence after it, with which more of them are right.
constexpr std::size_t first_words = sample_rate * 3 / 2;
constexpr std::size_t after_speech = sample_rate / 5;

std::string bytes_of_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(hex.data() + i, hex.data() + i + 2, value, 16);
    if (error != std::errc() || end != hex.data() + i + 2) throw std::invalid_argument("not hex");
    bytes.push_back(static_cast<char>(value));
  }
  if (hex.size() % 2 != 0) throw std::invalid_argument("not hex");
  return bytes;
}

std::int64_t width_of(const onnx::port& frames) {
  return frames.dimensions.empty() ? 0 : frames.dimensions.back();
}

}  // namespace

std::vector<std::string> read_tokens(const std::filesystem::path& file, std::size_t count) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error(file.string() + " is missing");
  std::vector<std::string> tokens;
  tokens.reserve(count);
  for (std::string line; std::getline(in, line);) {
    const std::string start = std::to_string(tokens.size()) + " ";
    try {
      if (!line.starts_with(start)) throw std::invalid_argument("id");
      tokens.push_back(bytes_of_hex(std::string_view(line).substr(start.size())));
    } catch (const std::invalid_argument&) {
      throw std::runtime_error(file.string() + ":" + std::to_string(tokens.size() + 1) +
                               ": expected \"" + start + "<hex>\", not \"" + line.substr(0, 40) +
                               "\"");
    }
  }
  if (tokens.size() != count) {
    throw std::runtime_error(file.string() + " has " + std::to_string(tokens.size()) +
                             " lines; the model needs " + std::to_string(count));
  }
  return tokens;
}

class moonshine::encoder {
 public:
  explicit encoder(const std::filesystem::path& file) : session_(file) {
    session_.input("input_values");
    session_.output("last_hidden_state");
  }

  // How many numbers a vector has; less than 1 where the file does not say.
  std::int64_t width() const { return width_of(session_.output("last_hidden_state")); }

  // What the encoder makes of the samples: one vector for about 24 ms of audio.
  onnx::tensor encode(std::span<const float> samples) const {
    static constexpr std::array input_names{"input_values"};
    static constexpr std::array output_names{"last_hidden_state"};
    const std::array<std::int64_t, 2> dimensions{1, static_cast<std::int64_t>(samples.size())};
    const onnx::tensor input = onnx::view(samples, dimensions);
    const std::array<const OrtValue*, 1> inputs{input.get()};
    return std::move(session_.run(input_names, inputs, output_names).front());
  }

 private:
  onnx::session session_;
};

// The decoder makes one token a step. What attention has computed so far travels from step to step
// in caches, two (key and value) for each layer over the tokens and two over the encoder's output.
// The latter are made by the first step, when `use_cache_branch` is false, and kept.
class moonshine::decoder {
 public:
  explicit decoder(const std::filesystem::path& file) : session_(file) {
    for (const char* name : {"input_ids", "encoder_hidden_states", "use_cache_branch"})
      session_.input(name);
    const auto& logits = session_.output("logits").dimensions;
    const std::string prefix = "past_key_values.";
    for (const auto& [name, dimensions] : session_.inputs()) {
      if (!name.starts_with(prefix)) continue;
      const std::string present = "present." + name.substr(prefix.size());
      session_.output(present);
      caches_.push_back({name, present, dimensions, name.find(".decoder.") != std::string::npos});
    }
    if (logits.size() != 3 || logits[2] <= 0 || caches_.empty() ||
        std::ranges::any_of(caches_, [](const cache& it) { return it.dimensions.size() != 4; })) {
      throw std::runtime_error(file.string() +
                               " is another model: not Moonshine's decoder with caches");
    }
    vocabulary_ = static_cast<std::size_t>(logits[2]);
  }

  std::size_t vocabulary() const { return vocabulary_; }

  // As the encoder's.
  std::int64_t width() const { return width_of(session_.input("encoder_hidden_states")); }

  // The tokens of what was encoded; the others as in `decode_guided`.
  std::vector<std::int64_t> decode(const onnx::tensor& hidden, const decoding_rules& rules,
                                   std::span<const std::int64_t> guess, std::size_t forced,
                                   const std::stop_token& stop) const {
    text_decoder steps(*this, hidden);
    return decode_guided(steps, rules, guess, forced, stop);
  }

 private:
  struct cache {
    std::string past;     // input
    std::string present;  // output
    std::vector<std::int64_t> dimensions;
    bool grows = false;  // with every token; else it belongs to the encoder's output
  };

  using caches = std::vector<onnx::tensor>;

  // Of one stretch of speech.
  class text_decoder : public token_decoder {
   public:
    text_decoder(const decoder& of, const onnx::tensor& hidden)
        : of_(of), hidden_(hidden), state_(of.empty_caches()) {}

    void take(std::size_t kept, std::span<const std::int64_t> more) override {
      if (kept < held_) of_.shorten(state_, kept);
      scores_ = of_.step(more, hidden_, state_, held_ == 0);
      held_ = kept + more.size();
    }

    std::int64_t likeliest_after(std::size_t index,
                                 std::optional<std::int64_t> but) const override {
      const std::size_t size = of_.vocabulary_;
      const auto row = onnx::floats(*scores_).subspan(index * size, size);
      return std::ranges::max_element(row, {},
                                      [&](const float& score) {
                                        constexpr float lowest =
                                            -std::numeric_limits<float>::infinity();
                                        return &score - row.data() == but ? lowest : score;
                                      }) -
             row.begin();
    }

   private:
    const decoder& of_;
    const onnx::tensor& hidden_;
    caches state_;
    std::optional<onnx::tensor> scores_;
    std::size_t held_ = 0;  // tokens that the caches know
  };

  caches empty_caches() const {
    caches state;
    for (const cache& it : caches_) {
      const std::array<std::int64_t, 4> dimensions{1, it.dimensions[1], 0, it.dimensions[3]};
      state.push_back(onnx::view(std::span<const float>(), dimensions));
    }
    return state;
  }

  // Forgets all but the first `count` tokens.
  void shorten(caches& state, std::size_t count) const {
    for (std::size_t i = 0; i < caches_.size(); ++i) {
      if (caches_[i].grows) state[i] = onnx::first_of_axis_2(state[i], count);
    }
  }

  // What follows each of `tokens`, as scores of the whole vocabulary.
  onnx::tensor step(std::span<const std::int64_t> tokens, const onnx::tensor& hidden, caches& state,
                    bool is_first) const {
    static constexpr std::array<std::int64_t, 1> flag_shape{1};
    const std::array<std::int64_t, 2> token_shape{1, static_cast<std::int64_t>(tokens.size())};
    const bool use_cache = !is_first;
    const onnx::tensor ids = onnx::view(tokens, token_shape);
    const onnx::tensor branch = onnx::view(std::span<const bool>(&use_cache, 1), flag_shape);

    std::vector<const char*> input_names{"input_ids", "encoder_hidden_states", "use_cache_branch"};
    std::vector<const OrtValue*> inputs{ids.get(), hidden.get(), branch.get()};
    std::vector<const char*> output_names{"logits"};
    std::vector<std::size_t> updated;  // the caches that come out of this step
    for (std::size_t i = 0; i < caches_.size(); ++i) {
      input_names.push_back(caches_[i].past.c_str());
      inputs.push_back(state[i].get());
      if (!is_first && !caches_[i].grows) continue;
      output_names.push_back(caches_[i].present.c_str());
      updated.push_back(i);
    }
    auto outputs = session_.run(input_names, inputs, output_names);
    for (std::size_t i = 0; i < updated.size(); ++i) state[updated[i]] = std::move(outputs[i + 1]);
    return std::move(outputs[0]);
  }

  onnx::session session_;
  std::vector<cache> caches_;
  std::size_t vocabulary_ = 0;
};

moonshine::moonshine(const std::filesystem::path& directory)
    : encoder_(std::make_unique<const encoder>(directory / "encoder_model.onnx")),
      decoder_(std::make_unique<const decoder>(directory / "decoder_model_merged.onnx")),
      tokens_(read_tokens(directory / "tokens.txt", decoder_->vocabulary())) {
  if (encoder_->width() > 0 && decoder_->width() > 0 && encoder_->width() != decoder_->width()) {
    throw std::runtime_error((directory / "decoder_model_merged.onnx").string() +
                             " takes vectors of " + std::to_string(decoder_->width()) +
                             " numbers, and encoder_model.onnx gives " +
                             std::to_string(encoder_->width()) + ": they are of different models");
  }
}

moonshine::~moonshine() = default;

class moonshine::reader : public segment_reader {
 public:
  explicit reader(const moonshine& model) : model_(&model) {}

  reading read(std::span<const float> speech, std::size_t certain,
               const std::stop_token& stop) override {
    auto tokens = speech.size() < first_words ? decode_first_words(speech, stop)
                                              : decode(speech, agreement_.latest(), stop);
    // A word that was heard is not unheard because the model is blind for a moment.
    if (!tokens.empty() || agreement_.latest().empty()) {
      agreement_.add(std::move(tokens), speech.size(), certain,
                     [this](std::int64_t token) { return begins_word(piece(token)); });
    }
    const auto latest = agreement_.latest();
    return {.text = text_of(latest), .stable = text_of(latest.first(agreement_.stable())).size()};
  }

  std::string read_whole(std::span<const float> speech, const std::stop_token& stop) override {
    // Token by token is more exact than to judge a guess in one step of 8-bit numbers.
    return text_of(decode(speech, agreement_.latest().first(agreement_.stable()), stop));
  }

 private:
  std::vector<std::int64_t> decode(std::span<const float> speech,
                                   std::span<const std::int64_t> guess,
                                   const std::stop_token& stop) const {
    auto tokens = decode_once(speech, guess, false, stop);
    for (const auto& [without, silence] : other_views) {
      if (!tokens.empty()) break;
      if (speech.size() < 2 * without) continue;
      tokens = decode_once(followed(speech.subspan(without), silence), guess, false, stop);
    }
    return tokens;
  }

  std::vector<std::int64_t> decode_first_words(std::span<const float> speech,
                                               const std::stop_token& stop) const {
    return decode_once(followed(speech, after_speech), agreement_.latest(), true, stop);
  }

  static std::vector<float> followed(std::span<const float> speech, std::size_t silence) {
    std::vector<float> samples(speech.begin(), speech.end());
    samples.resize(samples.size() + silence);
    return samples;
  }

  std::vector<std::int64_t> decode_once(std::span<const float> speech,
                                        std::span<const std::int64_t> guess, bool suppress_blank,
                                        const std::stop_token& stop) const {
    std::vector<float> lengthened;
    if (speech.size() < shortest_input) {
      lengthened = followed(speech, shortest_input - speech.size());
      speech = lengthened;
    }
    const double seconds = static_cast<double>(speech.size()) / sample_rate;
    const auto longest = static_cast<std::size_t>(seconds * tokens_per_second) + 1;
    const decoding_rules rules{start_token, end_token, longest, suppress_blank};
    const onnx::tensor hidden = model_->encoder_->encode(speech);
    return model_->decoder_->decode(hidden, rules, guess, agreement_.stable(), stop);
  }

  const std::string& piece(std::int64_t token) const {
    return model_->tokens_[static_cast<std::size_t>(token)];
  }

  std::string text_of(std::span<const std::int64_t> tokens) const {
    std::string text;
    for (const std::int64_t token : tokens) text += piece(token);
    return text;
  }

  const moonshine* model_;
  agreement agreement_;
};

std::unique_ptr<segment_reader> moonshine::start() const { return std::make_unique<reader>(*this); }

}  // namespace duplex::speech
