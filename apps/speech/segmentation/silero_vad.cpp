#include "speech/segmentation/silero_vad.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "speech/recognizer.hpp"
#include "speech/recognizers/onnx.hpp"

namespace duplex::speech {
namespace {

// From version 5 on the model sees the end of the previous window in front of the current one.
constexpr std::size_t context = 64;
constexpr std::size_t state_size = 2 * 1 * 128;

}  // namespace

class silero_vad::model {
 public:
  explicit model(const std::filesystem::path& file) : session(file) {
    for (const char* name : {"input", "state", "sr"}) session.input(name);
    for (const char* name : {"output", "stateN"}) session.output(name);
  }

  onnx::session session;
};

class silero_vad::stream : public voice_activity {
 public:
  explicit stream(std::shared_ptr<const model> shared) : model_(std::move(shared)) {}

  float probability(std::span<const float, vad_window> window) override {
    static constexpr std::int64_t rate = sample_rate;
    static constexpr std::array<std::int64_t, 2> input_shape{1, context + vad_window};
    static constexpr std::array<std::int64_t, 3> state_shape{2, 1, 128};
    static constexpr std::array input_names{"input", "state", "sr"};
    static constexpr std::array output_names{"output", "stateN"};

    std::ranges::copy(window, input_.begin() + context);
    const onnx::tensor input = onnx::view(std::span<const float>(input_), input_shape);
    const onnx::tensor state = onnx::view(std::span<const float>(state_), state_shape);
    const onnx::tensor sr = onnx::view(std::span(&rate, 1), {});
    const std::array<const OrtValue*, 3> inputs{input.get(), state.get(), sr.get()};
    const auto outputs = model_->session.run(input_names, inputs, output_names);
    std::ranges::copy(onnx::floats(outputs[1]).first(state_size), state_.begin());
    std::ranges::copy(window.last<context>(), input_.begin());
    return onnx::floats(outputs[0])[0];
  }

  void reset() override {
    input_.fill(0);
    state_.fill(0);
  }

 private:
  std::shared_ptr<const model> model_;
  std::array<float, context + vad_window> input_{};
  std::array<float, state_size> state_{};
};

silero_vad::silero_vad(const std::filesystem::path& file)
    : model_(std::make_shared<const model>(file)) {}

silero_vad::~silero_vad() = default;

std::unique_ptr<voice_activity> silero_vad::start() const {
  return std::make_unique<stream>(model_);
}

}  // namespace duplex::speech
