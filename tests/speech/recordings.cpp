#include "recordings.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace duplex::speech {
namespace {

enum column { file, seconds, rate, channels, language, transcript, source, licence, note, columns };

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, '\t');) fields.push_back(field);
  return fields;
}

}  // namespace

std::optional<std::filesystem::path> recordings_directory() {
  const char* set = std::getenv("DUPLEX_TEST_SPEECH");
  const std::filesystem::path directory =
      set != nullptr ? set : DUPLEX_SOURCE_DIR "/../shared/speech";
  if (!std::filesystem::exists(directory / "manifest.tsv")) return std::nullopt;
  return directory;
}

std::vector<recording> recordings(const std::filesystem::path& directory, std::string_view wanted) {
  std::vector<recording> result;
  std::ifstream in(directory / "manifest.tsv");
  std::string line;
  std::getline(in, line);  // the heading
  while (std::getline(in, line)) {
    const auto fields = fields_of(line);
    if (fields.size() < columns || fields[language] != wanted) continue;
    if (fields[note].find("truncated") != std::string::npos) continue;
    result.push_back({directory / fields[file], fields[transcript], std::stod(fields[seconds])});
  }
  return result;
}

std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace duplex::speech
