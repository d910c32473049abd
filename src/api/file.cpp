// Reading files by the calls of POSIX.
#include "api/file.hpp"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace duplex::detail {

std::shared_ptr<const file> file::open(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) return nullptr;
  const std::shared_ptr<file> opened(new file(descriptor));
  struct stat status = {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return nullptr;
  opened->size_ = static_cast<std::uint64_t>(status.st_size);
  const auto since_epoch = std::chrono::seconds(status.st_mtim.tv_sec) +
                           std::chrono::nanoseconds(status.st_mtim.tv_nsec);
  opened->modified_ += std::chrono::duration_cast<std::chrono::system_clock::duration>(since_epoch);
  return opened;
}

file::~file() { ::close(descriptor_); }

std::string file::read(std::uint64_t at, std::size_t count) const {
  std::string bytes(count, '\0');
  ssize_t got = 0;
  do {
    got = ::pread(descriptor_, bytes.data(), count, static_cast<off_t>(at));
  } while (got < 0 && errno == EINTR);
  if (got < 0) throw std::system_error(errno, std::system_category(), "cannot read a file");
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

}  // namespace duplex::detail
