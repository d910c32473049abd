// Autobahn's testsuite against this library: docs_autobahn server, docs_autobahn client ws://localhost:9001
#include <iostream>
#include <string>

#include <duplex/duplex.hpp>
using namespace duplex;

// [server]
task<> echo(connection& ws) {
  while (auto message = co_await ws.next()) co_await ws.send(*message);
}

void serve_cases() { run(serve(echo, "localhost", 9001, {.max_size = std::nullopt})); }
// [server]

// [client]
task<> run_case(const std::string& uri) {
  try {
    auto ws = co_await connect(uri, {.max_size = std::nullopt});
    co_await echo(ws);
  } catch (const connection_closed&) {  // what most cases are about
  }
}

task<> run_cases(std::string server) {
  auto ws = co_await connect(server + "/getCaseCount");
  auto count = co_await ws.recv();
  for (int i = 1; i <= std::stoi(std::string(count.text())); ++i) {
    const auto uri = server + "/runCase?agent=duplex&case=" + std::to_string(i);
    co_await run_case(uri);
  }
  co_await run_case(server + "/updateReports?agent=duplex");
}
// [client]

int main(int count, char** arguments) {
  const std::string role = count > 1 ? arguments[1] : "";
  if (role == "server") {
    serve_cases();
  } else if (role == "client" && count > 2) {
    run(run_cases(arguments[2]));
  } else {
    std::cerr << "usage: docs_autobahn server | client URI\n";
    return 2;
  }
}
