// sherpa-onnx's C API, opened at run time: what recognition needs of it.
//
// Internal to the recognisers: the only header that includes sherpa-onnx's.
#pragma once

#include <sherpa-onnx/c-api.h>

#include <filesystem>

namespace duplex::speech::sherpa {

/// The library's functions, named as there without their prefix.
struct functions {
  decltype(&SherpaOnnxGetVersionStr) GetVersionStr = nullptr;

  decltype(&SherpaOnnxCreateOfflineRecognizer) CreateOfflineRecognizer = nullptr;
  decltype(&SherpaOnnxDestroyOfflineRecognizer) DestroyOfflineRecognizer = nullptr;
  decltype(&SherpaOnnxCreateOfflineStream) CreateOfflineStream = nullptr;
  decltype(&SherpaOnnxDestroyOfflineStream) DestroyOfflineStream = nullptr;
  decltype(&SherpaOnnxAcceptWaveformOffline) AcceptWaveformOffline = nullptr;
  decltype(&SherpaOnnxDecodeOfflineStream) DecodeOfflineStream = nullptr;
  decltype(&SherpaOnnxGetOfflineStreamResult) GetOfflineStreamResult = nullptr;
  decltype(&SherpaOnnxDestroyOfflineRecognizerResult) DestroyOfflineRecognizerResult = nullptr;

  decltype(&SherpaOnnxCreateOnlineRecognizer) CreateOnlineRecognizer = nullptr;
  decltype(&SherpaOnnxDestroyOnlineRecognizer) DestroyOnlineRecognizer = nullptr;
  decltype(&SherpaOnnxCreateOnlineStream) CreateOnlineStream = nullptr;
  decltype(&SherpaOnnxDestroyOnlineStream) DestroyOnlineStream = nullptr;
  decltype(&SherpaOnnxOnlineStreamAcceptWaveform) OnlineStreamAcceptWaveform = nullptr;
  decltype(&SherpaOnnxOnlineStreamInputFinished) OnlineStreamInputFinished = nullptr;
  decltype(&SherpaOnnxIsOnlineStreamReady) IsOnlineStreamReady = nullptr;
  decltype(&SherpaOnnxDecodeOnlineStream) DecodeOnlineStream = nullptr;
  decltype(&SherpaOnnxGetOnlineStreamResult) GetOnlineStreamResult = nullptr;
  decltype(&SherpaOnnxDestroyOnlineRecognizerResult) DestroyOnlineRecognizerResult = nullptr;
};

/// Opens the library; the first call in a process decides which. Throws `std::runtime_error` if it
/// is not there, is another library, or is of a version whose structures are not those of the
/// header: 1.13 is needed. Thread-safe.
void load(const std::filesystem::path& library);

/// Only after `load`.
const functions& api();

}  // namespace duplex::speech::sherpa
