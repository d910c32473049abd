// Files of a test, gone with it.
#pragma once

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include <stdlib.h>

namespace duplex::test {

/// A directory of its own.
class temporary_directory {
 public:
  temporary_directory() : path_(std::filesystem::temp_directory_path() / "duplex-XXXXXX") {
    if (!::mkdtemp(path_.data())) throw std::system_error(errno, std::system_category());
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace duplex::test
