// Names to addresses, on libuv's threads or in the caller's.
#include <memory>
#include <string>

#include <netdb.h>
#include <sys/socket.h>
#include <uv.h>

#include <duplex/coro/wait.hpp>
#include <duplex/io/loop.hpp>
#include <duplex/io/tcp.hpp>

#include "io/error.hpp"
#include "io/handle.hpp"
#include "net/sockaddr.hpp"

namespace duplex::io {
namespace {

// What the resolver is asked.
struct question {
  question(const std::string& name, std::uint16_t number, address_family family, bool passive)
      : host(name), port(std::to_string(number)) {
    hints.ai_family = family == address_family::ipv4   ? AF_INET
                      : family == address_family::ipv6 ? AF_INET6
                                                       : AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | (passive || host.empty() ? AI_PASSIVE : 0);
  }
  const char* node() const noexcept { return host.empty() ? nullptr : host.c_str(); }

  std::string host, port;
  addrinfo hints = {};
};

// libuv has numbers of its own for the resolver's errors.
std::error_code to_lookup_error(int uv_error) {
  constexpr std::pair<int, int> numbers[] = {
      {UV_EAI_ADDRFAMILY, EAI_ADDRFAMILY}, {UV_EAI_AGAIN, EAI_AGAIN},
      {UV_EAI_BADFLAGS, EAI_BADFLAGS},     {UV_EAI_FAIL, EAI_FAIL},
      {UV_EAI_FAMILY, EAI_FAMILY},         {UV_EAI_MEMORY, EAI_MEMORY},
      {UV_EAI_NODATA, EAI_NODATA},         {UV_EAI_NONAME, EAI_NONAME},
      {UV_EAI_OVERFLOW, EAI_OVERFLOW},     {UV_EAI_SERVICE, EAI_SERVICE},
      {UV_EAI_SOCKTYPE, EAI_SOCKTYPE},
  };
  for (auto [ours, theirs] : numbers) {
    if (ours == uv_error) return to_resolver_error(theirs);
  }
  return to_error_code(uv_error);
}

class lookup final : public request {
 public:
  lookup(io::loop& loop, question asked) : request(loop), asked_(std::move(asked)) {}

  void begin() {
    native_.data = this;
    status_ = uv_getaddrinfo(loop_.native(), &native_, answered, asked_.node(), asked_.port.c_str(),
                             &asked_.hints);
    if (status_ == 0) begun();
  }

  std::vector<address> take() const {
    if (status_ < 0) {
      throw_system_error(to_lookup_error(status_), "cannot resolve '" + asked_.host + "'");
    }
    return net::to_addresses(native_.addrinfo);
  }

 private:
  ~lookup() override {
    if (status_ == 0) uv_freeaddrinfo(native_.addrinfo);
  }
  uv_req_t* native() noexcept override { return reinterpret_cast<uv_req_t*>(&native_); }

  static void answered(uv_getaddrinfo_t* native, int status, addrinfo*) noexcept {
    auto& self = *static_cast<lookup*>(native->data);
    self.status_ = status;
    self.finish();
  }

  uv_getaddrinfo_t native_ = {};
  question asked_;
  int status_ = 0;
};

}  // namespace

task<std::vector<address>> resolve(std::string host, std::uint16_t port, address_family family,
                                   limit limit) {
  auto& loop = loop::current();
  request_owner<lookup> looking(new lookup(loop, {host, port, family, false}));
  looking->begin();
  while (!looking->finished()) {
    coro::wait waiting(loop, looking->waiting(), limit);
    co_await waiting;
    waiting.throw_if_limited("resolving '" + host + "'");
  }
  co_return looking->take();
}

std::vector<address> resolve_now(const std::string& host, std::uint16_t port, address_family family,
                                 bool passive) {
  const question asked(host, port, family, passive);
  addrinfo* list = nullptr;
  if (int error = getaddrinfo(asked.node(), asked.port.c_str(), &asked.hints, &list)) {
    throw_system_error(to_resolver_error(error), "cannot resolve '" + host + "'");
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
  return net::to_addresses(list);
}

}  // namespace duplex::io
