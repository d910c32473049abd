// A client with one connection or several, all on one loop, which follow a test script.
#include "follow.hpp"
#include "peer.hpp"

namespace duplex::interop {
namespace {

task<> connect_and_follow(const arguments& arguments) {
  const client_options options(arguments);
  auto ws = co_await connect(arguments.uri, options.get());
  co_await follow(ws, ws.response().headers);
}

task<> follow_all(const arguments& arguments) {
  scope connections;
  for (int i = 0; i < arguments.connections; ++i) connections.spawn(connect_and_follow(arguments));
  co_await connections.join();
}

}  // namespace
}  // namespace duplex::interop

int main(int argc, char** argv) {
  using namespace duplex;
  const auto arguments = interop::parse_arguments(argc, argv);
  try {
    run(interop::follow_all(arguments));
  } catch (const std::exception& problem) {
    interop::report(std::string("failed ") + problem.what());
    return 1;
  }
}
