#include "speech/line_writer.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace duplex::speech {
namespace {

// Read by nobody, but for what a test reads.
struct pipe_ends {
  pipe_ends() {
    if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  }
  ~pipe_ends() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  std::string read(std::size_t bytes) {
    std::string text(bytes, '\0');
    for (std::size_t at = 0; at < bytes;) {
      const ssize_t got = ::read(ends[0], text.data() + at, bytes - at);
      if (got <= 0) throw std::runtime_error("the pipe ended");
      at += static_cast<std::size_t>(got);
    }
    return text;
  }

  std::array<int, 2> ends{};
};

TEST(line_writer, lines_arrive_in_order) {
  pipe_ends pipe;
  line_writer writer(pipe.ends[1]);
  writer.write("one");
  writer.write("");
  writer.write("three");
  EXPECT_EQ(pipe.read(11), "one\n\nthree\n");
  EXPECT_EQ(writer.dropped(), 0U);
}

TEST(line_writer, its_end_leaves_nothing_unwritten) {
  pipe_ends pipe;
  ASSERT_EQ(::fcntl(pipe.ends[0], F_SETFL, O_NONBLOCK), 0);
  line_writer(pipe.ends[1]).write("last");
  EXPECT_EQ(pipe.read(5), "last\n");
}

TEST(line_writer, a_reader_that_stands_still_costs_lines_and_no_time) {
  pipe_ends pipe;
  const std::string line(999, 'x');
  const std::string full(static_cast<std::size_t>(::fcntl(pipe.ends[0], F_GETPIPE_SZ)), '.');
  ASSERT_EQ(::write(pipe.ends[1], full.data(), full.size()), std::ssize(full));
  line_writer writer(pipe.ends[1], 10'000);
  for (int i = 0; i < 21; ++i) writer.write(line);  // ten may be on their way, ten wait
  EXPECT_GE(writer.dropped(), 1U);
}

TEST(line_writer, a_file_that_does_not_wait_is_waited_for) {
  pipe_ends pipe;
  ASSERT_EQ(::fcntl(pipe.ends[1], F_SETFL, O_NONBLOCK), 0);
  const std::string line(4 * static_cast<std::size_t>(::fcntl(pipe.ends[1], F_GETPIPE_SZ)), 'x');
  line_writer writer(pipe.ends[1]);
  writer.write(line);
  EXPECT_EQ(pipe.read(line.size() + 1), line + "\n");
}

TEST(line_writer, a_file_its_owner_closes_is_written_to_the_end) {
  pipe_ends pipe;
  line_writer writer(pipe.ends[1]);
  ::close(std::exchange(pipe.ends[1], ::open("/dev/null", O_WRONLY | O_CLOEXEC)));
  writer.write("still here");
  EXPECT_EQ(pipe.read(11), "still here\n");
}

TEST(line_writer, a_file_that_is_not_open_is_refused) {
  EXPECT_THROW(line_writer(-1), std::system_error);
}

}  // namespace
}  // namespace duplex::speech
