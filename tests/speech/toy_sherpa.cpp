#include "toy_sherpa.hpp"

#include <fstream>
#include <string_view>

namespace duplex::speech {
namespace {

constexpr std::int64_t bands = 80;
constexpr std::int64_t first_band = 10;
constexpr std::int64_t vocabulary = 10;

void put(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

// Cuts out a range of one dimension.
toy_node slice(const std::string& from, const std::string& to, std::int64_t axis,
               std::int64_t begin, std::int64_t end) {
  return {"Slice", {from}, {to}, {{"axes", axis}, {"starts", begin}, {"ends", end}}};
}

std::string repeated(std::string_view number, int count) {
  std::string list(number);
  for (int i = 1; i < count; ++i) list.append(",").append(number);
  return list;
}

}  // namespace

toy_metadata toy_transducer_metadata() {
  return {{"model_type", "lstm"},    {"num_encoder_layers", "1"}, {"T", "9"},
          {"decode_chunk_len", "4"}, {"rnn_hidden_size", "2"},    {"d_model", "3"}};
}

void put_toy_transducer(const std::filesystem::path& directory) {
  put(directory / "encoder.onnx",
      write_onnx({.inputs = {{"x", 1, {-1, 9, bands}}, {"h", 1, {1, -1, 3}}, {"c", 1, {1, -1, 2}}},
                  .outputs = {{"encoder_out", 1, {-1, 1, vocabulary}},
                              {"next_h", 1, {1, -1, 3}},
                              {"next_c", 1, {1, -1, 2}}},
                  .nodes = {slice("x", "newest", 1, 5, 9),
                            {"ReduceMean", {"newest"}, {"frame"}, {{"axes", 1}}},
                            slice("frame", "encoder_out", 2, first_band, first_band + vocabulary),
                            {"Identity", {"h"}, {"next_h"}},
                            {"Identity", {"c"}, {"next_c"}}},
                  .metadata = toy_transducer_metadata()}));
  put(directory / "decoder.onnx",
      write_onnx({.inputs = {{"y", 7, {-1, 2}}},
                  .outputs = {{"decoder_out", 1, {-1, 2}}},
                  .nodes = {{"Cast", {"y"}, {"decoder_out"}, {}, {{"to", 1}}}},
                  .metadata = {{"vocab_size", "10"}, {"context_size", "2"}}}));
  put(directory / "joiner.onnx",
      write_onnx({.inputs = {{"encoder_out", 1, {-1, vocabulary}}, {"decoder_out", 1, {-1, 2}}},
                  .outputs = {{"logit", 1, {-1, vocabulary}}},
                  .nodes = {{"Identity", {"encoder_out"}, {"logit"}}}}));
}

toy_metadata toy_frames_metadata() {
  return {{"vocab_size", "10"},
          {"lfr_window_size", "7"},
          {"lfr_window_shift", "6"},
          {"neg_mean", repeated("0", 7 * bands)},
          // In silence, where all logarithms are negative, this makes the blank the loudest.
          {"inv_stddev", repeated("1.5e-1", first_band) + ",-1.5e-1," +
                             repeated("1.5e-1", 7 * bands - first_band - 1)}};
}

toy_metadata toy_paraformer_metadata() {
  auto metadata = toy_frames_metadata();
  metadata.insert(
      metadata.end(),
      {{"encoder_output_size", "10"}, {"decoder_num_blocks", "1"}, {"decoder_kernel_size", "2"}});
  return metadata;
}

void put_toy_paraformer(const std::filesystem::path& directory) {
  put(directory / "encoder.onnx",
      write_onnx({.inputs = {{"speech", 1, {1, -1, 7 * bands}}, {"speech_lengths", 6, {1}}},
                  .outputs = {{"enc", 1, {1, -1, vocabulary}},
                              {"enc_len", 6, {1}},
                              {"alphas", 1, {1, -1}}},
                  .nodes = {slice("speech", "enc", 2, first_band, first_band + vocabulary),
                            {"Identity", {"speech_lengths"}, {"enc_len"}},
                            // Each group of frames counts for half a token.
                            slice("speech", "one", 2, 0, 1),
                            {"Sub", {"one", "one"}, {"zero"}},
                            {"Sigmoid", {"zero"}, {"half"}},
                            {"Squeeze", {"half"}, {"alphas"}, {{"axes", 2}}}},
                  .metadata = toy_paraformer_metadata()}));
  put(directory / "decoder.onnx",
      write_onnx({.inputs = {{"enc", 1, {1, -1, vocabulary}},
                             {"enc_len", 6, {1}},
                             {"acoustic_embeds", 1, {1, -1, vocabulary}},
                             {"acoustic_embeds_len", 6, {1}},
                             {"in_cache_0", 1, {1, vocabulary, 1}}},
                  .outputs = {{"logits", 1, {1, -1, vocabulary}},
                              {"sample_ids", 7, {1, -1}},
                              {"out_cache_0", 1, {1, vocabulary, 1}}},
                  .nodes = {{"Identity", {"acoustic_embeds"}, {"logits"}},
                            {"ArgMax", {"acoustic_embeds"}, {"likeliest"}, {}, {{"axis", 2}}},
                            {"Squeeze", {"likeliest"}, {"sample_ids"}, {{"axes", 2}}},
                            {"Identity", {"in_cache_0"}, {"out_cache_0"}}}}));
}

toy_metadata toy_zipformer_ctc_metadata() {
  return {{"encoder_dims", "4"},       {"query_head_dims", "2"},
          {"value_head_dims", "2"},    {"num_heads", "1"},
          {"num_encoder_layers", "1"}, {"cnn_module_kernels", "3"},
          {"left_context_len", "2"},   {"T", "13"},
          {"decode_chunk_len", "8"}};
}

void put_toy_zipformer_ctc(const std::filesystem::path& directory) {
  toy_model model;
  model.inputs = {{"x", 1, {1, 13, bands}}};
  model.outputs = {{"log_probs", 1, {1, 1, vocabulary}}};
  model.nodes = {slice("x", "newest", 1, 5, 13),
                 {"ReduceMean", {"newest"}, {"frame"}, {{"axes", 1}}},
                 slice("frame", "log_probs", 2, first_band, first_band + vocabulary)};
  const std::vector<toy_tensor> states{
      {"key", 1, {2, 1, 2}},         {"nonlin_attn", 1, {1, 1, 2, 3}}, {"val1", 1, {2, 1, 2}},
      {"val2", 1, {2, 1, 2}},        {"conv1", 1, {1, 4, 1}},          {"conv2", 1, {1, 4, 1}},
      {"embed", 1, {1, 128, 3, 19}}, {"processed_lens", 7, {1}}};
  for (const auto& state : states) {
    const std::string next = "new_" + state.name;
    model.inputs.push_back(state);
    model.outputs.push_back({next, state.type, state.dimensions});
    model.nodes.push_back({"Identity", {state.name}, {next}});
  }
  model.metadata = toy_zipformer_ctc_metadata();
  put(directory / "model.onnx", write_onnx(model));
}

void put_toy_tokens(const std::filesystem::path& directory,
                    const std::vector<std::string>& tokens) {
  std::string table = "<blk> 0\n";
  for (std::size_t i = 0; i < tokens.size(); ++i)
    table += tokens[i] + " " + std::to_string(i + 1) + "\n";
  put(directory / "tokens.txt", table);
}

}  // namespace duplex::speech
