// duplex transcribe: recordings, or what comes on standard input, as text.
#include <glob.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "command.hpp"
#include "escape.hpp"
#include "speech/audio/pcm_format.hpp"
#include "speech/error.hpp"
#include "speech/model_set.hpp"
#include "speech/models.hpp"
#include "transcribe/batch.hpp"
#include "transcribe/live.hpp"
#include "transcribe/output.hpp"

namespace duplex::cli {
namespace fs = std::filesystem;
namespace {

using transcribe::form;

constexpr const char* about = "Turn recordings, or audio from standard input, into text";

constexpr const char* manual =
    R"(Files are those that libsndfile reads: WAV, FLAC, Ogg, MP3 and others. Standard
input is transcribed while it comes, as raw audio or WAV; Ctrl-C is its end.

Exit status:
  0  all was transcribed
  1  something was not, and standard error says what
  2  the arguments make no sense)";

struct arguments {
  std::vector<std::string> files;
  std::string model = "tiny";
  std::string lang = "auto";
  std::string output = "text";
  bool save = false;
  std::string save_to;
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  std::string format = "auto";
  std::optional<int> rate, channels;
};

void add_options(CLI::App& command, arguments& to) {
  command.add_option("FILE", to.files, "recordings, patterns such as '*.wav', or - alone")
      ->type_name("")
      ->required();
  command.add_option("--model", to.model, "the model, or its directory")
      ->type_name("NAME|DIR")
      ->capture_default_str();
  command
      .add_option("--lang", to.lang,
                  "what is spoken, such as en; a model of another language is refused")
      ->type_name("LANG")
      ->capture_default_str();
  command.add_option("--output", to.output, "the form of transcripts")
      ->type_name("text|json|srt|vtt")
      ->check(CLI::IsMember({"text", "json", "srt", "vtt"}))
      ->capture_default_str();
  command.add_flag("--save", to.save,
                   "write each beside its recording, with another extension; print their names");
  command.add_option("--save-to", to.save_to, "write them to this directory")->type_name("DIR");
  command.add_option("--jobs", to.jobs, "recordings transcribed at a time [one a core]")
      ->type_name("NUMBER")
      ->check(CLI::Range(1U, 256U));
  command.add_option("--format", to.format, "of raw audio; auto: what the file says")
      ->type_name("auto|pcm_s16le|pcm_f32le|pcm_mulaw|pcm_alaw")
      ->check(CLI::IsMember({"auto", "pcm_s16le", "pcm_f32le", "pcm_mulaw", "pcm_alaw"}))
      ->capture_default_str();
  command.add_option("--rate", to.rate, "of raw audio, samples a second [16000]")->type_name("HZ");
  command.add_option("--channels", to.channels, "of raw audio [1]")->type_name("NUMBER");
  command.footer(manual);
}

speech::pcm_format format_of(const arguments& from) try {
  const speech::pcm_format format{speech::parse_pcm_encoding(from.format),
                                  from.rate.value_or(16'000), from.channels.value_or(1)};
  check(format);
  return format;
} catch (const speech::speech_error& error) {
  throw CLI::ValidationError(error.what());
}

// A pattern's files in the order of their names; what matches nothing is taken for a name.
void expand(const std::string& word, std::vector<std::string>& to) {
  if (std::error_code unknown; fs::exists(word, unknown)) return to.push_back(word);
  glob_t found = {};
  if (glob(word.c_str(), GLOB_NOCHECK | GLOB_NOESCAPE, nullptr, &found) == 0) {
    to.insert(to.end(), found.gl_pathv, found.gl_pathv + found.gl_pathc);
  } else {
    to.push_back(word);
  }
  globfree(&found);
}

std::string saved_name(const std::string& recording, const arguments& how, form in) {
  fs::path path = recording;
  if (!how.save_to.empty()) path = fs::path(how.save_to) / path.filename();
  path.replace_extension(extension(in));
  return path.string();
}

// The same for all names of a file.
std::string identity(const std::string& name) {
  std::error_code unknown;
  const auto path = fs::weakly_canonical(fs::absolute(name, unknown), unknown);
  return unknown ? name : path.string();
}

// That a file cannot be written would be seen too late.
void check_writable(const fs::path& file) {
  const auto refuse = [](const fs::path& path) {
    throw CLI::ValidationError("--save", "cannot write to " + printable(path.string()) + ": " +
                                             std::generic_category().message(errno));
  };
  const auto folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  if (access((folder / ".").c_str(), W_OK | X_OK) != 0) refuse(folder);
  if (access((file / ".").c_str(), F_OK) == 0) {
    errno = EISDIR;
    refuse(file);
  }
  if (access(file.c_str(), W_OK) != 0 && errno != ENOENT) refuse(file);
}

// Two transcripts in one file, or one over its recording, would be seen too late.
void check_names(const std::vector<transcribe::recording>& recordings) {
  std::map<std::string, std::string> sources;
  for (const auto& each : recordings) sources.emplace(identity(each.name), each.name);
  for (const auto& each : recordings) {
    const auto [other, is_new] = sources.emplace(identity(each.save_as), each.name);
    if (!is_new) {
      throw CLI::ValidationError("--save", "transcript of " + printable(each.name) +
                                               " would overwrite " + printable(each.save_as) +
                                               ", that of " + printable(other->second));
    }
    check_writable(each.save_as);
  }
}

std::vector<transcribe::recording> recordings_of(const arguments& from, form in) {
  const auto format = format_of(from);
  const bool is_raw = format.encoding != speech::pcm_encoding::automatic;
  if (!is_raw && (from.rate || from.channels)) {
    throw CLI::ValidationError("--rate and --channels are of raw audio: give --format too");
  }
  std::vector<std::string> names;
  for (const auto& word : from.files) expand(word, names);
  std::vector<transcribe::recording> recordings;
  for (const auto& name : names) {
    if (name == "-") throw CLI::ValidationError("-", "standard input is transcribed alone");
    const auto raw = is_raw ? std::optional(format) : std::nullopt;
    recordings.push_back(
        {name, [name, raw](const auto& stop) { return transcribe::open_file(name, raw, stop); }});
    if (from.save) recordings.back().save_as = saved_name(name, from, in);
    std::error_code unknown;
    const auto size = fs::file_size(name, unknown);
    if (!unknown && size > 0) recordings.back().weight = static_cast<double>(size);
  }
  if (from.save) check_names(recordings);
  if (!from.save && recordings.size() > 1 && (in == form::srt || in == form::vtt)) {
    throw CLI::ValidationError("--output", "subtitles of several recordings: give --save too");
  }
  return recordings;
}

using transcription = std::function<bool(const speech::recognizer&)>;

transcription of_files(const arguments& from, form in) {
  return [recordings = recordings_of(from, in), in, jobs = from.jobs](const auto& model) {
    return transcribe::transcribe_all(recordings, model, in, jobs);
  };
}

transcription of_input(const arguments& from, form in) {
  if (from.save) throw CLI::ValidationError("--save", "standard input has no name to save it by");
  if (isatty(STDIN_FILENO) != 0) {
    throw CLI::ValidationError("-", "standard input is a terminal: pipe audio into it");
  }
  return [format = format_of(from), in](const auto& model) {
    return transcribe::transcribe_input(model, format, in);
  };
}

int run(arguments from) {
  from.save = from.save || !from.save_to.empty();
  const auto in = transcribe::form_of(from.output);
  const bool is_input = from.files == std::vector<std::string>{"-"};
  const auto all = is_input ? of_input(from, in) : of_files(from, in);
  try {
    const auto model = speech::load_recognizer(from.model);
    speech::require_language(from.lang, *model);
    return all(*model) ? success : failure;
  } catch (const std::exception& error) {
    transcribe::complain(error.what());
    return failure;
  }
}

}  // namespace

void add_transcribe_command(CLI::App& app, int& status) {
  const auto chosen = std::make_shared<arguments>();
  CLI::App* const command = app.add_subcommand("transcribe", about);
  add_options(*command, *chosen);
  command->callback([chosen, &status] { status = run(*chosen); });
}

}  // namespace duplex::cli
