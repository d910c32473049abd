#include "probe/exchange.hpp"

#include <algorithm>
#include <deque>
#include <duplex/close_code.hpp>

#include "probe/deflate.hpp"

namespace duplex::probe {
namespace {

constexpr std::string_view last_words = "still there?";

bool contains(const std::vector<std::uint16_t>& codes, std::uint16_t code) {
  return std::ranges::find(codes, code) != codes.end();
}

std::string joined(const std::vector<said>& all) {
  constexpr std::size_t shown_max = 6;
  if (all.size() > shown_max) {
    const std::vector<said> begin(all.begin(), all.begin() + shown_max - 1);
    return joined(begin) + ", ... " + describe(all.back()) + " (" + std::to_string(all.size()) +
           " in all)";
  }
  std::string text;
  for (const said& each : all) text += (text.empty() ? "" : ", ") + describe(each);
  return text;
}

std::string then(const std::string& before, const std::string& after) {
  return before.empty() ? after : before + ", then " + after;
}

std::string expected_of(const exchange& exchange) {
  const std::string code = std::to_string(exchange.end.code);
  switch (exchange.end.kind) {
    case ending::type::fails:
      return then(joined(exchange.answers), "the connection fails with " + code);
    case ending::type::closes:
      return then(joined(exchange.answers),
                  exchange.end.code == 1005 ? "a close frame" : "close " + code);
    case ending::type::open:
      break;
  }
  return then(joined(exchange.answers), "the connection stays open");
}

// The answers that have not come yet.
class awaited {
 public:
  explicit awaited(const std::vector<said>& answers) {
    for (const said& each : answers) (each.code == pong_code ? pongs_ : messages_).push_back(&each);
  }

  /// Whether it was to be said now. A pong may leave out those before it.
  bool take(const said& said) {
    if (said.code != pong_code) {
      if (messages_.empty() || *messages_.front() != said) return false;
      messages_.pop_front();
      return true;
    }
    const auto found =
        std::ranges::find_if(pongs_, [&](const auto* each) { return *each == said; });
    if (found == pongs_.end()) return false;
    skipped_pongs_ += static_cast<std::size_t>(found - pongs_.begin());
    pongs_.erase(pongs_.begin(), found + 1);
    return true;
  }
  bool empty() const { return messages_.empty() && pongs_.empty(); }
  const said* next_message() const { return messages_.empty() ? nullptr : messages_.front(); }
  std::size_t skipped_pongs() const { return skipped_pongs_; }

 private:
  std::deque<const said*> messages_, pongs_;
  std::size_t skipped_pongs_ = 0;
};

// What came of an exchange.
struct observation {
  std::vector<said> seen = {};  // up to a close frame, or what was not to be said
  awaited missing;              // answers that did not come
  bool strayed = false;         // the last of `seen` was not to be said
  std::optional<said> close = {};
  bool late = false;   // the rest had to be sent
  bool alive = false;  // a message afterwards was echoed
};

// Where a message is not what it should be.
std::string difference(const said& right, const said& wrong) {
  const auto [ours, theirs] = std::ranges::mismatch(right.payload, wrong.payload);
  return ", wrong from byte " + std::to_string(ours - right.payload.begin()) + " of " +
         std::to_string(right.payload.size());
}

std::string got_of(const observation& seen, const conversation& on) {
  std::string text = joined(seen.seen);
  if (on.violation()) return then(text, on.violation()->what);
  if (seen.close) return text;
  if (seen.strayed) {
    const said& last = seen.seen.back();
    const said* const right = seen.missing.next_message();
    return right != nullptr && right->code == last.code ? text + difference(*right, last) : text;
  }
  return then(text, seen.alive ? "the connection stays open" : on.ending());
}

void add_note(finding& to, std::string note) {
  to.verdict = verdict::differs;
  to.note += (to.note.empty() ? "" : "; ") + std::move(note);
}

// Section 7.1.7: an endpoint that fails a connection should send a close frame with an appropriate
// code, and process nothing further.
finding judge_failure(const exchange& exchange, const observation& seen, const conversation& on) {
  finding result;
  if (!seen.close) {
    if (!on.ended() && (exchange.if_silent.empty() || !on.timed_out())) {
      return {.verdict = verdict::wrong};
    }
    add_note(result,
             on.ended() ? "fails without a close frame (RFC 6455 7.1.7)" : exchange.if_silent);
  } else if (const auto code = code_of(*seen.close);
             code != exchange.end.code && !contains(exchange.also_right, code)) {
    if (contains(exchange.tolerated, code)) {
      add_note(result, "takes it");
    } else if (seen.close->payload.empty()) {
      add_note(result, "fails without a code");
    } else if (!is_sendable_close_code(code)) {
      return {.verdict = verdict::wrong};
    } else {
      add_note(result, "fails with " + std::to_string(code));
    }
  }
  if (!seen.missing.empty()) add_note(result, "fails before it answers what came before");
  if (seen.late) add_note(result, "fails only once the rest has come");
  return result;
}

// Section 5.5.1: the close frame is answered, typically with the same code.
finding judge_close(const exchange& exchange, const observation& seen) {
  if (!seen.close || !seen.missing.empty()) return {.verdict = verdict::wrong};
  const auto code = code_of(*seen.close);
  if (code == exchange.end.code || contains(exchange.also_right, code)) return {};
  finding result;
  if (contains(exchange.tolerated, code)) {
    add_note(result, "answers with " + std::to_string(code));
  } else if (seen.close->payload.empty()) {
    add_note(result, "answers without a code");
  } else if (code == 1000 || code == 1001) {
    add_note(result, "answers with a code of its own");
  } else {
    result.verdict = verdict::wrong;
  }
  return result;
}

finding judge_open(const exchange& exchange, const target& target, const observation& seen) {
  if (seen.close && contains(exchange.tolerated, code_of(*seen.close))) {
    return {.verdict = verdict::differs, .note = "has a limit"};
  }
  const bool open = !seen.close && (seen.alive || !target.echoes);
  if (!seen.missing.empty() || !open) return {.verdict = verdict::wrong};
  finding result;
  if (seen.missing.skipped_pongs() != 0 && !exchange.pongs_may_lack) {
    add_note(result, "answers not every ping, which RFC 6455 5.5.3 allows");
  }
  return result;
}

// One more message, to see whether the connection lives.
void try_once_more(conversation& on, observation& result) {
  on.send(text(last_words));
  auto said = on.next();
  result.alive = said == says_text(last_words);
  if (said && !result.alive) {
    if (said->code == close_code) result.close = *said;
    result.strayed = !result.close;
    result.seen.push_back(std::move(*said));
  }
  // The way to leave an open connection; nobody waits for its answer.
  on.send(close(1000));
}

observation observe(const exchange& exchange, const target& target, conversation& on) {
  observation result{.missing = awaited(exchange.answers)};
  const bool open = exchange.end.kind == ending::type::open;
  on.send(exchange.bytes, exchange.chop);
  const auto moment = std::min(on.deadline(), clock::now() + target.moment());
  bool withheld = !exchange.rest.empty();
  while (!open || !result.missing.empty()) {
    auto said = withheld ? on.next(moment) : on.next();
    if (!said && withheld && on.timed_out()) {
      withheld = false;
      result.late = true;
      on.send(exchange.rest);
      continue;
    }
    if (!said) return result;
    if (said->code == close_code) {
      result.close = *said;
    } else {
      result.strayed = !result.missing.take(*said);
    }
    result.seen.push_back(std::move(*said));
    if (result.close || result.strayed) return result;
  }
  if (target.echoes) try_once_more(on, result);
  return result;
}

finding judge(const exchange& exchange, const target& target, const observation& seen,
              const conversation& on) {
  if (on.violation()) return {.verdict = verdict::wrong, .section = on.violation()->section};
  if (seen.strayed) return {.verdict = verdict::wrong};
  switch (exchange.end.kind) {
    case ending::type::fails:
      return judge_failure(exchange, seen, on);
    case ending::type::closes:
      return judge_close(exchange, seen);
    case ending::type::open:
      break;
  }
  return judge_open(exchange, target, seen);
}

}  // namespace

finding play(const exchange& exchange, const target& target, conversation& on) {
  const observation seen = observe(exchange, target, on);
  finding result = judge(exchange, target, seen, on);
  result.expected = expected_of(exchange);
  result.got = got_of(seen, on);
  return result;
}

probe_case to_case(exchange exchange) {
  const bool echoes = std::ranges::any_of(exchange.answers,
                                          [](const said& each) { return each.code < close_code; });
  const bool only_lives = exchange.end.kind == ending::type::open && exchange.answers.empty();
  probe_case result{.name = exchange.name,
                    .section = exchange.section,
                    .sent = exchange.sent,
                    .needs_echo = echoes || only_lives,
                    .needs_compression = !exchange.extensions.empty()};
  result.run = [row = std::move(exchange)](const target& target) {
    conversation on(target, clock::now() + row.patience * target.timeout, row.extensions);
    if (!row.extensions.empty()) on.decode_with(decompressor());
    return play(row, target, on);
  };
  return result;
}

probe_case to_case_near_limit(const exchange& row,
                              std::function<exchange(std::size_t max_size)> make) {
  probe_case result = to_case(row);
  result.needs_echo = result.needs_max_size = true;
  result.run = [row, make = std::move(make)](const target& target) {
    exchange sized = make(*target.max_size);
    sized.extensions = row.extensions;
    sized.patience = 4;
    return to_case(std::move(sized)).run(target);
  };
  return result;
}

std::vector<probe_case> to_cases(std::vector<exchange> exchanges) {
  std::vector<probe_case> result;
  for (exchange& each : exchanges) result.push_back(to_case(std::move(each)));
  return result;
}

}  // namespace duplex::probe
