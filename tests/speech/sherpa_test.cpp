// Models of sherpa-onnx: told apart by toys with their inputs; a toy that the real library runs.
#include "speech/recognizers/sherpa.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "sound.hpp"
#include "speech/error.hpp"
#include "speech/models.hpp"
#include "speech/recognizers/sherpa_files.hpp"
#include "toy_onnx.hpp"
#include "toy_sherpa.hpp"

namespace duplex::speech {
namespace {

namespace fs = std::filesystem;

struct toy_file {
  std::string name;
  std::vector<std::string> inputs;
  toy_metadata metadata = {};
};

toy_metadata zeros(const std::vector<std::string>& keys) {
  toy_metadata metadata;
  for (const auto& key : keys) metadata.emplace_back(key, "0");
  return metadata;
}

toy_metadata operator+(toy_metadata first, const toy_metadata& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// The file with another value under `key`.
toy_file with(toy_file file, const std::string& key, const std::string& value) {
  std::ranges::find(file.metadata, key, &toy_metadata::value_type::first)->second = value;
  return file;
}

// Every family, with the metadata without which sherpa-onnx ends the process.
const std::vector<std::pair<sherpa_family, std::vector<toy_file>>>& families() {
  using enum sherpa_family;
  static const toy_file decoder{
      "decoder-epoch-99-avg-1.onnx", {"y"}, zeros({"vocab_size", "context_size"})};
  static const toy_file joiner{"joiner-epoch-99-avg-1.onnx", {"encoder_out", "decoder_out"}};
  const auto streaming = [](const std::string& type, const std::vector<std::string>& keys) {
    const toy_metadata chunks{{"model_type", type}, {"T", "39"}, {"decode_chunk_len", "32"}};
    return std::vector<toy_file>{{"encoder-epoch-99-avg-1.onnx",
                                  {"x", "cached_key_0", "cached_val_0"},
                                  chunks + zeros(keys)},
                                 decoder,
                                 joiner};
  };
  const auto encoder = [](const toy_metadata& metadata) {
    return std::vector<toy_file>{
        {"encoder-epoch-99-avg-1.onnx", {"x", "x_lens"}, metadata}, decoder, joiner};
  };
  const auto single = [](const std::vector<std::string>& inputs,
                         const toy_metadata& metadata = {}) {
    return std::vector<toy_file>{{"model.onnx", inputs, metadata}};
  };
  static const std::vector<std::pair<sherpa_family, std::vector<toy_file>>> all{
      {online_transducer,
       streaming("zipformer2", {"encoder_dims", "query_head_dims", "value_head_dims", "num_heads",
                                "num_encoder_layers", "cnn_module_kernels", "left_context_len"})},
      {online_transducer,
       streaming("zipformer", {"encoder_dims", "attention_dims", "num_encoder_layers",
                               "cnn_module_kernels", "left_context_len"})},
      {online_transducer, streaming("lstm", {"num_encoder_layers", "rnn_hidden_size", "d_model"})},
      {online_transducer,
       streaming("conformer", {"num_encoder_layers", "left_context", "encoder_dim", "pad_length",
                               "cnn_module_kernel"})},
      {online_transducer,
       streaming("ebranchformer",
                 {"num_hidden_layers", "hidden_size", "intermediate_size", "csgu_kernel_size",
                  "merge_conv_kernel", "left_context_len", "num_heads", "head_dim"})},
      {transducer, encoder({{"model_type", "zipformer2"}})},
      {transducer,
       {{"encoder.onnx",
         {"audio_signal", "length"},
         toy_metadata{{"model_type", "EncDecRNNTBPEModel"}} +
             zeros({"vocab_size", "subsampling_factor", "pred_rnn_layers", "pred_hidden"})},
        {"decoder.onnx", {"targets"}},
        joiner}},
      {online_paraformer,
       {{"encoder.int8.onnx", {"speech", "speech_lengths"}, toy_paraformer_metadata()},
        {"decoder.int8.onnx", {"enc"}}}},
      {online_zipformer_ctc,
       single({"x", "cached_key_0", "cached_val_0"}, toy_zipformer_ctc_metadata())},
      {whisper,
       {{"tiny-encoder.onnx",
         {"mel"},
         toy_metadata{{"is_multilingual", "1"}} +
             zeros({"n_mels", "n_text_layer", "n_text_ctx", "n_text_state", "n_vocab", "sot", "eot",
                    "blank_id", "translate", "transcribe", "no_timestamps", "no_speech",
                    "sot_sequence", "all_language_tokens"})},
        {"tiny-decoder.onnx", {"tokens"}}}},
      {sense_voice, single({"x", "x_length", "language", "text_norm"},
                           toy_frames_metadata() +
                               zeros({"normalize_samples", "with_itn", "without_itn", "lang_auto",
                                      "lang_zh", "lang_en", "lang_ja", "lang_ko", "lang_yue"}))},
      {paraformer, single({"speech", "speech_lengths"}, toy_frames_metadata())},
      {zipformer_ctc, single({"x", "x_lens"})},
      {moonshine,
       {{"preprocess.onnx", {"args_0"}},
        {"encode.int8.onnx", {"args_0", "args_1"}},
        {"uncached_decode.int8.onnx", {"args_0"}},
        {"cached_decode.int8.onnx", {"args_0"}}}},
  };
  return all;
}

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

  void put_model(const toy_file& file) const {
    put(file.name, write_onnx_with_inputs(file.inputs, file.metadata));
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

  // What is said of the files, before the library is needed.
  std::string refusal() const {
    try {
      find_sherpa_model(directory_);
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
  for (const auto& [family, files] : families()) {
    fs::remove_all(directory_);
    fs::create_directories(directory_);
    put("tokens.txt", "<blk> 0\na 1\n");
    for (const auto& file : files) put_model(file);
    EXPECT_TRUE(holds_sherpa_model(directory_));
    const auto found = find_sherpa_model(directory_);
    EXPECT_EQ(found.family, family) << files.front().name;
    EXPECT_EQ(found.lookahead > 0, is_streaming(family)) << files.front().name;
  }
  EXPECT_EQ(without_directory(find_sherpa_model(directory_).decoder),
            "DIR/cached_decode.int8.onnx");
}

// sherpa-onnx itself would end the process.
TEST_F(sherpa, metadata_that_is_missing_or_wrong_is_named) {
  std::size_t keys = 0;
  for (const auto& [family, files] : families()) {
    fs::remove_all(directory_);
    fs::create_directories(directory_);
    put("tokens.txt", "<blk> 0\n");
    for (const auto& file : files) put_model(file);
    for (const auto& file : files) {
      for (const auto& entry : file.metadata) {
        ++keys;
        for (const char* wrong : {"", "many", "1,many"}) {
          put_model(with(file, entry.first, wrong));
          const auto message = refusal();
          EXPECT_TRUE(message.starts_with("DIR/" + file.name + " ")) << entry.first << message;
          EXPECT_NE(message.find(entry.first), std::string::npos) << message;
        }
        put_model(file);
      }
    }
    EXPECT_EQ(refusal(), "");
  }
  EXPECT_GT(keys, 80U);
}

TEST_F(sherpa, metadata_that_does_not_fit_is_named) {
  put("tokens.txt", "<blk> 0\n");
  const auto told = [&](const std::string& key, const std::string& value) {
    put_model(
        with({"model.onnx", {"x", "key", "value"}, toy_zipformer_ctc_metadata()}, key, value));
    return refusal();
  };
  EXPECT_EQ(told("T", "0"), "DIR/model.onnx has no number from 1 to 1000000 under T: 0");
  EXPECT_EQ(told("T", "-5"), "DIR/model.onnx has no number from 1 to 1000000 under T: -5");
  EXPECT_EQ(told("decode_chunk_len", "0"),
            "DIR/model.onnx has no number from 1 to 1000000 under decode_chunk_len: 0");
  EXPECT_EQ(
      told("decode_chunk_len", "14"),
      "DIR/model.onnx goes on by more frames than it reads: its decode_chunk_len exceeds its T");
  EXPECT_EQ(told("num_heads", "1,2"),
            "DIR/model.onnx has 2 numbers under num_heads, and 1 under encoder_dims");
  put_model(with({"model.onnx", {"speech"}, toy_frames_metadata()}, "neg_mean", "1,2"));
  EXPECT_EQ(refusal(), "DIR/model.onnx has 2 numbers under neg_mean, not 560");
}

TEST_F(sherpa, a_ctc_model_needs_a_blank_token) {
  put("tokens.txt", "a 0\n");
  put_model({"model.onnx", {"x", "x_lens"}});
  EXPECT_EQ(refusal(), "DIR/tokens.txt has none of the tokens <blk>, <eps> and <blank>");
}

TEST_F(sherpa, eight_bit_models_are_preferred) {
  put("tokens.txt", "a 0\n");
  put_model({"model.int8.onnx", {"speech"}, toy_frames_metadata()});
  put_model({"a-model.onnx", {"speech"}, toy_frames_metadata()});
  EXPECT_EQ(without_directory(find_sherpa_model(directory_).model), "DIR/model.int8.onnx");
}

TEST_F(sherpa, what_is_missing_or_wrong_is_named) {
  put_model({"model.onnx", {"speech"}});
  EXPECT_EQ(failure(), "DIR/tokens.txt is missing");
  put("tokens.txt", "a 0\n");
  put("model.onnx", "hello");
  EXPECT_EQ(failure().substr(0, 49), "DIR/model.onnx is not a model, or is truncated: L");
  put_model({"model.onnx", {"sound", "length"}});
  EXPECT_EQ(failure(),
            "DIR/model.onnx is no model of a known family: its inputs are sound, length");
  put_model({"encoder.onnx", {"mel"}});
  EXPECT_EQ(failure(), "DIR/decoder.onnx is missing");
  put_model({"joiner.onnx", {"x"}});
  put_model({"decoder.onnx", {"y"}});
  fs::remove(directory_ / "encoder.onnx");
  EXPECT_EQ(failure(), "DIR/encoder.onnx is missing");
}

TEST_F(sherpa, tokens_that_would_end_the_process_are_named) {
  put_model({"model.onnx", {"speech"}, toy_frames_metadata()});
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
