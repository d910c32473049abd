#include <duplex/protocol/http1.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/protocol.hpp"

namespace duplex::protocol {
namespace {

struct head {
  std::optional<std::string> start_line = {};
  headers fields = {};
  std::string rest = {};
  std::string problem = {};

  bool operator==(const head&) const = default;
};

head read(const std::vector<std::string>& pieces, http1_limits limits = {}) {
  http1_head_reader reader(limits);
  for (const auto& piece : pieces) {
    const std::vector<char> own(piece.begin(), piece.end());
    reader.receive_data(as_bytes({own.data(), own.size()}));
  }
  if (reader.problem()) return {.problem = reader.problem()->text};
  if (!reader.complete()) return {.problem = "incomplete"};
  return {reader.start_line(), reader.headers(), test::text_of(reader.rest()), ""};
}

void expect_head_at_every_chop(const std::string& bytes, const head& expected) {
  test::for_every_chop(bytes, [&](const std::vector<std::string>& pieces) {
    ASSERT_EQ(read(pieces), expected)
        << testing::PrintToString(bytes) << ", first of " << pieces.front().size();
  });
}

TEST(http1_head, is_read_at_every_chop_and_what_follows_is_kept) {
  const std::string bytes =
      "GET /chat HTTP/1.1\r\nHost: x\r\nEmpty:\r\nBlank: \t \r\nOws:\t a b\t \r\n"
      "Latin: caf\xE9\r\nColons: a:b::c\r\nhost: y\r\n\r\n";
  head expected{"GET /chat HTTP/1.1",
                {{"Host", "x"},
                 {"Empty", ""},
                 {"Blank", ""},
                 {"Ows", "a b"},
                 {"Latin", "caf\xE9"},
                 {"Colons", "a:b::c"},
                 {"host", "y"}}};
  expect_head_at_every_chop(bytes, expected);
  expected.rest = "\r\n\r\nrest\n";
  expect_head_at_every_chop(bytes + "\r\n\r\nrest\n", expected);
  for (std::size_t prefix = 0; prefix < bytes.size(); ++prefix) {
    EXPECT_EQ(read({bytes.substr(0, prefix)}).problem, "incomplete") << prefix;
  }
}

TEST(http1_head, with_a_wrong_line_is_refused_at_every_chop) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"GET / HTTP/1.1\nHost: x\r\n\r\n", "line without CRLF: 'GET / HTTP/1.1'"},
      {"GET / HTTP/1.1\r\nHost: x\nY: z\r\n\r\n", "line without CRLF: 'Host: x'"},
      {"GET / HTTP/1.1\r\nHost: x\r\n\n", "line without CRLF: ''"},
      {"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", "control character in the value of header Host"},
      {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", "control character in the value of header Host"},
      {std::string("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 29),
       "control character in the value of header Host"},
      {"GET / HTTP/1.1\r\nHost: a\x7F\r\n\r\n", "control character in the value of header Host"},
      {"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "folded header line: ' c'"},
      {"GET / HTTP/1.1\r\n A: b\r\n\r\n", "folded header line: ' A: b'"},
      {"GET / HTTP/1.1\r\nA: b\r\n\tc: d\r\n\r\n", "folded header line: '?c: d'"},
      {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", "invalid header line: 'Host : x'"},
      {"GET / HTTP/1.1\r\n: x\r\n\r\n", "invalid header line: ': x'"},
      {"GET / HTTP/1.1\r\nHost\r\n\r\n", "invalid header line: 'Host'"},
      {"GET / HTTP/1.1\r\nH\xC3\xA9: x\r\n\r\n", "invalid header line: 'H??: x'"},
      {"GET / HTTP/1.1\r\nA(b): x\r\n\r\n", "invalid header line: 'A(b): x'"},
      {"GET / HTTP/1.1\r\n\x1B[2J\r\n\r\n", "invalid header line: '?[2J'"},
  };
  for (const auto& [bytes, problem] : table) {
    expect_head_at_every_chop(bytes, {.problem = problem});
  }
}

http1_problem::type kind_of(const std::string& bytes) {
  http1_head_reader reader;
  reader.receive_data(as_bytes(bytes));
  EXPECT_TRUE(reader.problem()) << bytes.size();
  return reader.problem().value_or(http1_problem{}).kind;
}

TEST(http1_head, is_limited_exactly) {
  const auto line_of = [](const std::string& start, std::size_t size) {
    return start + std::string(size - start.size() - 2, 'x') + "\r\n";
  };
  const std::string first = "GET / HTTP/1.1\r\n";
  EXPECT_EQ(read({line_of("GET /", 8192) + "\r\n"}).problem, "");
  EXPECT_EQ(read({line_of("GET /", 8193) + "\r\n"}).problem,
            "the first line is longer than 8192 bytes");
  EXPECT_EQ(kind_of(line_of("GET /", 8193)), http1_problem::type::start_line_too_long);
  EXPECT_EQ(read({first + line_of("A: ", 8192) + "\r\n"}).problem, "");
  EXPECT_EQ(read({first + line_of("A: ", 8193) + "\r\n"}).problem,
            "a header is longer than 8192 bytes");
  EXPECT_EQ(kind_of(first + line_of("A: ", 8193)), http1_problem::type::header_line_too_long);
  std::string many = first;
  for (int i = 0; i < 128; ++i) many += "A: b\r\n";
  EXPECT_EQ(read({many + "\r\n"}).problem, "");
  EXPECT_EQ(read({many + "A: b\r\n\r\n"}).problem, "more than 128 headers");
  EXPECT_EQ(kind_of(many + "A: b\r\n"), http1_problem::type::too_many_headers);
}

TEST(http1_head, without_an_end_is_refused_before_it_comes) {
  EXPECT_EQ(read({std::string(8191, 'x')}).problem, "incomplete");
  EXPECT_EQ(read({std::string(8192, 'x')}).problem, "the first line is longer than 8192 bytes");
  EXPECT_EQ(read(test::chopped(std::string(8192, 'x'), 1)).problem,
            "the first line is longer than 8192 bytes");
}

TEST(request_line, has_three_parts) {
  const auto line = parse_request_line("GET /chat?x=1 HTTP/1.1");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->method, "GET");
  EXPECT_EQ(line->target, "/chat?x=1");
  EXPECT_EQ(line->version, "HTTP/1.1");
  for (const std::string wrong :
       {"", "GET", "GET /", "GET  HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1",
        "GET  / HTTP/1.1", "GET /a b HTTP/1.1", "GET / http/1.1", "GET / HTTP/11",
        "GET / HTTP/1.1x", "GET /\x01 HTTP/1.1", "GET /\xC3\xA9 HTTP/1.1", "G@T / HTTP/1.1",
        "GET\t/ HTTP/1.1"}) {
    EXPECT_FALSE(parse_request_line(wrong)) << wrong;
  }
}

TEST(status_line, has_three_parts) {
  const auto line = parse_status_line("HTTP/1.1 101 Switching Protocols");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->version, "HTTP/1.1");
  EXPECT_EQ(line->status, 101);
  EXPECT_EQ(line->reason, "Switching Protocols");
  EXPECT_EQ(parse_status_line("HTTP/1.0 404 ")->reason, "");
  for (const std::string wrong :
       {"", "HTTP/1.1 101", "HTTP/1.1 1O1 x", "HTTP/1.1 099 x", "HTTP/1.1 600 x", "HTTP/1.1 10 x",
        "HTTP/1.1 1011 x", "HTTP/1 101 xxxxx", "HTTP/1.1  101 x", "HTTP/1.1 101 \x01",
        "http/1.1 101 x", "HTTP/1.1 -10 x", "HTTP/1.1 +10 x"}) {
    EXPECT_FALSE(parse_status_line(wrong)) << wrong;
  }
}

std::string body_of(const headers& fields, const std::string& bytes, bool expect_complete = true,
                    http1_limits limits = {}, bool with_eof = false) {
  std::string first;
  test::for_every_chop(bytes, [&](const std::vector<std::string>& pieces) {
    http1_body_reader reader(404, fields, limits);
    for (const auto& piece : pieces) reader.receive_data(as_bytes(piece));
    if (with_eof) reader.receive_eof();
    EXPECT_EQ(reader.complete(), expect_complete);
    if (pieces.size() == 1) first = reader.body();
    ASSERT_EQ(reader.body(), first) << pieces.size();
  });
  return first;
}

TEST(http1_body, has_the_length_announced) {
  EXPECT_EQ(body_of({{"Content-Length", "5"}}, "hello, more"), "hello");
  EXPECT_EQ(body_of({{"Content-Length", "5"}}, "hel", false), "hel");
  EXPECT_EQ(body_of({{"Content-Length", "5"}}, "hel", true, {}, true), "hel");
  EXPECT_TRUE(http1_body_reader(404, {{"Content-Length", "0"}}).complete());
  EXPECT_TRUE(http1_body_reader(204, {}).complete());
  EXPECT_TRUE(http1_body_reader(304, {}).complete());
}

TEST(http1_body, without_length_goes_to_the_end) {
  EXPECT_EQ(body_of({}, "hello", false), "hello");
  EXPECT_EQ(body_of({}, "hello", true, {}, true), "hello");
}

TEST(http1_body, of_a_length_that_is_none_is_void) {
  const auto problem = [](const headers& fields) {
    const http1_body_reader reader(404, fields);
    EXPECT_EQ(reader.complete(), reader.problem().has_value());
    return reader.problem().value_or("none");
  };
  EXPECT_EQ(problem({{"Content-Length", "5"}, {"Content-Length", "5, 5"}}), "none");
  EXPECT_EQ(problem({{"Content-Length", "x"}}), "invalid Content-Length header: 'x'");
  EXPECT_EQ(problem({{"Content-Length", "5 5"}}), "invalid Content-Length header: '5 5'");
  EXPECT_EQ(problem({{"Content-Length", "5, 6"}}), "invalid Content-Length header: '6'");
  EXPECT_EQ(problem({{"Content-Length", ","}}), "empty Content-Length header");
  EXPECT_EQ(problem({{"Content-Length", "x"}, {"Transfer-Encoding", "chunked"}}), "none");
}

TEST(http1_body, is_put_together_from_chunks) {
  const headers chunked{{"Transfer-Encoding", "gzip, Chunked"}};
  EXPECT_EQ(body_of(chunked, "5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\n\r\n"), "hello, world");
  EXPECT_EQ(body_of(chunked, "A\r\n0123456789\r\n00\r\n"), "0123456789");
  EXPECT_EQ(body_of(chunked, "5\r\nhel", false), "hel");
  EXPECT_EQ(body_of(chunked, "5\r\nhello\r\nnonsense\r\n"), "hello");
  EXPECT_EQ(body_of(chunked, "5 ;x\r\nhello\r\n5x\r\nhello\r\n"), "hello");
  EXPECT_EQ(body_of(chunked, "5\r\nhello\r\n5\nhello\r\n"), "hello");
}

TEST(http1_body, is_cut_at_its_limit) {
  const http1_limits limits{.max_body = 4};
  EXPECT_EQ(body_of({{"Content-Length", "5"}}, "hello", true, limits), "hell");
  EXPECT_EQ(body_of({{"Content-Length", "4"}}, "hell", true, limits), "hell");
  EXPECT_EQ(body_of({}, "hello", true, limits), "hell");
  EXPECT_EQ(body_of({{"Transfer-Encoding", "chunked"}}, "3\r\nhel\r\n2\r\nlo\r\n", true, limits),
            "hell");
  EXPECT_EQ(body_of({{"Transfer-Encoding", "chunked"}}, "ffffffffffffffff\r\nhello", true, limits),
            "hell");
}

TEST(http1, writes_no_first_line_that_something_breaks) {
  const std::string nul("a\0b", 3);
  for (const std::string& wrong : {std::string("a\r\nb"), std::string("a\nb"), nul}) {
    EXPECT_THROW(write_request({.method = wrong}), std::invalid_argument);
    EXPECT_THROW(write_request({.target = "/" + wrong}), std::invalid_argument);
    EXPECT_THROW(write_response({.reason = wrong}), std::invalid_argument);
  }
  EXPECT_THROW(write_request({.method = ""}), std::invalid_argument);
  EXPECT_THROW(write_request({.target = "/a b"}), std::invalid_argument);
  EXPECT_THROW(write_response({.status = 99}), std::invalid_argument);
  EXPECT_THROW(write_response({.status = 600}), std::invalid_argument);
}

TEST(http1, reads_every_later_1_x_alike) {
  for (const char* version : {"HTTP/1.1", "HTTP/1.2", "HTTP/1.9"})
    EXPECT_TRUE(is_http_1_1(version));
  for (const char* version : {"HTTP/1.0", "HTTP/2.1", "HTTP/0.9", "HTTP/1", ""}) {
    EXPECT_FALSE(is_http_1_1(version)) << version;
  }
}

TEST(http1, writes_heads) {
  EXPECT_EQ(write_request({"GET", "/x", {{"Host", "h"}, {"A", "b"}}}),
            "GET /x HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n");
  EXPECT_EQ(write_response({404, "Not Found", {{"A", "b"}}, "body"}),
            "HTTP/1.1 404 Not Found\r\nA: b\r\n\r\nbody");
  EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(reason_phrase(299), "");
}

}  // namespace
}  // namespace duplex::protocol
