// A server or a client over any transport, for scripts in other languages.
//
//     transports_peer serve [--unix PATH] [--permissions OCTAL] [--host HOST]... [--port PORT]
//                           [--systemd all|NAME] [--proxy-protocol] [--trust NETWORK]
//                           [--reuse-port] [--no-ping]
//     transports_peer connect|sync PATH
//
// A server prints "listening ADDRESS" for each of its sockets and "closed CODE REASON" for each
// connection; it echoes, but for "who?", which it answers with the addresses of both ends, and
// "close CODE", with which it closes. It pings every 100 ms. A client sends "hello" and prints
// what it receives.
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include <duplex/duplex.hpp>

namespace {

using namespace duplex;

task<> echo(connection& ws) {
  try {
    for (;;) {
      auto message = co_await ws.recv();
      const auto text = message.is_text() ? message.text() : std::string_view();
      if (text == "who?") {
        std::string answer =
            to_string(ws.remote_address()) + " to " + to_string(ws.local_address());
        co_await ws.send(answer);
      } else if (text.starts_with("close ")) {
        co_await ws.close(static_cast<std::uint16_t>(std::stoi(std::string(text.substr(6)))));
      } else {
        co_await ws.send(message);
      }
    }
  } catch (const connection_closed&) {
    std::cout << "closed " << ws.close_code().value_or(0) << ' ' << ws.close_reason() << std::endl;
  }
}

int serve_with(const std::vector<std::string_view>& arguments) {
  std::vector<std::string> hosts;
  int port = 0;
  serve_options options{.ping_interval = std::chrono::milliseconds(100), .max_size = std::nullopt};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto name = arguments[i];
    const auto value = [&] { return std::string(arguments.at(++i)); };
    if (name == "--unix") {
      hosts.push_back("unix:" + value());
    } else if (name == "--permissions") {
      options.unix_permissions = static_cast<unsigned>(std::stoul(value(), nullptr, 8));
    } else if (name == "--host") {
      hosts.push_back(value());
    } else if (name == "--port") {
      port = std::stoi(value());
    } else if (name == "--systemd") {
      const auto wanted = value();
      options.sock = systemd_sockets(wanted == "all" ? "" : wanted);
    } else if (name == "--proxy-protocol") {
      options.proxy_protocol = true;
    } else if (name == "--trust") {
      options.trusted_proxies.push_back(value());
    } else if (name == "--reuse-port") {
      options.reuse_port = true;
    } else if (name == "--no-ping") {
      options.ping_interval = std::nullopt;
    } else {
      std::cerr << "unknown argument " << name << '\n';
      return 2;
    }
  }
  if (hosts.empty()) hosts.emplace_back("127.0.0.1");
  auto server = serve(echo, hosts, port, std::move(options));
  for (const auto& each : server.sockets())
    std::cout << "listening " << to_string(each) << std::endl;
  run(std::move(server));
  return 0;
}

task<std::string> ask(std::string path) {
  auto ws = co_await unix_connect(path);
  co_await ws.send("hello");
  auto answer = co_await ws.recv();
  std::string text(answer.text());
  co_return text;
}

std::string ask_blocking(const std::string& path) {
  auto ws = sync::unix_connect(path);
  ws.send("hello");
  return std::string(ws.recv().text());
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  if (arguments.size() >= 1 && arguments[0] == "serve") {
    return serve_with({arguments.begin() + 1, arguments.end()});
  }
  if (arguments.size() != 2) return 2;
  const std::string path(arguments[1]);
  std::cout << (arguments[0] == "sync" ? ask_blocking(path) : run(ask(path))) << std::endl;
} catch (const std::exception& problem) {
  std::cerr << problem.what() << '\n';
  return 1;
}
