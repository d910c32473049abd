// HTTP bodies and first lines: the same however they are chopped, bounded, and read as they were
// written.
#include <duplex/protocol/http1.hpp>

#include "property.hpp"

using namespace duplex;
using fuzz::require;

namespace {

constexpr std::size_t max_body = 300;

struct message {
  std::string start_line = {};
  duplex::headers headers = {};
  std::optional<std::string> problem = {};
  std::string body = {};
  bool complete = false;

  bool operator==(const message&) const = default;
};

// Reads a response, its body too.
message read(const std::vector<std::string>& pieces) {
  const protocol::http1_limits limits{.max_line = 256, .max_headers = 16, .max_body = max_body};
  protocol::http1_head_reader head(limits);
  std::optional<protocol::http1_body_reader> body;
  message result;
  for (const std::string& piece : pieces) {
    if (body) {
      body->receive_data(as_bytes(piece));
      continue;
    }
    head.receive_data(as_bytes(piece));
    if (head.problem()) break;
    if (!head.complete()) continue;
    const auto line = protocol::parse_status_line(*head.start_line());
    if (!line) break;
    body.emplace(line->status, head.headers(), limits);
    body->receive_data(head.rest());
  }
  if (head.problem()) {
    result.problem = head.problem()->text;
    return result;
  }
  result.start_line = head.start_line().value_or("");
  result.headers = head.headers();
  if (!body) return result;
  require(body->body().size() <= max_body, "a body is bounded");
  result.body = body->body();
  result.complete = body->complete();
  return result;
}

void check_lines(std::string_view line) {
  if (const auto parsed = protocol::parse_request_line(line)) {
    require(std::string(parsed->method) + " " + std::string(parsed->target) + " " +
                    std::string(parsed->version) ==
                line,
            "a request line is its three parts");
  }
  if (const auto parsed = protocol::parse_status_line(line)) {
    require(parsed->status >= 100 && parsed->status <= 599, "a status has three digits");
    require(std::string(parsed->version) + " " + std::to_string(parsed->status) + " " +
                    std::string(parsed->reason) ==
                line,
            "a status line is its three parts");
  }
}

// A body of ours arrives, whatever its bytes are.
void check_body(std::string_view bytes, unsigned seed) {
  const std::string body(bytes.substr(0, max_body));
  response sent{.headers = {{"Content-Length", std::to_string(body.size())}}, .body = body};
  const auto got = read(fuzz::chopped(protocol::write_response(sent), seed));
  require(got.complete && got.body == body, "a body of a known length arrives");

  std::string chunks;
  for (const auto& piece : fuzz::chopped(body, seed)) {
    char size[8];
    std::snprintf(size, sizeof size, "%zx", piece.size());
    chunks.append(size).append("\r\n").append(piece).append("\r\n");
  }
  sent = {.headers = {{"Transfer-Encoding", "chunked"}}, .body = chunks + "0\r\n\r\n"};
  const auto put_together = read(fuzz::chopped(protocol::write_response(sent), seed / 2));
  require(put_together.complete && put_together.body == body, "a body in chunks arrives");
}

}  // namespace

// An input's first byte chooses the chops; the rest is a response.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  const unsigned seed = in.byte();
  const auto bytes = in.rest();
  require(read(fuzz::chopped(bytes, seed)) == read(fuzz::chopped(bytes, 0)),
          "chops change nothing");
  check_lines(bytes.substr(0, bytes.find('\r')));
  check_body(bytes, seed);
  return 0;
}
