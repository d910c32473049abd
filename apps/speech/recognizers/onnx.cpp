#include "speech/recognizers/onnx.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <stdexcept>
#include <string_view>

#include "speech/error.hpp"
#include "speech/recognizers/dot_products.hpp"

namespace duplex::speech::onnx {
namespace {

struct library {
  const OrtApi* functions = nullptr;
  OrtEnv* environment = nullptr;        // lives as long as the process: sessions may be static
  OrtMemoryInfo* cpu_memory = nullptr;  // likewise
};

library& loaded() {
  static library instance;
  return instance;
}

// A failed call's message, or nothing.
std::string take_message(OrtStatus* status) {
  if (status == nullptr) return {};
  std::string message = api().GetErrorMessage(status);
  api().ReleaseStatus(status);
  // The library's messages may run over several lines of its own sources' names; the first line is
  // the gist.
  message.erase(std::min(message.find('\n'), message.size()));
  return message.empty() ? "unknown failure" : message;
}

void check_at_start(OrtStatus* status, const std::filesystem::path& file) {
  if (const std::string message = take_message(status); !message.empty()) {
    throw std::runtime_error(file.string() + ": " + message);
  }
}

const OrtApi* open_functions(const std::filesystem::path& file) {
  void* handle =
      dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);  // stays open: nothing can undo it safely
  if (handle == nullptr)
    throw std::runtime_error(std::string("cannot load ONNX Runtime (run script/bootstrap): ") +
                             dlerror());
  const auto base = reinterpret_cast<const OrtApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"));
  if (base == nullptr) throw std::runtime_error(file.string() + " is not ONNX Runtime");
  const OrtApi* functions = base()->GetApi(ORT_API_VERSION);
  if (functions == nullptr) {
    throw std::runtime_error(file.string() + " is ONNX Runtime " + base()->GetVersionString() +
                             ", too old: 1." + std::to_string(ORT_API_VERSION) +
                             " or later is needed");
  }
  return functions;
}

template <typename T>
tensor view_of(std::span<const T> data, shape dimensions, ONNXTensorElementDataType type) {
  // The library only reads inputs, but takes them by pointer to non-const; and null it does not
  // take.
  static T nothing{};
  T* first = data.empty() ? &nothing : const_cast<T*>(data.data());
  OrtValue* value = nullptr;
  check(api().CreateTensorWithDataAsOrtValue(loaded().cpu_memory, first, data.size_bytes(),
                                             dimensions.data(), dimensions.size(), type, &value));
  return tensor(value);
}

std::vector<std::int64_t> dimensions_of(OrtTypeInfo* info) {
  const OrtTensorTypeAndShapeInfo* tensor_info = nullptr;
  check(api().CastTypeInfoToTensorInfo(info, &tensor_info));
  std::vector<std::int64_t> dimensions;
  if (tensor_info != nullptr) {
    std::size_t rank = 0;
    check(api().GetDimensionsCount(tensor_info, &rank));
    dimensions.resize(rank);
    check(api().GetDimensions(tensor_info, dimensions.data(), rank));
  }
  api().ReleaseTypeInfo(info);
  return dimensions;
}

template <typename Count, typename Name, typename Info>
std::vector<port> ports(const OrtSession* session, Count count, Name name, Info info) {
  OrtAllocator* allocator = nullptr;
  check(api().GetAllocatorWithDefaultOptions(&allocator));
  std::size_t size = 0;
  check(count(session, &size));
  std::vector<port> result(size);
  for (std::size_t i = 0; i < size; ++i) {
    char* text = nullptr;
    check(name(session, i, allocator, &text));
    result[i].name = text;
    check(api().AllocatorFree(allocator, text));
    OrtTypeInfo* type = nullptr;
    check(info(session, i, &type));
    result[i].dimensions = dimensions_of(type);
  }
  return result;
}

}  // namespace

void load(const std::filesystem::path& file) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  library& it = loaded();
  if (it.environment != nullptr) return;
  it.functions = open_functions(file);
  check_at_start(api().CreateEnv(ORT_LOGGING_LEVEL_ERROR, "duplex", &it.environment), file);
  check_at_start(api().CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &it.cpu_memory),
                 file);
}

const OrtApi& api() { return *loaded().functions; }

void check(OrtStatus* status) {
  if (const std::string message = take_message(status); !message.empty()) {
    throw speech_error(error_code::engine_failed, message);
  }
}

tensor view(std::span<const float> data, shape dimensions) {
  return view_of(data, dimensions, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
}

tensor view(std::span<const std::int64_t> data, shape dimensions) {
  return view_of(data, dimensions, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64);
}

tensor view(std::span<const bool> data, shape dimensions) {
  return view_of(data, dimensions, ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL);
}

std::span<const float> floats(const tensor& value) {
  OrtTensorTypeAndShapeInfo* info = nullptr;
  check(api().GetTensorTypeAndShape(value.get(), &info));
  std::size_t count = 0;
  OrtStatus* status = api().GetTensorShapeElementCount(info, &count);
  api().ReleaseTensorTypeAndShapeInfo(info);
  check(status);
  void* data = nullptr;
  check(api().GetTensorMutableData(value.get(), &data));
  return {static_cast<const float*>(data), count};
}

tensor first_of_axis_2(const tensor& value, std::size_t count) {
  std::array<std::int64_t, 4> dimensions{};
  OrtTensorTypeAndShapeInfo* info = nullptr;
  check(api().GetTensorTypeAndShape(value.get(), &info));
  OrtStatus* status = api().GetDimensions(info, dimensions.data(), dimensions.size());
  api().ReleaseTensorTypeAndShapeInfo(info);
  check(status);
  const auto row = static_cast<std::size_t>(dimensions[3]);
  const std::size_t before = static_cast<std::size_t>(dimensions[2]) * row;
  dimensions[2] = static_cast<std::int64_t>(count);

  OrtAllocator* allocator = nullptr;
  check(api().GetAllocatorWithDefaultOptions(&allocator));
  OrtValue* made = nullptr;
  check(api().CreateTensorAsOrtValue(allocator, dimensions.data(), dimensions.size(),
                                     ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &made));
  tensor result(made);
  void* to = nullptr;
  check(api().GetTensorMutableData(made, &to));
  auto out = static_cast<float*>(to);
  for (auto from = floats(value); !from.empty(); from = from.subspan(before)) {
    out = std::ranges::copy(from.first(count * row), out).out;
  }
  return result;
}

session::session(const std::filesystem::path& model) : model_(model) {
  if (!std::filesystem::is_regular_file(model))
    throw std::runtime_error(model.string() + " is missing");
  OrtSessionOptions* made = nullptr;
  check(api().CreateSessionOptions(&made));
  const auto release = [](OrtSessionOptions* value) { api().ReleaseSessionOptions(value); };
  const std::unique_ptr<OrtSessionOptions, decltype(release)> options(made, release);
  // One worker a core, each with a decode of its own: more threads a call only burn CPU.
  check(api().SetIntraOpNumThreads(made, 1));
  check(api().DisableCpuMemArena(made));
  check(api().AddSessionConfigEntry(made, "session.disable_quant_qdq", "1"));  // faster, same text
  if (!has_dot_products(of_this_processor()))  // sums of weights with sign would overflow
    check(api().AddSessionConfigEntry(made, "session.x64quantprecision", "1"));
  OrtSession* opened = nullptr;
  if (const auto message =
          take_message(api().CreateSession(loaded().environment, model.c_str(), made, &opened));
      !message.empty()) {
    throw std::runtime_error(model.string() + " is not a model, or is truncated: " + message);
  }
  session_.reset(opened);
  inputs_ = ports(opened, api().SessionGetInputCount, api().SessionGetInputName,
                  api().SessionGetInputTypeInfo);
  outputs_ = ports(opened, api().SessionGetOutputCount, api().SessionGetOutputName,
                   api().SessionGetOutputTypeInfo);
}

const port& session::input(std::string_view name) const { return find(inputs_, "input", name); }

const port& session::output(std::string_view name) const { return find(outputs_, "output", name); }

std::string session::metadata(const char* key) const {
  OrtModelMetadata* all = nullptr;
  check(api().SessionGetModelMetadata(session_.get(), &all));
  OrtAllocator* allocator = nullptr;
  char* value = nullptr;
  OrtStatus* status = api().GetAllocatorWithDefaultOptions(&allocator);
  if (status == nullptr)
    status = api().ModelMetadataLookupCustomMetadataMap(all, allocator, key, &value);
  api().ReleaseModelMetadata(all);
  check(status);
  if (value == nullptr) return "";
  std::string text = value;
  check(api().AllocatorFree(allocator, value));
  return text;
}

const port& session::find(const std::vector<port>& ports, std::string_view kind,
                          std::string_view name) const {
  const auto found = std::ranges::find(ports, name, &port::name);
  if (found == ports.end()) {
    throw std::runtime_error(model_.string() + " is another model: it has no " + std::string(kind) +
                             " " + std::string(name));
  }
  return *found;
}

std::vector<tensor> session::run(std::span<const char* const> input_names,
                                 std::span<const OrtValue* const> input_values,
                                 std::span<const char* const> output_names) const {
  std::vector<OrtValue*> values(output_names.size());
  check(api().Run(session_.get(), nullptr, input_names.data(), input_values.data(),
                  input_values.size(), output_names.data(), output_names.size(), values.data()));
  return {values.begin(), values.end()};
}

}  // namespace duplex::speech::onnx
