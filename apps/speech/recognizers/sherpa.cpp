#include "speech/recognizers/sherpa.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "speech/error.hpp"
#include "speech/recognizers/sherpa_files.hpp"
#include "speech/recognizers/sherpa_library.hpp"
#include "speech/utf8.hpp"

namespace duplex::speech {
namespace {

// Owns what the library made; its functions are known only after it was loaded.
template <typename T>
using handle = std::unique_ptr<const T, void (*)(const T*)>;

template <typename T>
handle<T> own(const T* made, void (*destroy)(const T*), const char* what) {
  if (made == nullptr) {
    throw speech_error(error_code::engine_failed, std::string("sherpa-onnx made no ") + what);
  }
  return {made, destroy};
}

// The text of the result that `decode` returns. What the library throws is a failure of the model,
// such as a token that its table does not have.
template <typename F>
std::string text_of(F&& decode) {
  try {
    const auto result = decode();
    return to_valid_utf8(result->text == nullptr ? "" : result->text);
  } catch (const speech_error&) {
    throw;
  } catch (const std::exception& error) {
    throw speech_error(error_code::engine_failed,
                       std::string("sherpa-onnx failed: ") + error.what());
  }
}

void set_files(SherpaOnnxOfflineModelConfig& config, const sherpa_files& files) {
  switch (files.family) {
    case sherpa_family::transducer:
      config.transducer = {files.encoder.c_str(), files.decoder.c_str(), files.joiner.c_str()};
      break;
    case sherpa_family::paraformer:
      config.paraformer.model = files.model.c_str();
      break;
    case sherpa_family::sense_voice:
      config.sense_voice = {files.model.c_str(), "auto", 1};
      break;
    case sherpa_family::whisper:
      config.whisper.encoder = files.encoder.c_str();
      config.whisper.decoder = files.decoder.c_str();
      config.whisper.task = "transcribe";
      config.whisper.tail_paddings = -1;  // the library's own choice
      break;
    case sherpa_family::zipformer_ctc:
      config.zipformer_ctc.model = files.model.c_str();
      break;
    case sherpa_family::moonshine:
      config.moonshine.preprocessor = files.preprocessor.c_str();
      config.moonshine.encoder = files.encoder.c_str();
      config.moonshine.uncached_decoder = files.uncached_decoder.c_str();
      config.moonshine.cached_decoder = files.decoder.c_str();
      break;
    case sherpa_family::online_transducer:
    case sherpa_family::online_paraformer:
    case sherpa_family::online_zipformer_ctc:
      break;
  }
}

void set_files(SherpaOnnxOnlineModelConfig& config, const sherpa_files& files) {
  if (files.family == sherpa_family::online_transducer) {
    config.transducer = {files.encoder.c_str(), files.decoder.c_str(), files.joiner.c_str()};
  } else if (files.family == sherpa_family::online_paraformer) {
    config.paraformer = {files.encoder.c_str(), files.decoder.c_str()};
  } else {
    config.zipformer2_ctc.model = files.model.c_str();
  }
}

// One worker a core, each with a decode of its own: more threads a call only burn CPU.
template <typename Config>
Config config_for(const sherpa_files& files) {
  Config config{};
  config.feat_config = {sample_rate, 80};
  config.model_config.tokens = files.tokens.c_str();
  config.model_config.num_threads = 1;
  config.model_config.provider = "cpu";
  config.decoding_method = "greedy_search";
  return config;
}

// How much of a text that only grows at its end is as it will be: all but the last word, which may
// go on, or end in a character of which not all bytes have come. A space before what comes may go.
std::size_t settled_part(std::string_view text) {
  const auto trimmed = [](std::string_view it) {
    return it.substr(0, it.find_last_not_of(' ') + 1);
  };
  text = trimmed(text);
  return trimmed(text.substr(0, last_word(text))).size();
}

}  // namespace

class sherpa_model::engine {
 public:
  virtual ~engine() = default;
  virtual std::unique_ptr<segment_reader> start() const = 0;
};

class sherpa_model::offline_engine : public engine {
 public:
  explicit offline_engine(const sherpa_files& files)
      : recognizer_(nullptr, sherpa::api().DestroyOfflineRecognizer) {
    auto config = config_for<SherpaOnnxOfflineRecognizerConfig>(files);
    set_files(config.model_config, files);
    recognizer_ = own(sherpa::api().CreateOfflineRecognizer(&config),
                      sherpa::api().DestroyOfflineRecognizer, "recogniser");
  }

  std::unique_ptr<segment_reader> start() const override {
    return std::make_unique<reader>(recognizer_.get());
  }

 private:
  class reader : public segment_reader {
   public:
    explicit reader(const SherpaOnnxOfflineRecognizer* recognizer) : recognizer_(recognizer) {}

    reading read(std::span<const float> speech, std::size_t, const std::stop_token& stop) override {
      return {.text = read_whole(speech, stop)};
    }

    std::string read_whole(std::span<const float> speech, const std::stop_token& stop) override {
      throw_if_stopped(stop);
      return text_of([&] {
        const auto& api = sherpa::api();
        const auto stream =
            own(api.CreateOfflineStream(recognizer_), api.DestroyOfflineStream, "stream");
        api.AcceptWaveformOffline(stream.get(), sample_rate, speech.data(),
                                  static_cast<std::int32_t>(speech.size()));
        api.DecodeOfflineStream(recognizer_, stream.get());
        return own(api.GetOfflineStreamResult(stream.get()), api.DestroyOfflineRecognizerResult,
                   "result");
      });
    }

   private:
    const SherpaOnnxOfflineRecognizer* recognizer_;
  };

  handle<SherpaOnnxOfflineRecognizer> recognizer_;
};

class sherpa_model::online_engine : public engine {
 public:
  explicit online_engine(const sherpa_files& files)
      : recognizer_(nullptr, sherpa::api().DestroyOnlineRecognizer) {
    auto config = config_for<SherpaOnnxOnlineRecognizerConfig>(files);
    set_files(config.model_config, files);
    recognizer_ = own(sherpa::api().CreateOnlineRecognizer(&config),
                      sherpa::api().DestroyOnlineRecognizer, "recogniser");
    constexpr std::size_t frame = sample_rate / 100;
    constexpr std::size_t hesitation = 30;  // models tell of a word a little after it was said
    tail_.resize((static_cast<std::size_t>(files.lookahead) + hesitation) * frame);
  }

  std::unique_ptr<segment_reader> start() const override {
    return std::make_unique<reader>(recognizer_.get(), tail_);
  }

 private:
  class reader : public segment_reader {
   public:
    reader(const SherpaOnnxOnlineRecognizer* recognizer, std::span<const float> tail)
        : recognizer_(recognizer),
          tail_(tail),
          stream_(own(sherpa::api().CreateOnlineStream(recognizer),
                      sherpa::api().DestroyOnlineStream, "stream")) {}

    reading read(std::span<const float> speech, std::size_t certain,
                 const std::stop_token& stop) override {
      accept(speech.first(std::min(certain, speech.size())));
      reading result{.text = decode(stop)};
      result.stable = settled_part(result.text);
      return result;
    }

    std::string read_whole(std::span<const float> speech, const std::stop_token& stop) override {
      accept(speech);
      give(tail_);
      sherpa::api().OnlineStreamInputFinished(stream_.get());
      return decode(stop);
    }

   private:
    void accept(std::span<const float> speech) {
      if (speech.size() <= given_) return;
      give(speech.subspan(given_));
      given_ = speech.size();
    }

    void give(std::span<const float> samples) {
      sherpa::api().OnlineStreamAcceptWaveform(stream_.get(), sample_rate, samples.data(),
                                               static_cast<std::int32_t>(samples.size()));
    }

    std::string decode(const std::stop_token& stop) const {
      return text_of([&] {
        const auto& api = sherpa::api();
        while (api.IsOnlineStreamReady(recognizer_, stream_.get()) != 0) {
          throw_if_stopped(stop);
          api.DecodeOnlineStream(recognizer_, stream_.get());
        }
        return own(api.GetOnlineStreamResult(recognizer_, stream_.get()),
                   api.DestroyOnlineRecognizerResult, "result");
      });
    }

    const SherpaOnnxOnlineRecognizer* recognizer_;
    std::span<const float> tail_;
    handle<SherpaOnnxOnlineStream> stream_;
    std::size_t given_ = 0;  // samples of the segment
  };

  handle<SherpaOnnxOnlineRecognizer> recognizer_;
  std::vector<float> tail_;  // silence that pushes the last words out of the model
};

sherpa_model::sherpa_model(const std::filesystem::path& directory,
                           const std::filesystem::path& library) {
  const sherpa_files files = find_sherpa_model(directory);
  sherpa::load(library);
  try {
    is_streaming_ = speech::is_streaming(files.family);
    if (is_streaming_) {
      engine_ = std::make_unique<const online_engine>(files);
    } else {
      engine_ = std::make_unique<const offline_engine>(files);
    }
  } catch (const std::exception& error) {
    throw std::runtime_error(directory.string() + ": " + error.what());
  }
}

sherpa_model::~sherpa_model() = default;

std::unique_ptr<segment_reader> sherpa_model::start() const { return engine_->start(); }

}  // namespace duplex::speech
