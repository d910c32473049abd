#include "speech/recognizers/sherpa_library.hpp"

#include <dlfcn.h>

#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>

namespace duplex::speech::sherpa {
namespace {

functions& loaded() {
  static functions instance;
  return instance;
}

class opened_library {
 public:
  explicit opened_library(const std::filesystem::path& file)
      : file_(file.string()), handle_(dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr)
      throw std::runtime_error(std::string("cannot load sherpa-onnx: ") + dlerror());
  }

  template <typename F>
  void find(F& function, const char* name) const {
    function = reinterpret_cast<F>(dlsym(handle_, name));
    if (function == nullptr)
      throw std::runtime_error(file_ + " is not sherpa-onnx: it has no " + name);
  }

 private:
  std::string file_;
  void* handle_;  // stays open: nothing can undo it safely
};

}  // namespace

void load(const std::filesystem::path& file) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (loaded().GetVersionStr != nullptr) return;
  const opened_library library(file);
  functions found;
  library.find(found.GetVersionStr, "SherpaOnnxGetVersionStr");
  if (const std::string_view version = found.GetVersionStr(); !version.starts_with("1.13.")) {
    throw std::runtime_error(file.string() + " is sherpa-onnx " + std::string(version) +
                             "; 1.13 is needed");
  }
#define DUPLEX_FIND(name) library.find(found.name, "SherpaOnnx" #name)
  DUPLEX_FIND(CreateOfflineRecognizer);
  DUPLEX_FIND(DestroyOfflineRecognizer);
  DUPLEX_FIND(CreateOfflineStream);
  DUPLEX_FIND(DestroyOfflineStream);
  DUPLEX_FIND(AcceptWaveformOffline);
  DUPLEX_FIND(DecodeOfflineStream);
  DUPLEX_FIND(GetOfflineStreamResult);
  DUPLEX_FIND(DestroyOfflineRecognizerResult);
  DUPLEX_FIND(CreateOnlineRecognizer);
  DUPLEX_FIND(DestroyOnlineRecognizer);
  DUPLEX_FIND(CreateOnlineStream);
  DUPLEX_FIND(DestroyOnlineStream);
  DUPLEX_FIND(OnlineStreamAcceptWaveform);
  DUPLEX_FIND(OnlineStreamInputFinished);
  DUPLEX_FIND(IsOnlineStreamReady);
  DUPLEX_FIND(DecodeOnlineStream);
  DUPLEX_FIND(GetOnlineStreamResult);
  DUPLEX_FIND(DestroyOnlineRecognizerResult);
#undef DUPLEX_FIND
  loaded() = found;
}

const functions& api() { return loaded(); }

}  // namespace duplex::speech::sherpa
