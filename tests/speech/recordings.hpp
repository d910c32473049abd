// Real recordings with transcripts, which are not part of the repository, and the sample that
// script/bootstrap installs.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace duplex::speech {

/// One line of the collection's manifest.
struct recording {
  std::filesystem::path file;
  std::string transcript;
  double seconds = 0;
};

/// Where the collection is: `$DUPLEX_TEST_SPEECH`, else `shared/speech` beside the repository; none
/// if it is not there.
std::optional<std::filesystem::path> recordings_directory();

/// The recordings in `language` whose transcripts can be relied on.
std::vector<recording> recordings(const std::filesystem::path& directory,
                                  std::string_view language);

/// A file's bytes. Throws `std::runtime_error` if it cannot be read.
std::string read_bytes(const std::filesystem::path& file);

}  // namespace duplex::speech
