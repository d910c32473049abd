// Turns, shares and ends of scheduled work, without any model.
#include "speech/scheduler.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <stdexcept>
#include <string>

#include "speech/error.hpp"
#include "speech/recognizers/scripted.hpp"
#include "support/event.hpp"

namespace duplex::speech {
namespace {

using namespace std::chrono_literals;

// What was done, in order, by everyone who shares it.
class journal {
 public:
  void write(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }
  std::vector<std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(20), [&] { return lines_.size() >= count; }))
      throw std::runtime_error("only " + std::to_string(lines_.size()) + " steps");
    return lines_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

// Does steps of given urgencies, one after the other, and writes each down.
class chores : public schedulable {
 public:
  chores(journal& to, std::string name, std::vector<urgency> steps)
      : to_(to), name_(std::move(name)), left_(std::move(steps)) {}
  ~chores() override {
    if (gone) gone->set();
  }

  void add(urgency step) {
    const std::lock_guard lock(mutex_);
    left_.push_back(step);
  }
  void add_first(urgency step) {
    const std::lock_guard lock(mutex_);
    left_.insert(left_.begin(), step);
  }
  std::optional<urgency> wants() const noexcept override {
    const std::lock_guard lock(mutex_);
    if (left_.empty()) return std::nullopt;
    return left_.front();
  }
  void step(const std::stop_token& stop) noexcept override {
    if (running_.exchange(true)) to_.write(name_ + " runs twice at once");
    urgency what;
    {
      const std::lock_guard lock(mutex_);
      what = left_.front();
      left_.erase(left_.begin());
    }
    if (gate* const passed = what == urgency::final && stall_of_finals ? stall_of_finals : stall) {
      try {
        passed->pass(stop);
      } catch (const speech_error&) {
        to_.write(name_ + " stopped");
      }
    }
    running_ = false;
    to_.write(name_ + " " + to_string(what));
  }

  gate* stall = nullptr;  // that every step passes
  gate* stall_of_finals = nullptr;
  test::event* gone = nullptr;

 private:
  journal& to_;
  std::string name_;
  mutable std::mutex mutex_;
  std::vector<urgency> left_;
  std::atomic<bool> running_ = false;
};

std::shared_ptr<chores> work(journal& to, std::string name, std::vector<urgency> steps) {
  return std::make_shared<chores>(to, std::move(name), std::move(steps));
}

// Keeps the only thread busy until everything has been queued.
class busy_thread {
 public:
  busy_thread(scheduler& of, journal& to) {
    auto first = work(to, "first", {urgency::listen});
    first->stall = &gate_;
    of.wake(first);
    gate_.wait_for_arrivals(1);
  }
  void release() { gate_.open(); }

 private:
  gate gate_;
};

using lines = std::vector<std::string>;

// A scheduler of one thread, whose clock is set by hand.
struct timed {
  scheduler::clock::time_point now() const { return scheduler::clock::time_point(time.load()); }
  void pass(std::chrono::milliseconds more) { time = time.load() + more; }

  journal done;
  std::atomic<scheduler::clock::duration> time{std::chrono::hours(1)};
  scheduler one_thread{1, {}, [this] { return now(); }};
};

TEST(scheduler, what_is_urgent_comes_first) {
  journal done;
  scheduler one_thread(1);
  busy_thread busy(one_thread, done);
  one_thread.wake(work(done, "a", {urgency::partial}));
  one_thread.wake(work(done, "b", {urgency::final, urgency::listen}));
  one_thread.wake(work(done, "c", {urgency::listen}));
  busy.release();
  EXPECT_EQ(done.wait_for(5),
            (lines{"first listen", "c listen", "b final", "b listen", "a partial"}));
}

TEST(scheduler, whose_time_is_up_first_comes_first) {
  timed all;
  busy_thread busy(all.one_thread, all.done);
  all.one_thread.wake(work(all.done, "late", {urgency::final}));  // by 200
  all.pass(179ms);
  all.one_thread.wake(work(all.done, "a", {urgency::listen}));  // by 199
  all.pass(2ms);
  all.one_thread.wake(work(all.done, "b", {urgency::listen}));  // by 201
  all.pass(1h);
  busy.release();
  EXPECT_EQ(all.done.wait_for(4), (lines{"first listen", "a listen", "late final", "b listen"}));
}

// Wants to listen again and again, for 10 ms each time.
class listener : public schedulable {
 public:
  listener(timed& all, std::atomic<int>& steps, int most) : all_(all), steps_(steps), most_(most) {}
  std::optional<urgency> wants() const noexcept override {
    return steps_ < most_ ? std::optional(urgency::listen) : std::nullopt;
  }
  void step(const std::stop_token&) noexcept override {
    all_.pass(10ms);
    if (++steps_ == most_) all_.done.write("listened");
  }

 private:
  timed& all_;
  std::atomic<int>& steps_;
  int most_;
};

TEST(scheduler, listening_to_too_many_does_not_starve_finals_and_files) {
  std::atomic<int> steps = 0;  // which the thread reads until its end
  timed all;
  busy_thread busy(all.one_thread, all.done);
  for (int i = 0; i < 100; ++i) {
    all.one_thread.wake(std::make_shared<listener>(all, steps, 1000));
  }
  all.one_thread.wake(work(all.done, "a", {urgency::final}));
  all.one_thread.wake(work(all.done, "b", {urgency::batch}));
  all.one_thread.wake(work(all.done, "c", {urgency::partial}));
  busy.release();
  EXPECT_EQ(all.done.wait_for(5),
            (lines{"first listen", "a final", "b batch", "c partial", "listened"}));
}

TEST(scheduler, a_crowd_of_files_is_due_every_two_seconds_where_others_want_all) {
  std::atomic<int> steps = 0;  // which the thread reads until its end
  timed all;
  const int most = 1000;  // ten seconds
  busy_thread busy(all.one_thread, all.done);
  for (int i = 0; i < 100; ++i) {
    all.one_thread.wake(std::make_shared<listener>(all, steps, most));
    all.one_thread.wake(work(all.done, "file", {urgency::batch}));
  }
  busy.release();
  const auto before = [&] {
    const lines written = all.done.wait_for(102);
    return std::ranges::find(written, "listened") - written.begin();
  }();
  EXPECT_EQ(before, 1 + 3);  // a second late, as the others are
}

TEST(scheduler, equals_take_turns_however_much_one_has_to_do) {
  journal done;
  scheduler one_thread(1);
  busy_thread busy(one_thread, done);
  one_thread.wake(work(done, "flood", std::vector(3, urgency::final)));
  one_thread.wake(work(done, "a", {urgency::final}));
  one_thread.wake(work(done, "b", {urgency::final}));
  busy.release();
  EXPECT_EQ(done.wait_for(6), (lines{"first listen", "flood final", "a final", "b final",
                                     "flood final", "flood final"}));
}

TEST(scheduler, files_and_partials_are_equals) {
  journal done;
  scheduler one_thread(1);
  busy_thread busy(one_thread, done);
  one_thread.wake(work(done, "file", std::vector(2, urgency::batch)));
  one_thread.wake(work(done, "a", {urgency::partial}));
  busy.release();
  EXPECT_EQ(done.wait_for(4), (lines{"first listen", "file batch", "a partial", "file batch"}));
}

// What is done where a partial of "a" waits, then one of "b", and "a" wants something else first.
lines done_with_a_turn_of(urgency more_urgent) {
  timed all;
  busy_thread busy(all.one_thread, all.done);
  auto a = work(all.done, "a", {urgency::partial});
  all.one_thread.wake(a);
  all.pass(10ms);
  all.one_thread.wake(work(all.done, "b", {urgency::partial}));
  all.pass(10ms);
  a->add_first(more_urgent);
  all.one_thread.wake(a);
  busy.release();
  return all.done.wait_for(4);
}

TEST(scheduler, a_partial_keeps_its_place_while_its_stream_listens) {
  EXPECT_EQ(done_with_a_turn_of(urgency::listen),
            (lines{"first listen", "a listen", "a partial", "b partial"}));
}

TEST(scheduler, a_final_takes_the_place_of_a_partial_that_waited) {
  EXPECT_EQ(done_with_a_turn_of(urgency::final),
            (lines{"first listen", "a final", "b partial", "a partial"}));  // of another segment
}

TEST(scheduler, the_first_text_of_a_segment_is_as_urgent_as_listening) {
  timed all;
  busy_thread busy(all.one_thread, all.done);
  all.one_thread.wake(work(all.done, "reads", {urgency::partial}));
  all.one_thread.wake(work(all.done, "ends", {urgency::final}));
  all.pass(10ms);
  all.one_thread.wake(work(all.done, "begins", {urgency::first}));
  all.pass(1ms);
  all.one_thread.wake(work(all.done, "goes on", {urgency::listen}));
  EXPECT_EQ(all.one_thread.waiting(urgency::first), 1U);
  busy.release();
  EXPECT_EQ(all.done.wait_for(5), (lines{"first listen", "begins first", "goes on listen",
                                         "ends final", "reads partial"}));
}

// Two threads, of which one does the first of two steps that are for what time is left.
struct two_threads {
  two_threads() {
    long_step->stall = &stall;
    both.wake(work(done, "live", {urgency::listen}));
    done.wait_for(1);
  }
  void begin(urgency spare) {
    long_step->add(spare);
    both.wake(long_step);
    stall.wait_for_arrivals(1);
    both.wake(work(done, "next", {spare}));
  }
  void pass(std::chrono::milliseconds more) { time = time.load() + more; }

  journal done;
  gate stall;
  std::atomic<scheduler::clock::duration> time{std::chrono::hours(1)};
  std::shared_ptr<chores> long_step = work(done, "long", {});
  scheduler both{2, {}, [this] { return scheduler::clock::time_point(time.load()); }};
};

// Whoever does "b" has looked for something else between its steps.
TEST(scheduler, one_of_several_threads_is_left_to_who_speaks) {
  for (const urgency spare : {urgency::partial, urgency::batch}) {
    two_threads all;
    all.begin(spare);
    all.pass(1900ms);
    const std::string kind = to_string(spare);
    all.both.wake(work(all.done, "a", {urgency::final}));
    EXPECT_EQ(all.done.wait_for(2), (lines{"live listen", "a final"}));
    all.both.wake(work(all.done, "b", {urgency::listen, urgency::first}));
    EXPECT_EQ(all.done.wait_for(4), (lines{"live listen", "a final", "b listen", "b first"}));
    EXPECT_EQ(all.both.waiting(spare), 1U);
    all.stall.open();
    const lines written = all.done.wait_for(6);
    EXPECT_EQ(lines(written.begin() + 4, written.end()), (lines{"long " + kind, "next " + kind}));
  }
}

TEST(scheduler, what_is_left_is_done_beside_who_speaks_as_soon_as_a_thread_may) {
  gate stalled_final;
  two_threads all;
  all.long_step->stall_of_finals = &stalled_final;
  all.begin(urgency::partial);
  all.long_step->add(urgency::final);
  all.stall.open();
  stalled_final.wait_for_arrivals(1);
  EXPECT_EQ(all.done.wait_for(3), (lines{"live listen", "long partial", "next partial"}));
  stalled_final.open();
}

TEST(scheduler, whoever_waits_to_be_heard_comes_before_files_however_long_ago_somebody_was) {
  gate stalled_final;
  two_threads all;
  all.begin(urgency::batch);
  auto speaks = work(all.done, "speaks", {urgency::final, urgency::listen});
  speaks->stall_of_finals = &stalled_final;
  all.both.wake(speaks);
  stalled_final.wait_for_arrivals(1);
  all.pass(1h);
  stalled_final.open();
  EXPECT_EQ(all.done.wait_for(3), (lines{"live listen", "speaks final", "speaks listen"}));
}

TEST(scheduler, files_have_all_threads_where_nobody_speaks) {
  two_threads all;
  all.begin(urgency::batch);
  all.pass(2001ms);
  all.both.wake(work(all.done, "a", {urgency::final}));
  const lines written = all.done.wait_for(3);  // while the other still runs
  EXPECT_EQ(std::ranges::count(written, "next batch"), 1);
  all.stall.open();
}

TEST(scheduler, of_three_threads_two_are_for_files_while_somebody_speaks) {
  journal done;
  gate stall;
  scheduler three(3, {}, [] { return scheduler::clock::time_point(1h); });
  three.wake(work(done, "live", {urgency::listen}));
  done.wait_for(1);
  for (const char* name : {"a", "b"}) {
    auto file = work(done, name, {urgency::batch});
    file->stall = &stall;
    three.wake(file);
  }
  stall.wait_for_arrivals(2);
  three.wake(work(done, "c", {urgency::batch}));
  three.wake(work(done, "ends", {urgency::final}));
  EXPECT_EQ(done.wait_for(2), (lines{"live listen", "ends final"}));
  EXPECT_EQ(three.waiting(urgency::batch), 1U);
  stall.open();
}

TEST(scheduler, what_becomes_urgent_moves_up_and_what_does_not_keeps_its_place) {
  journal done;
  scheduler one_thread(1);
  busy_thread busy(one_thread, done);
  auto moved = std::make_shared<chores>(done, "moved", std::vector{urgency::partial});
  auto kept = std::make_shared<chores>(done, "kept", std::vector{urgency::partial});
  one_thread.wake(kept);
  one_thread.wake(moved);
  one_thread.wake(work(done, "other", {urgency::partial}));
  EXPECT_EQ(one_thread.waiting(urgency::partial), 3U);
  one_thread.wake(kept);
  moved->step({});  // what it wanted is done elsewhere, and it wants something else
  moved->add(urgency::final);
  one_thread.wake(moved);
  EXPECT_EQ(one_thread.waiting(urgency::final), 1U);
  busy.release();
  EXPECT_EQ(done.wait_for(5), (lines{"moved partial", "first listen", "moved final", "kept partial",
                                     "other partial"}));
}

TEST(scheduler, nobody_runs_on_two_threads_at_once_and_nothing_is_lost) {
  journal done;
  scheduler many(4);
  std::vector<std::shared_ptr<chores>> all;
  for (int i = 0; i < 8; ++i) all.push_back(work(done, std::to_string(i), {}));
  constexpr std::size_t rounds = 25 * urgencies.size();
  for (std::size_t round = 0; round < rounds; ++round) {
    for (auto& each : all) {
      each->add(urgencies[round % urgencies.size()]);
      many.wake(each);
    }
  }
  std::map<std::string, int> counts;
  for (const std::string& line : done.wait_for(8 * rounds)) ++counts[line];
  EXPECT_EQ(counts.size(), 8 * urgencies.size());
  for (const auto& [line, count] : counts) EXPECT_EQ(count, 25) << line;
}

TEST(scheduler, cancelled_work_does_not_begin) {
  journal done;
  scheduler one_thread(1);
  busy_thread busy(one_thread, done);
  test::event gone;
  auto unwanted = work(done, "unwanted", {urgency::listen});
  unwanted->gone = &gone;
  one_thread.wake(unwanted);
  one_thread.cancel(*unwanted);
  unwanted.reset();
  EXPECT_TRUE(gone.is_set());
  one_thread.wake(work(done, "wanted", {urgency::batch}));
  busy.release();
  EXPECT_EQ(done.wait_for(2), (lines{"first listen", "wanted batch"}));
}

TEST(scheduler, cancelled_work_that_runs_is_stopped_and_let_go) {
  journal done;
  gate stall;
  test::event gone;
  scheduler one_thread(1);
  auto long_work = work(done, "long", {urgency::batch, urgency::batch});
  long_work->stall = &stall;
  long_work->gone = &gone;
  one_thread.wake(long_work);
  stall.wait_for_arrivals(1);
  one_thread.cancel(*long_work);
  long_work.reset();
  gone.wait();
  EXPECT_EQ(done.wait_for(2), (lines{"long stopped", "long batch"}));
}

TEST(scheduler, one_that_wants_nothing_is_not_kept) {
  journal done;
  scheduler one_thread(1);
  test::event gone;
  auto idle = work(done, "idle", {});
  idle->gone = &gone;
  one_thread.wake(idle);
  one_thread.cancel(*idle);  // nothing to cancel
  idle.reset();
  EXPECT_TRUE(gone.is_set());

  test::event finished;
  auto brief = work(done, "brief", {urgency::listen});
  brief->gone = &finished;
  one_thread.wake(std::move(brief));
  finished.wait();
}

TEST(scheduler, its_end_stops_what_runs_and_begins_nothing) {
  journal done;
  gate stall;
  test::event gone;
  {
    scheduler one_thread(1);
    auto running = work(done, "running", {urgency::final});
    running->stall = &stall;
    one_thread.wake(running);
    stall.wait_for_arrivals(1);
    auto waiting = work(done, "waiting", {urgency::final});
    waiting->gone = &gone;
    one_thread.wake(std::move(waiting));
  }
  EXPECT_TRUE(gone.is_set());
  EXPECT_EQ(done.wait_for(2), (lines{"running stopped", "running final"}));
}

TEST(scheduler, turns_are_told_with_how_long_they_waited_and_took) {
  journal done;
  std::mutex mutex;
  std::vector<scheduler::turn> turns;
  std::atomic<scheduler::clock::duration> time{1h};
  {
    scheduler one_thread(
        1,
        [&](const scheduler::turn& turn) {
          const std::lock_guard lock(mutex);
          turns.push_back(turn);
          done.write("told");
        },
        [&] { return scheduler::clock::time_point(time.load()); });
    busy_thread busy(one_thread, done);
    one_thread.wake(work(done, "a", {urgency::final}));
    time = 1h + 5ms;
    busy.release();
    done.wait_for(4);
  }
  ASSERT_EQ(turns.size(), 2U);
  EXPECT_EQ(turns[0].wanted, urgency::listen);
  EXPECT_EQ(turns[0].waited, 0ms);
  EXPECT_EQ(turns[0].worked, 5ms);
  EXPECT_EQ(turns[1].wanted, urgency::final);
  EXPECT_EQ(turns[1].waited, 5ms);
  EXPECT_EQ(turns[1].worked, 0ms);
}

// Writes down how nice the thread is that does it.
class niceness final : public schedulable {
 public:
  explicit niceness(journal& to) : to_(to) {}
  std::optional<urgency> wants() const noexcept override {
    if (done_) return std::nullopt;
    return urgency::batch;
  }
  void step(const std::stop_token&) noexcept override {
    done_ = true;
    to_.write(std::to_string(getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()))));
  }

 private:
  journal& to_;
  bool done_ = false;
};

TEST(scheduler, threads_are_nicer_than_who_makes_them) {
  const auto self = static_cast<id_t>(gettid());
  const int own = std::min(19, getpriority(PRIO_PROCESS, self) + 3);
  ASSERT_EQ(setpriority(PRIO_PROCESS, self, own), 0);
  journal done;
  scheduler one_thread(1);
  one_thread.wake(std::make_shared<niceness>(done));
  EXPECT_EQ(done.wait_for(1)[0], std::to_string(std::min(19, own + 10)));
}

TEST(scheduler, no_threads_are_refused) { EXPECT_THROW(scheduler(0), std::invalid_argument); }

}  // namespace
}  // namespace duplex::speech
