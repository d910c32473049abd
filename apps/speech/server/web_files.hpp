// The page of apps/speech/web, as a part of the program.
#pragma once

#include <span>
#include <string_view>

namespace duplex::speech {

struct web_file {
  std::string_view path;  ///< Such as "/page.js"; of index.html "/".
  std::string_view type;  ///< Of the content, for Content-Type.
  std::string_view etag;  ///< With its quotes; changes with the content.
  std::string_view content;
};

/// All of them; made by the build from the files of the directory.
std::span<const web_file> web_files();

}  // namespace duplex::speech
