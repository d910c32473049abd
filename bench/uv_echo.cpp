// The floor: a TCP echo on bare libuv. Prints its port; ends with its parent.
#include <sys/prctl.h>
#include <uv.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace {

constexpr std::size_t read_size = 64 * 1024;
char read_buffer[read_size];

struct pending_write {
  uv_write_t request;
  char* bytes;
};

void on_closed(uv_handle_t* handle) { std::free(handle); }

void on_written(uv_write_t* request, int) {
  auto* write = reinterpret_cast<pending_write*>(request);
  std::free(write->bytes);
  std::free(write);
}

// What the socket takes at once is written from the shared buffer; only the rest is copied.
void echo(uv_stream_t* stream, std::size_t size) {
  uv_buf_t bytes = uv_buf_init(read_buffer, static_cast<unsigned>(size));
  const int written = uv_try_write(stream, &bytes, 1);
  const std::size_t done = written > 0 ? static_cast<std::size_t>(written) : 0;
  if (done == size) return;
  auto* write = static_cast<pending_write*>(std::malloc(sizeof(pending_write)));
  write->bytes = static_cast<char*>(std::malloc(size - done));
  __builtin_memcpy(write->bytes, read_buffer + done, size - done);
  bytes = uv_buf_init(write->bytes, static_cast<unsigned>(size - done));
  uv_write(&write->request, stream, &bytes, 1, on_written);
}

void on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t*) {
  if (count > 0) return echo(stream, static_cast<std::size_t>(count));
  if (count < 0) uv_close(reinterpret_cast<uv_handle_t*>(stream), on_closed);
}

void on_connection(uv_stream_t* listener, int status) {
  if (status < 0) return;
  auto* stream = static_cast<uv_tcp_t*>(std::malloc(sizeof(uv_tcp_t)));
  uv_tcp_init(listener->loop, stream);
  uv_accept(listener, reinterpret_cast<uv_stream_t*>(stream));
  uv_tcp_nodelay(stream, 1);
  auto allocate = [](uv_handle_t*, std::size_t, uv_buf_t* to) {
    *to = uv_buf_init(read_buffer, read_size);
  };
  uv_read_start(reinterpret_cast<uv_stream_t*>(stream), allocate, on_read);
}

}  // namespace

int main() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::signal(SIGPIPE, SIG_IGN);
  uv_tcp_t listener;
  uv_tcp_init(uv_default_loop(), &listener);
  sockaddr_in at;
  uv_ip4_addr("127.0.0.1", 0, &at);
  uv_tcp_bind(&listener, reinterpret_cast<sockaddr*>(&at), 0);
  uv_listen(reinterpret_cast<uv_stream_t*>(&listener), 511, on_connection);
  int size = sizeof(at);
  uv_tcp_getsockname(&listener, reinterpret_cast<sockaddr*>(&at), &size);
  std::printf("%d\n", ntohs(at.sin_port));
  std::fflush(stdout);
  return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
