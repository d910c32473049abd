// What systemd hands to the services it starts, without its library.
#pragma once

#include <string_view>
#include <vector>

namespace duplex {

/// The listening sockets that systemd has opened for this process (socket activation,
/// sd_listen_fds(3)): those with the name (`FileDescriptorName=`), or all of them, in its order.
/// Empty where the process was started otherwise, so that one line serves both:
///
///     serve(handler, "localhost", 8080, {.sock = systemd_sockets()})
///
/// All of them, those of other names too, are closed in programs that this process starts. The
/// environment stays as it is: changing it is not safe beside threads that read it, and LISTEN_PID,
/// which names this process, keeps children from taking it for theirs. So every call gives the same
/// numbers; one that was served already is closed with its server.
///
/// Throws std::invalid_argument where there are sockets but none of that name, std::system_error
/// where the environment (LISTEN_FDS) makes no sense.
std::vector<int> systemd_sockets(std::string_view name = {});

namespace io {

/// Tells systemd about the service (sd_notify(3)), such as "READY=1"; does nothing where it has not
/// asked for that (`Type=notify`).
void notify_systemd(std::string_view state) noexcept;

}  // namespace io
}  // namespace duplex
