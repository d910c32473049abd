// Models of sherpa-onnx: told apart by toys with their inputs; a toy that the real library runs.
#include "speech/recognizers/sherpa.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <fstream>

#include "sound.hpp"
#include "speech/error.hpp"
#include "speech/models.hpp"
#include "speech/recognizers/sherpa_files.hpp"
#include "toy_onnx.hpp"

namespace duplex::speech {
namespace {

namespace fs = std::filesystem;

class sherpa : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(directory_);
    static const auto opened = load_recognizer("tiny");  // and with it ONNX Runtime
  }
  void TearDown() override { fs::remove_all(directory_); }

  void put(const std::string& name, std::string_view bytes) const {
    std::ofstream(directory_ / name, std::ios::binary) << bytes;
  }

  void put_model(const std::string& name, const std::vector<std::string>& inputs) const {
    put(name, write_onnx_with_inputs(inputs));
  }

  std::string without_directory(std::string message) const {
    for (auto at = message.find(directory_.string()); at != std::string::npos;
         at = message.find(directory_.string())) {
      message.replace(at, directory_.string().size(), "DIR");
    }
    return message;
  }

  std::string failure(const model_options& options = {}) const {
    try {
      load_recognizer(directory_.string(), options);
    } catch (const std::runtime_error& error) {
      return without_directory(error.what());
    }
    return "";
  }

  // A model of one token for each of ten neighbouring bands of sound: what is loudest is read.
  void put_bands() const {
    put("tokens.txt",
        "<blk> 0\n\u2581one 1\n\u2581two 2\n\u2581three 3\n\u2581four 4\n\u2581five 5\n"
        "\u2581six 6\n\u2581seven 7\n\u2581eight 8\n\u2581nine 9\n");
    put("model.onnx",
        write_onnx(
            {.inputs = {{"x", 1, {-1, -1, 80}}, {"x_lens", 7, {-1}}},
             .outputs = {{"log_probs", 1, {-1, -1, 10}}, {"log_probs_len", 7, {-1}}},
             .nodes = {{"Slice", {"x"}, {"log_probs"}, {{"axes", 2}, {"starts", 10}, {"ends", 20}}},
                       {"Identity", {"x_lens"}, {"log_probs_len"}}},
             .metadata = {{"model_type", "zipformer2_ctc"}}}));
  }

  fs::path directory_ =
      fs::path(testing::TempDir()) / ("duplex-sherpa-" + std::to_string(::getpid()));
};

TEST_F(sherpa, families_are_told_by_names_and_inputs) {
  const auto family =
      [&](const std::vector<std::pair<std::string, std::vector<std::string>>>& files) {
        fs::remove_all(directory_);
        fs::create_directories(directory_);
        put("tokens.txt", "<blk> 0\na 1\n");
        for (const auto& [name, inputs] : files) put_model(name, inputs);
        EXPECT_TRUE(holds_sherpa_model(directory_));
        return find_sherpa_model(directory_).family;
      };
  using enum sherpa_family;
  EXPECT_EQ(family({{"encoder-epoch-99-avg-1.onnx", {"x", "cached_key_0", "cached_val_0"}},
                    {"decoder-epoch-99-avg-1.onnx", {"y"}},
                    {"joiner-epoch-99-avg-1.onnx", {"encoder_out", "decoder_out"}}}),
            online_transducer);
  EXPECT_EQ(family({{"encoder.onnx", {"x", "x_lens"}},
                    {"decoder.onnx", {"y"}},
                    {"joiner.onnx", {"encoder_out", "decoder_out"}}}),
            transducer);
  EXPECT_EQ(family({{"encoder.onnx", {"speech", "speech_lengths"}}, {"decoder.onnx", {"enc"}}}),
            online_paraformer);
  EXPECT_EQ(family({{"tiny-encoder.onnx", {"mel"}}, {"tiny-decoder.onnx", {"tokens"}}}), whisper);
  EXPECT_EQ(family({{"model.onnx", {"x", "x_length", "language", "text_norm"}}}), sense_voice);
  EXPECT_EQ(family({{"model.onnx", {"speech", "speech_lengths"}}}), paraformer);
  EXPECT_EQ(family({{"model.onnx", {"x", "x_lens"}}}), zipformer_ctc);
  EXPECT_EQ(family({{"preprocess.onnx", {"args_0"}},
                    {"encode.int8.onnx", {"args_0", "args_1"}},
                    {"uncached_decode.int8.onnx", {"args_0"}},
                    {"cached_decode.int8.onnx", {"args_0"}}}),
            moonshine);
  EXPECT_EQ(without_directory(find_sherpa_model(directory_).decoder),
            "DIR/cached_decode.int8.onnx");
}

TEST_F(sherpa, eight_bit_models_are_preferred) {
  put("tokens.txt", "a 0\n");
  put_model("model.int8.onnx", {"speech"});
  put_model("a-model.onnx", {"speech"});
  EXPECT_EQ(without_directory(find_sherpa_model(directory_).model), "DIR/model.int8.onnx");
}

TEST_F(sherpa, what_is_missing_or_wrong_is_named) {
  put_model("model.onnx", {"speech"});
  EXPECT_EQ(failure(), "DIR/tokens.txt is missing");
  put("tokens.txt", "a 0\n");
  put("model.onnx", "hello");
  EXPECT_EQ(failure().substr(0, 49), "DIR/model.onnx is not a model, or is truncated: L");
  put_model("model.onnx", {"sound", "length"});
  EXPECT_EQ(failure(),
            "DIR/model.onnx is no model of a known family: its inputs are sound, length");
  put_model("encoder.onnx", {"mel"});
  EXPECT_EQ(failure(), "DIR/decoder.onnx is missing");
  put_model("joiner.onnx", {"x"});
  put_model("decoder.onnx", {"y"});
  fs::remove(directory_ / "encoder.onnx");
  EXPECT_EQ(failure(), "DIR/encoder.onnx is missing");
}

TEST_F(sherpa, tokens_that_would_end_the_process_are_named) {
  put_model("model.onnx", {"speech"});
  const auto told = [&](const std::string& tokens) {
    put("tokens.txt", tokens);
    return failure({.sherpa = "/nonexistent.so"});
  };
  EXPECT_EQ(told(""), "DIR/tokens.txt is empty");
  EXPECT_EQ(told("a 0\nb\n"),
            "DIR/tokens.txt:2: expected \"<token> <id>\", each token once, not \"b\"");
  for (const std::string line : {"a b", "a 1 2", "a -1", "a 1x", "a 1.5", "", "b 7"}) {
    EXPECT_EQ(told("b 0\n" + line + "\n"),
              "DIR/tokens.txt:2: expected \"<token> <id>\", each token once, not \"" + line + "\"");
  }
  EXPECT_EQ(told("a 0\r\n 1\n\xE4\xBD\xA0 2\n").substr(0, 25), "cannot load sherpa-onnx: ");
}

TEST_F(sherpa, a_wrong_library_is_named) {
  put_bands();
  EXPECT_EQ(failure({.sherpa = "/nonexistent.so"}).substr(0, 41),
            "cannot load sherpa-onnx: /nonexistent.so:");
  EXPECT_EQ(failure({.sherpa = "libm.so.6"}),
            "libm.so.6 is not sherpa-onnx: it has no SherpaOnnxGetVersionStr");
}

// The whole way through the real library, structures and all.
TEST_F(sherpa, a_toy_is_read_by_the_real_library) {
  put_bands();
  const sherpa_model model(directory_,
                           data_directory() / "onnxruntime/lib/libsherpa-onnx-c-api.so");
  const auto read = [&](double hertz) {
    return model.start()->read_whole(tone(1, sample_rate, hertz), {});
  };
  EXPECT_EQ(read(430), "four");
  EXPECT_EQ(read(500), "six");
  EXPECT_EQ(read(570), "eight");
  const auto sound = tone(1, sample_rate, 430);
  const auto reading = model.start()->read(sound, sound.size(), {});
  EXPECT_EQ(reading.text, "four");
  EXPECT_EQ(reading.stable, 0U);
}

TEST_F(sherpa, models_are_served_beside_others_and_asked_for_any_language) {
  put_bands();
  const model_set models({load_recognizer("tiny"), load_recognizer(directory_.string())});
  const recognizer& mine = models.find(directory_.filename().string());
  EXPECT_EQ(mine.language(), any_language);
  const auto stream = mine.start();
  stream->accept(tone(1, sample_rate));
  stream->finish();
  EXPECT_FALSE(stream->has_final());  // a tone is no speech
}

}  // namespace
}  // namespace duplex::speech
