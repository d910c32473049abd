#include "speech/models.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "recordings.hpp"
#include "speech/error.hpp"
#include "speech/recognizers/moonshine.hpp"
#include "speech/recognizers/scripted.hpp"

namespace duplex::speech {
namespace {

namespace fs = std::filesystem;

// A copy of the tiny model's directory, as links, in which single files can be spoilt.
class spoilt_model : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(directory_);
    for (const char* name : {"encoder_model.onnx", "decoder_model_merged.onnx", "tokens.txt"}) {
      fs::create_symlink(data_directory() / "models/moonshine-tiny" / name, directory_ / name);
    }
  }
  void TearDown() override { fs::remove_all(directory_); }

  void replace(const char* name, std::string_view bytes) {
    fs::remove(directory_ / name);
    std::ofstream(directory_ / name, std::ios::binary) << bytes;
  }

  std::string failure() const {
    try {
      load_recognizer(directory_.string());
    } catch (const std::runtime_error& error) {
      std::string message = error.what();
      if (const auto at = message.find(directory_.string()); at != std::string::npos) {
        message.replace(at, directory_.string().size(), "DIR");
      }
      return message;
    }
    return "";
  }

  fs::path directory_ =
      fs::path(testing::TempDir()) / ("duplex-model-" + std::to_string(::getpid()));
};

TEST_F(spoilt_model, unspoilt_loads_under_its_directory_s_name) {
  EXPECT_EQ(load_recognizer(directory_.string())->name(), directory_.filename().string());
}

TEST_F(spoilt_model, a_directory_whose_name_is_no_utf_8_has_one_that_is) {
  fs::create_directory_symlink(directory_, directory_ / "\xFF");
  EXPECT_EQ(load_recognizer((directory_ / "\xFF").string())->name(), "\xEF\xBF\xBD");
}

TEST_F(spoilt_model, missing_files_are_named) {
  for (const char* name : {"tokens.txt", "decoder_model_merged.onnx"}) {
    fs::remove(directory_ / name);
    EXPECT_EQ(failure(), std::string("DIR/") + name + " is missing");
  }
  fs::rename(directory_ / "encoder_model.onnx", directory_ / "decoder_model_merged.onnx");
  EXPECT_EQ(failure(), "DIR/encoder_model.onnx is missing");
}

TEST_F(spoilt_model, a_directory_without_a_model_tells_what_one_has) {
  for (const char* name : {"encoder_model.onnx", "decoder_model_merged.onnx"})
    fs::remove(directory_ / name);
  EXPECT_EQ(
      failure(),
      "no model in DIR: neither Moonshine's encoder_model.onnx nor the .onnx files of a model of "
      "sherpa-onnx");
}

TEST_F(spoilt_model, a_truncated_model_is_named) {
  const auto whole = read_bytes(directory_ / "encoder_model.onnx");
  replace("encoder_model.onnx", whole.substr(0, whole.size() / 2));
  EXPECT_EQ(failure().substr(0, 61),
            "DIR/encoder_model.onnx is not a model, or is truncated: Load ");
}

TEST_F(spoilt_model, what_is_no_model_is_named) {
  for (const char* bytes : {"", "hello", "version https://git-lfs.github.com/spec/v1\n"}) {
    replace("decoder_model_merged.onnx", bytes);
    EXPECT_EQ(failure().substr(0, 55), "DIR/decoder_model_merged.onnx is not a model, or is tru");
  }
}

TEST_F(spoilt_model, another_model_is_named) {
  replace("decoder_model_merged.onnx", read_bytes(directory_ / "encoder_model.onnx"));
  EXPECT_EQ(failure(), "DIR/decoder_model_merged.onnx is another model: it has no input input_ids");
}

TEST_F(spoilt_model, a_decoder_of_another_size_is_named) {
  const char* decoder = "decoder_model_merged.onnx";
  replace(decoder, read_bytes(data_directory() / "models/moonshine-base" / decoder));
  EXPECT_EQ(failure(),
            "DIR/decoder_model_merged.onnx takes vectors of 416 numbers, and encoder_model.onnx "
            "gives 288: they are of different models");
}

TEST_F(spoilt_model, tokens_that_do_not_fit_are_named) {
  const auto whole = read_bytes(directory_ / "tokens.txt");
  replace("tokens.txt", whole.substr(0, whole.rfind('\n', whole.size() - 2) + 1));
  EXPECT_EQ(failure(), "DIR/tokens.txt has 32767 lines; the model needs 32768");
}

std::string token_failure(std::string_view lines) {
  const fs::path file =
      fs::path(testing::TempDir()) / ("duplex-tokens-" + std::to_string(::getpid()));
  std::ofstream(file, std::ios::binary) << lines;
  std::string message;
  try {
    read_tokens(file, 3);
  } catch (const std::runtime_error& error) {
    message = std::string(error.what()).substr(file.string().size());
  }
  fs::remove(file);
  return message;
}

TEST(read_tokens, each_line_is_an_id_and_the_hex_of_its_bytes) {
  EXPECT_EQ(token_failure("0 \n1 4a\n2 e2Af00\n"), "");
  EXPECT_EQ(token_failure("0 \n1 4a\n"), " has 2 lines; the model needs 3");
  EXPECT_EQ(token_failure("0 \n1 \n2 \n3 \n"), " has 4 lines; the model needs 3");
  EXPECT_EQ(token_failure("0 \n2 00\n"), ":2: expected \"1 <hex>\", not \"2 00\"");
  for (const std::string hex : {"0", "0g", "x", "+1", "000", "-1", " 1"}) {
    EXPECT_EQ(token_failure("0 " + hex + "\n"), ":1: expected \"0 <hex>\", not \"0 " + hex + "\"");
  }
}

TEST(models, an_unknown_model_is_told_with_those_there_are) {
  try {
    load_recognizer("no-such-model");
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("which has moonshine-base, moonshine-tiny"),
              std::string::npos)
        << error.what();
  }
}

TEST(models, without_data_bootstrap_is_recommended) {
  try {
    load_recognizer("tiny", {.data = "/nonexistent"});
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(
        error.what(),
        "no model \"tiny\": neither a directory nor in /nonexistent/models (run script/bootstrap)");
  }
}

// In a process of its own, as the library is opened once.
TEST(models, a_wrong_library_is_named) {
  const auto failure = [](const std::string& library) {
    try {
      load_recognizer("tiny", {.onnxruntime = library});
    } catch (const std::runtime_error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const bool is_named =
            failure("/nonexistent.so")
                .starts_with("cannot load ONNX Runtime (run script/bootstrap): /nonexistent.so") &&
            failure("libm.so.6") == "libm.so.6 is not ONNX Runtime";
        std::_Exit(is_named ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(models, data_directory_follows_the_environment) {
  const auto with = [](const char* data, const char* xdg, const char* home) {
    const auto set = [](const char* name, const char* value) {
      if (value == nullptr) {
        unsetenv(name);
      } else {
        setenv(name, value, 1);
      }
    };
    const char* names[]{"DUPLEX_DATA", "XDG_DATA_HOME", "HOME"};
    std::optional<std::string> saved[3];
    for (int i = 0; i < 3; ++i) {
      if (const char* value = std::getenv(names[i]); value != nullptr) saved[i] = value;
    }
    set("DUPLEX_DATA", data), set("XDG_DATA_HOME", xdg), set("HOME", home);
    const fs::path directory = data_directory();
    for (int i = 0; i < 3; ++i) set(names[i], saved[i] ? saved[i]->c_str() : nullptr);
    return directory;
  };
  EXPECT_EQ(with("/d", "/x", "/h"), "/d");
  EXPECT_EQ(with(nullptr, "/x", "/h"), "/x/duplex");
  EXPECT_EQ(with("", "", "/h"), "/h/.local/share/duplex");
}

TEST(model_set, finds_by_full_and_short_name_and_knows_its_default) {
  const model_set models({std::make_shared<scripted_recognizer>(script{.name = "moonshine-base"}),
                          std::make_shared<scripted_recognizer>(script{.name = "mine"})});
  EXPECT_EQ(models.default_model().name(), "moonshine-base");
  EXPECT_EQ(models.find("base").name(), "moonshine-base");
  EXPECT_EQ(models.find("mine").name(), "mine");
  EXPECT_THROW(models.find("tiny"), speech_error);
  EXPECT_EQ(models.names(), (std::vector<std::string>{"moonshine-base", "mine"}));
}

TEST(model_set, one_name_twice_or_none_is_refused) {
  const auto model = std::make_shared<scripted_recognizer>(script{});
  EXPECT_THROW(model_set({model, model}), std::runtime_error);
  EXPECT_THROW(model_set({}), std::runtime_error);
}

}  // namespace
}  // namespace duplex::speech
