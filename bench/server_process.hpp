// Servers to be measured: processes of their own on a processor of their own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

/// Keeps a process on one processor, modulo how many there are.
void pin(pid_t process, unsigned cpu);

/// User and system time a process has used, in seconds.
double cpu_seconds(pid_t process);

/// A server on processor 0, or on all of them. Its first line of output is its port, or has its
/// URI; it is killed at the end.
class server_process {
 public:
  /// Exits the program where the server does not start.
  explicit server_process(const std::vector<std::string>& command, bool pinned = true);
  ~server_process();
  server_process(const server_process&) = delete;
  server_process& operator=(const server_process&) = delete;

  pid_t id() const { return id_; }
  std::uint16_t port() const { return port_; }

 private:
  pid_t id_;
  std::uint16_t port_;
};

double median(std::vector<double> values);
