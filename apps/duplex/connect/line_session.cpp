// The conversation of pipes and scripts: one thread receives and prints, this one sends and waits.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <duplex/error.hpp>
#include <stdexcept>
#include <system_error>

#include "command.hpp"
#include "connect/receiver.hpp"
#include "connect/session.hpp"
#include "connect/wakeup.hpp"
#include "escape.hpp"

namespace duplex::cli {
namespace {

using clock = std::chrono::steady_clock;

class line_conversation {
 public:
  line_conversation(const session& with, const line_plan& plan)
      : with_(with),
        plan_(plan),
        signals_(woken_),
        receiving_(with.ws, woken_, [this](const message& received) { take(received); }) {}

  int run() {
    try {
      if (plan_.messages) {
        for (const auto& each : *plan_.messages) send(each);
      } else {
        send_input();
      }
      wait_for_replies();
    } catch (const connection_closed&) {  // told below, where it was no good end
    }
    with_.ws.close();
    return conclude(receiving_.join());
  }

 private:
  bool over() const {
    return receiving_.ended() || signals_.interrupted() || output_lost_ || timed_out_;
  }
  std::size_t expected() const { return plan_.expected.value_or(sent_); }
  // None is shown that was not asked for: scripts want to know how many lines they get.
  bool satisfied() const { return plan_.expected && shown_ >= *plan_.expected; }

  void send(const std::string& line) {
    const message typed = typed_message(line, with_.how.binary);
    with_.record.write(direction::sent, typed);
    with_.ws.send(typed);
    ++sent_;
  }

  // One line that cannot be sent does not end the conversation, and is a failure in the end.
  void send_line(const std::string& line) try {
    send(line);
  } catch (const std::invalid_argument& problem) {
    std::fprintf(stderr, "duplex: not sent: %s\n", printable(problem.what()).c_str());
    unsendable_ = true;
  }

  // The receiver's thread.
  void take(const message& received) {
    if (satisfied() || output_lost_) return;
    with_.record.write(direction::received, received);
    const auto text = show(received, with_.how);
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
        std::fflush(stdout) != 0) {
      if (errno != EPIPE) throw system_error({errno, std::generic_category()}, "cannot write");
      output_lost_ = true;
    }
    ++shown_;
  }

  // Until something happens: a message, a signal, input, or the end of whoever reads the output.
  bool input_ready(bool wanted, int patience_ms) {
    pollfd ready[] = {
        {woken_.descriptor(), POLLIN, 0}, {STDOUT_FILENO, 0, 0}, {STDIN_FILENO, POLLIN, 0}};
    if (poll(ready, wanted ? 3 : 2, patience_ms) < 0) return false;
    woken_.clear();
    if ((ready[1].revents & POLLERR) != 0) output_lost_ = true;
    return ready[2].revents != 0;
  }

  void send_input() {
    std::string unsent;
    while (!over()) {
      if (!input_ready(true, -1)) continue;
      char bytes[65536];
      const auto count = read(STDIN_FILENO, bytes, sizeof(bytes));
      if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (count < 0) throw system_error({errno, std::generic_category()}, "cannot read input");
      if (count == 0) break;
      const auto searched = unsent.size();  // a long line is looked through once
      unsent.append(bytes, static_cast<std::size_t>(count));
      std::size_t begin = 0;
      for (auto end = unsent.find('\n', searched); end != std::string::npos;
           end = unsent.find('\n', begin)) {
        send_line(unsent.substr(begin, end - begin));
        begin = end + 1;
      }
      unsent.erase(0, begin);
    }
    if (!over() && !unsent.empty()) send_line(unsent);
  }

  void wait_for_replies() {
    auto seen = shown_.load();
    auto heard_at = clock::now();
    while (!over() && shown_ < expected()) {
      int patience_ms = -1;
      if (plan_.patience) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(heard_at + *plan_.patience - clock::now());
        timed_out_ = left.count() <= 0;
        patience_ms = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
      }
      if (!timed_out_) input_ready(false, patience_ms);
      if (seen != shown_) heard_at = clock::now();
      seen = shown_;
    }
  }

  int conclude(const ending& end) const {
    const auto counts = std::to_string(shown_) + " of " + std::to_string(expected());
    if (output_lost_) return success;  // whoever read it had enough
    if (timed_out_) {
      std::fprintf(stderr, "duplex: timed out after %s replies\n", counts.c_str());
      return failure;
    }
    const bool enough = shown_ >= expected() || expected() == all_messages;
    if (!end.ok || (plan_.expected && !enough)) {
      std::fprintf(stderr, "duplex: connection closed: %s%s\n", end.told.c_str(),
                   enough ? "" : (", after " + counts + " replies").c_str());
      return failure;
    }
    return unsendable_ ? failure : success;
  }

  const session& with_;
  const line_plan& plan_;
  const wakeup woken_;
  signal_watch signals_;
  std::size_t sent_ = 0;
  bool timed_out_ = false;
  bool unsendable_ = false;
  std::atomic<std::size_t> shown_ = 0;
  std::atomic<bool> output_lost_ = false;
  receiver receiving_;  // last: its thread uses the others
};

}  // namespace

int converse_in_lines(const session& with, const line_plan& plan) {
  return line_conversation(with, plan).run();
}

}  // namespace duplex::cli
