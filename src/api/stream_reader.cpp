// Turns a stream's events into the ends of waits.
#include "api/stream_reader.hpp"

#include <algorithm>
#include <duplex/coro/wait.hpp>

namespace duplex::detail {

stream_reader::stream_reader(io::stream& stream)
    : stream_(stream), executor_(coro::executor::current()) {
  stream_.set_events(this);
}

stream_reader::~stream_reader() {
  stream_.stop_reading();
  stream_.set_events(nullptr);
}

task<std::span<const std::byte>> stream_reader::read_some(limit limit, std::size_t count_max) {
  count_ = 0;
  count_max_ = std::min(count_max, space_size);
  if (!eof_ && !error_) stream_.start_reading();
  while (count_ == 0 && !eof_ && !error_) {
    coro::wait waiting(executor_, waiting_, limit);
    co_await waiting;
    if (count_ == 0 && !eof_ && !error_) waiting.throw_if_limited("reading");
  }
  if (error_) throw std::system_error(error_, "reading");
  co_return std::span<const std::byte>(space_).first(count_);
}

task<> stream_reader::write(std::string_view bytes, limit limit) {
  if (error_) throw std::system_error(error_, "writing");
  writing_ = true;
  stream_.write(buffer(as_bytes(bytes)));
  while (writing_ && !error_) {
    coro::wait waiting(executor_, waiting_, limit);
    co_await waiting;
    if (writing_ && !error_) waiting.throw_if_limited("writing");
  }
  if (error_) throw std::system_error(error_, "writing");
}

void stream_reader::on_data(std::size_t count) {
  stream_.stop_reading();
  count_ = count;
  waiting_.wake_all();
}

void stream_reader::on_eof() {
  eof_ = true;
  waiting_.wake_all();
}

void stream_reader::on_error(std::error_code error) {
  error_ = error;
  waiting_.wake_all();
}

void stream_reader::on_written() {
  writing_ = false;
  waiting_.wake_all();
}

}  // namespace duplex::detail
