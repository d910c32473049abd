#include "probe/run.hpp"

#include <atomic>
#include <exception>
#include <thread>

#include "escape.hpp"
#include "probe/conversation.hpp"

namespace duplex::probe {
namespace {

// Why a case makes no sense for this target; "" where it does.
std::string reason_to_skip(const probe_case& of, const target& target) {
  if (of.needs_echo && !target.echoes) return "the server does not echo";
  if (of.needs_compression && !target.compresses) return "permessage-deflate was not agreed to";
  if (of.needs_max_size && !target.max_size) return "the server's limit is not known (--max-size)";
  return {};
}

finding try_case(const probe_case& of, const target& target) try {
  if (auto reason = reason_to_skip(of, target); !reason.empty()) {
    return {.verdict = verdict::skipped, .note = std::move(reason)};
  }
  return of.run(target);
} catch (const std::exception& problem) {
  return {
      .verdict = verdict::wrong, .expected = "a connection", .got = cli::escaped(problem.what())};
}

}  // namespace

std::string_view to_string(verdict verdict) {
  switch (verdict) {
    case verdict::ok:
      return "ok";
    case verdict::wrong:
      return "wrong";
    case verdict::differs:
      return "differs";
    case verdict::skipped:
      break;
  }
  return "skipped";
}

std::optional<std::string> discover(target& target) try {
  conversation plain(target, clock::now() + target.timeout);
  target.software = cli::escaped(plain.response().get("Server").value_or(""), 60);
  plain.send(text("duplex probe"));
  // Whatever the opcode: a server that gets that wrong is to be told so.
  const auto said = plain.next();
  target.echoes = said && said->code < close_code && said->payload == "duplex probe";

  conversation offering(target, clock::now() + target.timeout, "permessage-deflate");
  target.compresses = offering.response().contains("Sec-WebSocket-Extensions");
  return std::nullopt;
} catch (const no_conversation& refusal) {
  return refusal.what();
}

std::vector<result> run(std::span<const probe_case> cases, const target& target, unsigned jobs) {
  std::vector<result> results(cases.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < cases.size(); i = next++) {
      const auto start = clock::now();
      results[i] = {&cases[i], try_case(cases[i], target)};
      results[i].took = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - start);
    }
  };
  std::vector<std::jthread> workers;
  for (unsigned i = 1; i < jobs; ++i) workers.emplace_back(work);
  work();
  workers.clear();  // waits for them
  return results;
}

}  // namespace duplex::probe
