// Unix sockets: connecting, and listening at a path where others may have listened.
#include "net/unix.hpp"

#include <cerrno>
#include <chrono>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/error.hpp"

namespace duplex::net {
namespace {

// What others do with a folder locked takes them less than a millisecond.
constexpr auto lock_wait_max = std::chrono::milliseconds(500);

descriptor make_socket(const std::string& doing) {
  descriptor made(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made) throw_system_error(errno, doing);
  return made;
}

// Empty for an abstract name.
std::string file_of(const address& at) {
  const auto path = unix_path_of(at.host).value_or("");
  return path.starts_with('@') ? std::string() : std::string(path);
}

// What the system does not tell where it only says that an address is in use, or refuses.
std::string kind_of(const std::string& file, int flags) {
  struct stat found = {};
  const bool exists = fstatat(AT_FDCWD, file.c_str(), &found, flags) == 0;
  return exists && !S_ISSOCK(found.st_mode) ? ", which is no socket" : "";
}

// Whether a server has left the file: nobody listens at it any more.
bool is_left_behind(const socket_address& at, const std::string& file, const std::string& doing) {
  struct stat found = {};
  if (lstat(file.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return false;
  const descriptor caller = make_socket(doing);
  return connect(caller.number(), at.get(), at.size) != 0 && errno == ECONNREFUSED;
}

// Others wait as long as it is open; none where the system cannot lock the folder, or someone keeps
// it locked: then we do without, rather than wait for whoever that is.
descriptor lock_folder_of(const std::string& file) {
  const auto slash = file.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : file.substr(0, slash + 1);
  descriptor locked(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto late = std::chrono::steady_clock::now() + lock_wait_max;
  while (locked && flock(locked.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK || std::chrono::steady_clock::now() >= late) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return locked;
}

}  // namespace

descriptor connect_unix(const address& to) {
  std::string doing = "cannot connect to " + to_string(to);
  const auto native = to_sockaddr(to);
  descriptor socket = make_socket(doing);
  while (connect(socket.number(), native.get(), native.size) != 0) {
    if (errno == EAGAIN) return {};
    if (errno == EINTR) continue;
    const int problem = errno;
    if (problem == ECONNREFUSED) doing += kind_of(file_of(to), 0);
    throw_system_error(problem, doing);
  }
  return socket;
}

unix_listening::unix_listening(const address& at, int backlog,
                               std::optional<unsigned> permissions)
    : unix_listening() {  // what is thrown from here on leaves no file
  std::string doing = "cannot listen on " + to_string(at);
  auto require = [&doing](int result) {
    if (result != 0) throw_system_error(errno, doing);
  };
  const auto native = to_sockaddr(at);
  std::string file = file_of(at);
  socket_ = make_socket(doing);
  // Of servers that start at once, one must find what the other has made, and find it listening:
  // else both take the same file for left behind, and the later one removes the other's.
  const descriptor lock = file.empty() ? descriptor() : lock_folder_of(file);
  const bool has_mode = permissions && !file.empty();
  // Before the file is there, so that it never lets in more than it should: Linux honours it.
  if (has_mode) fchmod(socket_.number(), *permissions);
  int bound = bind(socket_.number(), native.get(), native.size);
  if (bound != 0 && errno == EADDRINUSE && !file.empty()) {
    if (is_left_behind(native, file, doing)) unlink(file.c_str());
    doing += kind_of(file, AT_SYMLINK_NOFOLLOW);
    bound = bind(socket_.number(), native.get(), native.size);
  }
  require(bound);
  file_ = std::move(file);
  if (!file_.empty()) {
    struct stat own = {};
    require(lstat(file_.c_str(), &own));
    device_ = own.st_dev;
    inode_ = own.st_ino;
  }
  // And again, as the umask has taken from it.
  if (has_mode) require(chmod(file_.c_str(), *permissions));
  require(listen(socket_.number(), backlog));
}

void unix_listening::remove_file() noexcept {
  struct stat found = {};
  if (!file_.empty() && lstat(file_.c_str(), &found) == 0 && found.st_dev == device_ &&
      found.st_ino == inode_) {
    unlink(file_.c_str());
  }
  file_.clear();
}

}  // namespace duplex::net
