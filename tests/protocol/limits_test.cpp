// Limits on frames and fragments: exact, on both sides, however the stream is chopped.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <duplex/protocol/connection.hpp>

#include "support/protocol.hpp"

namespace duplex::protocol {
namespace {

using test::feed;
using test::to_wire;
using test::wire_frame;

class limits : public testing::TestWithParam<side> {
 protected:
  // What comes of these frames with every chop that matters; the last way for the caller to check.
  void expect(connection_settings settings, const std::vector<wire_frame>& frames,
              const std::vector<std::string>& events, std::optional<close_info> sent) {
    const auto stream = to_wire(peer_of(GetParam()), frames);
    for (const std::size_t size : {std::size_t{1}, std::size_t{7}, stream.size()}) {
      connection it(GetParam(), settings, {}, test::zeros());
      const auto outcome = feed(it, test::chopped(stream, size));
      EXPECT_EQ(outcome.events, events) << size;
      EXPECT_EQ(it.close_sent(), sent) << size;
    }
  }
};

INSTANTIATE_TEST_SUITE_P(of, limits, testing::Values(side::server, side::client),
                         [](const auto& each) {
                           return each.param == side::server ? "server" : "client";
                         });

constexpr unsigned continuation = 0, text = 1, ping = 9;

TEST_P(limits, max_frame_size_is_exact) {
  const connection_settings settings{.max_frame_size = 200};
  const std::string fits(200, 'x'), too_long(201, 'x');
  expect(settings, {{.opcode = text, .payload = fits}}, {"text " + fits}, {});
  expect(
      settings,
      {{.opcode = text, .payload = fits, .fin = false}, {.opcode = continuation, .payload = fits}},
      {"text " + fits + fits}, {});
  const close_info refusal{1009, "frame of 201 bytes exceeds limit of 200 bytes"};
  expect(settings, {{.opcode = text, .payload = too_long}}, {"close"}, refusal);
  expect(settings,
         {{.opcode = text, .payload = fits, .fin = false},
          {.opcode = continuation, .payload = too_long}},
         {"close"}, refusal);
}

TEST_P(limits, max_frame_size_leaves_control_frames_alone) {
  expect({.max_frame_size = 1}, {{.opcode = ping, .payload = std::string(125, 'p')}},
         {"ping " + std::string(125, 'p')}, {});
}

TEST_P(limits, max_fragments_is_exact_and_counts_anew_for_each_message) {
  const std::vector<wire_frame> three = {{.opcode = text, .payload = "a", .fin = false},
                                         {.opcode = continuation, .payload = "b", .fin = false},
                                         {.opcode = continuation, .payload = "c"}};
  auto twice = three;
  twice.insert(twice.end(), three.begin(), three.end());
  expect({.max_fragments = 3}, twice, {"text abc", "text abc"}, {});
  expect({.max_fragments = 2}, three, {"close"},
         close_info{1008, "message of 3 fragments exceeds limit of 2 fragments"});
  expect({.max_fragments = 1}, {{.opcode = text, .payload = "whole"}}, {"text whole"}, {});
}

TEST_P(limits, max_fragments_does_not_count_control_frames) {
  expect({.max_fragments = 2},
         {{.opcode = text, .payload = "a", .fin = false},
          {.opcode = ping},
          {.opcode = ping},
          {.opcode = continuation, .payload = "b"}},
         {"ping ", "ping ", "text ab"}, {});
}

}  // namespace
}  // namespace duplex::protocol
