#include "speech/recognizers/sherpa.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <utility>

#include "speech/error.hpp"
#include "speech/recognizers/sherpa_files.hpp"
#include "speech/recognizers/sherpa_library.hpp"

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
      break;
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

bool is_online(sherpa_family family) {
  return family == sherpa_family::online_transducer || family == sherpa_family::online_paraformer;
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
      const auto& api = sherpa::api();
      const auto stream =
          own(api.CreateOfflineStream(recognizer_), api.DestroyOfflineStream, "stream");
      api.AcceptWaveformOffline(stream.get(), sample_rate, speech.data(),
                                static_cast<std::int32_t>(speech.size()));
      api.DecodeOfflineStream(recognizer_, stream.get());
      const auto result = own(api.GetOfflineStreamResult(stream.get()),
                              api.DestroyOfflineRecognizerResult, "result");
      return result->text == nullptr ? "" : result->text;
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
    if (files.family == sherpa_family::online_transducer) {
      config.model_config.transducer = {files.encoder.c_str(), files.decoder.c_str(),
                                        files.joiner.c_str()};
    } else {
      config.model_config.paraformer = {files.encoder.c_str(), files.decoder.c_str()};
    }
    recognizer_ = own(sherpa::api().CreateOnlineRecognizer(&config),
                      sherpa::api().DestroyOnlineRecognizer, "recogniser");
    appends_ = files.family == sherpa_family::online_transducer;
  }

  std::unique_ptr<segment_reader> start() const override {
    return std::make_unique<reader>(recognizer_.get(), appends_);
  }

 private:
  class reader : public segment_reader {
   public:
    reader(const SherpaOnnxOnlineRecognizer* recognizer, bool appends)
        : recognizer_(recognizer),
          appends_(appends),
          stream_(own(sherpa::api().CreateOnlineStream(recognizer),
                      sherpa::api().DestroyOnlineStream, "stream")) {}

    reading read(std::span<const float> speech, std::size_t certain,
                 const std::stop_token& stop) override {
      accept(speech.first(std::min(certain, speech.size())));
      reading result{.text = decode(stop)};
      // A token once read stays; the last word may go on with the next.
      const std::size_t last = result.text.rfind(' ');
      if (appends_ && last != std::string::npos) result.stable = last;
      return result;
    }

    std::string read_whole(std::span<const float> speech, const std::stop_token& stop) override {
      // The model looks ahead: silence pushes the last words out of it.
      static constexpr std::array<float, sample_rate / 2> silence{};
      accept(speech);
      give(silence);
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
      const auto& api = sherpa::api();
      while (api.IsOnlineStreamReady(recognizer_, stream_.get()) != 0) {
        throw_if_stopped(stop);
        api.DecodeOnlineStream(recognizer_, stream_.get());
      }
      const auto result = own(api.GetOnlineStreamResult(recognizer_, stream_.get()),
                              api.DestroyOnlineRecognizerResult, "result");
      return result->text == nullptr ? "" : result->text;
    }

    const SherpaOnnxOnlineRecognizer* recognizer_;
    bool appends_;
    handle<SherpaOnnxOnlineStream> stream_;
    std::size_t given_ = 0;  // samples of the segment
  };

  handle<SherpaOnnxOnlineRecognizer> recognizer_;
  bool appends_ = false;
};

sherpa_model::sherpa_model(const std::filesystem::path& directory,
                           const std::filesystem::path& library) {
  const sherpa_files files = find_sherpa_model(directory);
  sherpa::load(library);
  try {
    if (is_online(files.family)) {
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
