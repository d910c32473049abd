// Sizes beyond a limit, and much of what is small.
#include <algorithm>
#include <limits>
#include <memory>
#include <thread>

#include "probe/exchange.hpp"

namespace duplex::probe {
namespace {

constexpr const char* section = "RFC 6455 10.4";
constexpr std::uint64_t longest = std::numeric_limits<std::int64_t>::max();

// --- sizes

// Lengths no server has room for, told by the header before anything of it comes.
std::vector<exchange> endless_lengths() {
  const std::string waits = "waits for what can never come";
  const std::string some(1000, 'x');
  return {
      {.name = "limits.length-2-63-less-1",
       .section = section,
       .sent = "the header of a binary frame of 2^63 - 1 bytes",
       .bytes = write({.code = binary_code, .length = longest}),
       .end = fails(1009),
       .rest = some,
       .if_silent = waits},
      {.name = "limits.length-2-62",
       .section = section,
       .sent = "the header of a text frame of 2^62 bytes",
       .bytes = write({.code = text_code, .length = std::uint64_t{1} << 62}),
       .end = fails(1009),
       .rest = some,
       .if_silent = waits},
      {.name = "limits.fragment-of-2-63-less-1",
       .section = section,
       .sent = "a fragment of ten bytes, then the header of one of 2^63 - 1 bytes",
       .bytes = binary("0123456789", false) + write({.code = continuation_code, .length = longest}),
       .end = fails(1009),
       .rest = some,
       .if_silent = waits},
  };
}

probe_case near_limit(std::string name, std::string sent,
                      std::function<exchange(std::size_t max_size)> make) {
  return to_case_near_limit(
      {.name = "limits." + std::move(name), .section = section, .sent = std::move(sent)},
      std::move(make));
}

std::vector<probe_case> limits() {
  return {
      near_limit("message-of-max-size", "a message as large as --max-size",
                 [](std::size_t max) {
                   const std::string message(max, 'm');
                   return exchange{.bytes = binary(message), .answers = {says_binary(message)}};
                 }),
      near_limit("fragments-of-max-size", "fragments that make a message as large as --max-size",
                 [](std::size_t max) {
                   const std::string message(max, 'm');
                   return exchange{.bytes = fragmented(text_code, message, max / 3 + 1),
                                   .answers = {says_text(message)}};
                 }),
      near_limit("message-above-max-size", "the header of a frame of one byte more than --max-size",
                 [](std::size_t max) {
                   const std::string whole = binary(std::string(max + 1, 'm'));
                   const std::size_t header_size = whole.size() - max - 1;
                   return exchange{.bytes = whole.substr(0, header_size),
                                   .end = fails(1009),
                                   .rest = whole.substr(header_size)};
                 }),
      near_limit("fragments-above-max-size", "fragments with one byte more than --max-size",
                 [](std::size_t max) {
                   return exchange{
                       .bytes = fragmented(text_code, std::string(max + 1, 'm'), max / 3 + 1),
                       .end = fails(1009)};
                 }),
      near_limit("message-before-limit", "a small message, then one above --max-size",
                 [](std::size_t max) {
                   return exchange{.bytes = text("small") + text(std::string(max + 1, 'm')),
                                   .answers = {says_text("small")},
                                   .end = fails(1009)};
                 }),
  };
}

// --- numbers

std::vector<exchange> floods() {
  constexpr int patience = 4;
  const std::string message = filler(4 * 65536);
  std::vector<exchange> rows{{.name = "abuse.65536-fragments",
                              .section = section,
                              .sent = "a message in 65536 fragments of four bytes",
                              .bytes = fragmented(text_code, message, 4),
                              .answers = {says_text(message)},
                              .patience = patience}};

  exchange empty{.name = "abuse.65536-empty-fragments",
                 .section = section,
                 .sent = "a message of one byte behind 65536 empty fragments",
                 .bytes = text("", false),
                 .answers = {says_text("x")},
                 .patience = patience};
  for (int i = 1; i < 65536; ++i) empty.bytes += continuation("", false);
  empty.bytes += continuation("x");
  rows.push_back(std::move(empty));

  exchange pings{.name = "abuse.10000-pings",
                 .section = "RFC 6455 5.5.3",
                 .sent = "10000 pings at once",
                 .pongs_may_lack = true,
                 .patience = patience};
  exchange inside{.name = "abuse.1000-pings-inside-message",
                  .section = "RFC 6455 5.5.3",
                  .sent = "a message in 1001 fragments and pings between",
                  .bytes = text("a", false),
                  .answers = {says_text("a" + std::string(1000, 'b') + "c")},
                  .pongs_may_lack = true,
                  .patience = patience};
  exchange pongs{.name = "abuse.10000-pongs",
                 .section = "RFC 6455 5.5.3",
                 .sent = "10000 pongs nobody asked for",
                 .patience = patience};
  exchange messages{.name = "abuse.10000-messages",
                    .section = section,
                    .sent = "10000 small messages at once",
                    .patience = patience};
  for (int i = 0; i < 10'000; ++i) {
    const std::string number = std::to_string(i);
    pings.bytes += ping(number);
    pings.answers.push_back(says_pong(number));
    pongs.bytes += pong(number);
    messages.bytes += text(number);
    messages.answers.push_back(says_text(number));
    if (i >= 1'000) continue;
    inside.bytes += ping(number) + continuation("b", false);
    inside.answers.push_back(says_pong(number));
  }
  inside.bytes += continuation("c");
  for (exchange* const each : {&pings, &inside, &pongs, &messages})
    rows.push_back(std::move(*each));
  // Who counts them has a limit that nobody else needs.
  for (exchange& each : rows) each.tolerated = {1008, 1009};
  return rows;
}

// --- time, and other connections

constexpr std::chrono::milliseconds slowness = std::chrono::seconds(2);

finding slowly(const target& target) {
  const auto deadline = clock::now() + 2 * target.timeout;
  peer peer(target, deadline);
  const request_lines request = right_request(target);
  const std::string bytes = request.bytes() + text("slow");
  const auto pause = std::min(target.moment(), slowness) / bytes.size();
  for (const char c : bytes) {
    if (!peer.write({&c, 1}, deadline)) break;
    std::this_thread::sleep_for(pause);
  }
  const answer answer = read_answer(peer, deadline);
  if (answer.status != 101) {
    return {.verdict = verdict::wrong, .expected = "101", .got = describe(answer)};
  }
  conversation on(peer, deadline);
  exchange echo;
  if (target.echoes) echo.answers = {says_text("slow")};
  return play(echo, target, on);
}

probe_case slow_handshake() {
  return {.name = "abuse.slow-handshake",
          .section = section,
          .sent = "a right request and a message, a byte at a time, in two seconds",
          .run = slowly};
}

// What others do does not matter to a good client.
template <class Trouble>
probe_case among_others(std::string name, std::string sent, Trouble trouble) {
  return {.name = "abuse." + std::move(name),
          .section = section,
          .sent = std::move(sent),
          .run = [trouble](const target& target) {
            const auto deadline = clock::now() + 2 * target.timeout;
            const auto others = trouble(target, deadline);
            conversation on(target, deadline);
            return play({.bytes = ping("p"), .answers = {says_pong("p")}}, target, on);
          }};
}

using peers = std::vector<std::unique_ptr<peer>>;

peers hundred_half_requests(const target& target, time_point deadline) {
  const std::string request = right_request(target).bytes();
  peers result;
  for (int i = 0; i < 100; ++i) {
    result.push_back(std::make_unique<peer>(target, deadline));
    result.back()->write(std::string_view(request).substr(0, request.size() / 2), deadline);
  }
  return result;
}

peers hundred_that_leave(const target& target, time_point deadline) {
  for (int i = 0; i < 100; ++i) {
    peer leaving(target, deadline);
    leaving.write(right_request(target).bytes() + text("gone"), deadline);
  }
  return {};
}

}  // namespace

std::vector<probe_case> limit_cases() {
  auto cases = to_cases(endless_lengths());
  for (auto part : {limits(), to_cases(floods())}) {
    std::ranges::move(part, std::back_inserter(cases));
  }
  cases.push_back(slow_handshake());
  cases.push_back(among_others("100-half-handshakes",
                               "a ping, while a hundred connections stay inside their request",
                               hundred_half_requests));
  cases.push_back(among_others("100-that-leave",
                               "a ping, after a hundred connections that sent a message and left",
                               hundred_that_leave));
  return cases;
}

}  // namespace duplex::probe
