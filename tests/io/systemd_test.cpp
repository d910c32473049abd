#include <duplex/io/systemd.hpp>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace duplex {
namespace {

// What systemd tells, for the time of a test.
class told {
 public:
  told(const std::string& process, const std::string& count) {
    ::setenv("LISTEN_PID", process.c_str(), 1);
    ::setenv("LISTEN_FDS", count.c_str(), 1);
  }
  ~told() {
    ::unsetenv("LISTEN_PID");
    ::unsetenv("LISTEN_FDS");
  }
  told(const told&) = delete;
  told& operator=(const told&) = delete;
};

TEST(systemd_sockets, makes_no_more_of_a_number_than_there_are_descriptors) {
  const told wrong(std::to_string(::getpid()), "1000000");
  try {
    systemd_sockets();
    FAIL() << "it believed it";
  } catch (const std::system_error& problem) {
    EXPECT_EQ(problem.code().value(), EBADF);
    EXPECT_EQ(std::string(problem.what()).find("LISTEN_FDS is '1000000', descriptor "), 0u)
        << problem.what();
  }
}

// In a process of its own, as systemd's descriptors have fixed numbers.
[[noreturn]] void take_two_sockets() {
  ::setenv("LISTEN_FDNAMES", "web:admin", 1);
  const told both(std::to_string(::getpid()), "2");
  const int made = ::socket(AF_INET, SOCK_STREAM, 0);
  for (const int number : {4, 3}) ::dup2(made, number);
  const bool found = systemd_sockets("admin") == std::vector{4};
  const bool closed = ::fcntl(3, F_GETFD) == FD_CLOEXEC && ::fcntl(4, F_GETFD) == FD_CLOEXEC;
  const bool again = systemd_sockets() == std::vector{3, 4};
  ::_exit(found + 2 * closed + 4 * again);
}

TEST(systemd_sockets, are_the_same_in_every_call_and_closed_in_programs_started) {
  EXPECT_EXIT(take_two_sockets(), testing::ExitedWithCode(7), "");
}

TEST(systemd_sockets, refuses_what_is_no_number) {
  for (const std::string text : {"", "one", "-1", "1 ", "99999999999"}) {
    const told wrong(std::to_string(::getpid()), text);
    EXPECT_THROW(systemd_sockets(), std::system_error) << text;
  }
}

TEST(systemd_sockets, are_none_where_they_are_another_s) {
  const told of_init("1", "1");
  EXPECT_TRUE(systemd_sockets().empty());
}

}  // namespace
}  // namespace duplex
