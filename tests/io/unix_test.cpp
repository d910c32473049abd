#include <duplex/io/unix.hpp>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <duplex/error.hpp>

#include "net/sockaddr.hpp"
#include "net/unix.hpp"
#include "support/loop.hpp"
#include "support/sanitizers.hpp"
#include "support/sockets.hpp"
#include "support/temporary.hpp"

namespace duplex::io {
namespace {

using namespace std::chrono_literals;
using streams = std::vector<std::unique_ptr<stream>>;
namespace fs = std::filesystem;

auto keep_in(streams& to) {
  return [&to](std::unique_ptr<stream> accepted) { to.push_back(std::move(accepted)); };
}

std::string failure(const std::string& path) {
  try {
    listen_unix(path);
    return "listening";
  } catch (const std::system_error& e) {
    return e.what();
  }
}

std::string connect_failure(const std::string& path, limit limit = {}) {
  try {
    test::run(connect_unix(path, limit));
    return "connected";
  } catch (const std::system_error& e) {
    return e.what();
  } catch (const timeout& e) {
    return std::string("timeout: ") + e.what();
  }
}

// A socket file whose server is dead.
void leave_behind(const std::string& path) {
  const auto at = net::to_sockaddr(unix_address(path));
  const test::raw_socket dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(dead.number(), at.get(), at.size), 0);
}

mode_t permissions_of(const std::string& path) {
  struct stat found = {};
  EXPECT_EQ(lstat(path.c_str(), &found), 0);
  return found.st_mode & 0777;
}

class with_umask {
 public:
  explicit with_umask(mode_t mask) : before_(umask(mask)) {}
  ~with_umask() { umask(before_); }

 private:
  mode_t before_;
};

TEST(unix_socket, both_ends_know_the_path) {
  const test::temporary_directory folder;
  const std::string path = folder / "app.sock";
  auto listener = listen_unix(path);
  EXPECT_EQ(to_string(listener->local_address()), "unix:" + path);
  streams accepted;
  listener->start(keep_in(accepted));
  auto client = test::run(connect_unix(path));
  test::run_until([&] { return accepted.size() == 1; });
  EXPECT_EQ(to_string(client->remote_address()), "unix:" + path);
  EXPECT_EQ(to_string(client->local_address()), "unix:");
  EXPECT_EQ(to_string(accepted[0]->local_address()), "unix:" + path);
  EXPECT_EQ(to_string(accepted[0]->remote_address()), "unix:");
  accepted.clear();
  test::run_rounds();
  EXPECT_EQ(to_string(client->remote_address()), "unix:" + path) << "of a peer that has gone";
}

TEST(unix_socket, abstract_name_has_no_file) {
  const std::string name = "duplex-abstract-" + std::to_string(::getpid());
  auto listener = listen_unix('\0' + name);
  EXPECT_EQ(to_string(listener->local_address()), "unix:@" + name);
  EXPECT_FALSE(fs::exists("@" + name));
  streams accepted;
  listener->start(keep_in(accepted));
  auto client = test::run(connect_unix('@' + name));
  test::run_until([&] { return accepted.size() == 1; });
  EXPECT_EQ(failure('@' + name), "cannot listen on unix:@" + name + ": address already in use");
}

TEST(listen_unix, file_is_gone_with_the_listener) {
  const test::temporary_directory folder;
  const std::string path = folder / "app.sock";
  auto listener = listen_unix(path);
  EXPECT_TRUE(fs::is_socket(path));
  listener.reset();
  EXPECT_FALSE(fs::exists(fs::symlink_status(path)));
}

TEST(listen_unix, file_of_another_is_left_at_the_end) {
  const test::temporary_directory folder;
  const std::string path = folder / "app.sock";
  auto first = listen_unix(path);
  fs::remove(path);
  auto second = listen_unix(path);
  first.reset();
  EXPECT_TRUE(fs::is_socket(path));
  EXPECT_EQ(connect_failure(path), "connected");
}

TEST(listen_unix, replaces_what_a_dead_server_left) {
  const test::temporary_directory folder;
  const std::string path = folder / "app.sock";
  leave_behind(path);
  EXPECT_EQ(connect_failure(path), "cannot connect to unix:" + path + ": connection refused");
  auto listener = listen_unix(path);
  EXPECT_EQ(connect_failure(path), "connected");
}

TEST(listen_unix, of_many_that_start_at_once_at_what_was_left_one_listens) {
  const test::temporary_directory folder;
  for (int round = 0; round < 300; ++round) {
    const std::string path = folder / std::to_string(round);
    leave_behind(path);
    std::vector<std::optional<net::unix_listening>> servers(4);
    std::barrier start(4);
    std::vector<std::jthread> threads;
    for (auto& each : servers) {
      threads.emplace_back([&start, &each, &path] {
        start.arrive_and_wait();
        try {
          each.emplace(unix_address(path), 8, std::nullopt);
        } catch (const std::system_error&) {  // another was faster
        }
      });
    }
    threads.clear();
    ASSERT_EQ(std::ranges::count_if(servers, [](const auto& each) { return each.has_value(); }), 1)
        << "in round " << round;
    ASSERT_EQ(connect_failure(path), "connected");
  }
}

// Else its successor may have replaced the file when it removes what it takes for its own.
TEST(listen_unix, ends_without_leaving_its_file_behind_for_a_moment) {
  const test::temporary_directory folder;
  const std::string path = folder / "app.sock";
  for (int round = 0; round < 50; ++round) {
    auto listener = listen_unix(path);
    std::string end;
    std::atomic<int> connections = 0;
    std::jthread caller([&] {
      try {
        for (;; ++connections) net::connect_unix(unix_address(path));
      } catch (const std::system_error& problem) {
        end = problem.what();
      }
    });
    while (connections < 3) std::this_thread::yield();
    listener.reset();
    caller.join();
    ASSERT_EQ(end, "cannot connect to unix:" + path + ": no such file or directory");
  }
}

TEST(listen_unix, waits_for_nobody_who_keeps_the_folder_locked) {
  const test::temporary_directory folder;
  const test::raw_socket locked(::open((folder / "").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(::flock(locked.number(), LOCK_EX), 0);
  const auto listener = listen_unix(folder / "app.sock");
  EXPECT_EQ(connect_failure(folder / "app.sock"), "connected");
}

TEST(listen_unix, refuses_the_path_of_a_living_server_and_leaves_it_alone) {
  const test::temporary_directory folder;
  const std::string path = folder / "app.sock";
  auto living = listen_unix(path);
  EXPECT_EQ(failure(path), "cannot listen on unix:" + path + ": address already in use");
  EXPECT_TRUE(fs::is_socket(path));
}

TEST(listen_unix, server_whose_queue_is_full_is_alive) {
  const test::temporary_directory folder;
  const std::string path = folder / "app.sock";
  auto living = listen_unix(path, 1);
  std::vector<test::raw_socket> waiting;
  for (int i = 0; i < 2; ++i) {
    waiting.push_back(test::raw_socket::connected(unix_address(path), false));
  }
  EXPECT_EQ(failure(path), "cannot listen on unix:" + path + ": address already in use");
  EXPECT_TRUE(fs::is_socket(path));
}

TEST(listen_unix, refuses_a_path_that_is_no_socket_and_leaves_it_alone) {
  const test::temporary_directory folder;
  const std::string path = folder / "notes.txt", link = folder / "link";
  std::ofstream(path) << "precious";
  leave_behind(folder / "dead.sock");
  fs::create_symlink(folder / "dead.sock", link);
  for (const auto& each : {path, link}) {
    EXPECT_EQ(failure(each),
              "cannot listen on unix:" + each + ", which is no socket: address already in use");
    EXPECT_TRUE(fs::exists(fs::symlink_status(each)));
  }
  EXPECT_EQ(failure(folder / "no/such/folder"),
            "cannot listen on unix:" + folder / "no/such/folder: no such file or directory");
  const std::string longer = folder / std::string(108, 'x');
  EXPECT_EQ(failure(longer), "'unix:" + longer + "': file name too long");
}

TEST(listen_unix, permissions_are_those_asked_for_whatever_the_umask) {
  const test::temporary_directory folder;
  const with_umask mask(0027);
  auto plain = listen_unix(folder / "plain");
  EXPECT_EQ(permissions_of(folder / "plain"), 0750u);
  auto open = listen_unix(folder / "open", 511, 0666);
  EXPECT_EQ(permissions_of(folder / "open"), 0666u);
  auto closed = listen_unix(folder / "closed", 511, 0600);
  EXPECT_EQ(permissions_of(folder / "closed"), 0600u);
}

TEST(connect_unix, waits_where_the_queue_of_the_server_is_full) {
  const test::temporary_directory folder;
  const std::string path = folder / "app.sock";
  auto listener = listen_unix(path, 1);
  std::vector<test::raw_socket> queue;
  for (int i = 0; i < 2; ++i) {
    queue.push_back(test::raw_socket::connected(unix_address(path), false));
  }
  EXPECT_EQ(connect_failure(path, 30ms), "timeout: connecting to unix:" + path + " timed out");
  streams accepted;
  std::unique_ptr<stream> client;
  scope tasks;
  tasks.spawn([](std::string to, std::unique_ptr<stream>& result) -> task<> {
    auto connected = co_await connect_unix(std::move(to));
    result = std::move(connected);
  }(path, client));
  test::run_rounds();
  EXPECT_EQ(client, nullptr);
  listener->start(keep_in(accepted));
  test::run_until([&] { return client && accepted.size() == 3; });
}

TEST(connect_unix, failures_name_the_path) {
  const test::temporary_directory folder;
  EXPECT_EQ(connect_failure(folder / "nobody"),
            "cannot connect to unix:" + folder / "nobody: no such file or directory");
  std::ofstream(folder / "notes") << "no socket";
  EXPECT_EQ(connect_failure(folder / "notes"),
            "cannot connect to unix:" + folder / "notes, which is no socket: connection refused");
  EXPECT_EQ(connect_failure(""), "'unix:' has no path: invalid argument");
}

TEST(unix_listener, out_of_descriptors_pauses_and_loses_nobody) {
  if (test::checks_virtual_calls)
    GTEST_SKIP() << "the sanitizer's check of virtual calls needs descriptors itself";
  const test::temporary_directory folder;
  const std::string path = folder / "app.sock";
  auto listener = listen_unix(path);
  std::vector<test::raw_socket> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(test::raw_socket::connected(unix_address(path)));
  }
  streams accepted;
  {
    const test::descriptor_shortage shortage(2);
    listener->start(keep_in(accepted));
    test::run_until([&] { return accepted.size() == 2; });
    test::run_rounds();
    EXPECT_EQ(accepted.size(), 2u);
  }
  test::run_until([&] { return accepted.size() == 6; });
}

}  // namespace
}  // namespace duplex::io
