// System calls, with the interrupted ones repeated and the failures sorted.
#include "sync/socket.hpp"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

namespace duplex::sync {
namespace {

transfer outcome_of(ssize_t result) noexcept {
  if (result > 0) return {.count = static_cast<std::size_t>(result)};
  const bool nothing_now =
      result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  return {.ended = !nothing_now};
}

}  // namespace

wake_event::wake_event() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!descriptor_) throw_system_error(errno, "cannot make an event");
}

void wake_event::set() const noexcept {
  // Fails only where the event is set so often that once more would tell nothing new.
  [[maybe_unused]] const auto result = eventfd_write(number(), 1);
}

void wake_event::clear() const noexcept {
  eventfd_t count;
  [[maybe_unused]] const auto result = eventfd_read(number(), &count);
}

transfer read_some(int socket, std::span<std::byte> to, waiting wait) noexcept {
  return outcome_of(recv(socket, to.data(), to.size(), wait == waiting::yes ? 0 : MSG_DONTWAIT));
}

transfer write_some(int socket, const std::array<std::span<const std::byte>, 2>& bytes) noexcept {
  constexpr int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  ssize_t result;
  do {
    if (bytes[1].empty()) {
      result = send(socket, bytes[0].data(), bytes[0].size(), flags);
    } else {
      std::array<iovec, 2> pieces;
      std::transform(bytes.begin(), bytes.end(), pieces.begin(), [](auto piece) {
        return iovec{const_cast<std::byte*>(piece.data()), piece.size()};
      });
      msghdr message = {};
      message.msg_iov = pieces.data();
      message.msg_iovlen = pieces.size();
      result = sendmsg(socket, &message, flags);
    }
  } while (result < 0 && errno == EINTR);
  return outcome_of(result);
}

void set_receive_timeout(int socket, std::chrono::milliseconds timeout) noexcept {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  timeval value = {};
  value.tv_sec = seconds.count();
  value.tv_usec = std::chrono::microseconds(timeout - seconds).count();
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value);
}

void shut_down(int socket) noexcept { shutdown(socket, SHUT_RDWR); }

void reset_at_close(int socket) noexcept {
  const linger value = {.l_onoff = 1, .l_linger = 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &value, sizeof value);
}

void wait_for_events(std::span<pollfd> events, std::optional<clock::time_point> deadline) noexcept {
  timespec left = {};
  if (deadline) {
    const auto time = std::max(*deadline - clock::now(), clock::duration::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
    left.tv_sec = seconds.count();
    left.tv_nsec = std::chrono::nanoseconds(time - seconds).count();
  }
  if (ppoll(events.data(), events.size(), deadline ? &left : nullptr, nullptr) <= 0) {
    for (auto& each : events) each.revents = 0;
  }
}

}  // namespace duplex::sync
