// Handlers by the path of the request, as a peer sees them.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/client.hpp>
#include <duplex/router.hpp>

#include "http_answer.hpp"

namespace duplex::test {
namespace {

std::string upgrade_of(std::string_view target) {
  auto request = upgrade_request();
  return request.replace(request.find("/chat"), 5, target);
}

// Sends what its route's parameters are.
task<> tell_parameters(connection& ws) {
  std::string told;
  for (const auto& [name, value] : ws.parameters()) told += name + "=" + value + ";";
  co_await ws.send(told);
}

std::optional<response> health_check(handshake&, const request&) { return respond(200, "OK\n"); }

server serve_routes(std::vector<path_route> routes) {
  return serve(route(std::move(routes)), "127.0.0.1");
}

// What tell_parameters says at that path.
std::string told_at(const server& server, const std::string& path) {
  std::string told;
  run_test([&]() -> task<> {
    const auto uri = "ws://127.0.0.1:" + std::to_string(server.port()) + path;
    auto ws = co_await connect(uri);
    auto message = co_await ws.recv();
    told = message.text();
  });
  return told;
}

TEST(route, leads_to_its_handler_with_its_parameters) {
  const auto server = serve_routes({{"/", tell_parameters},
                                    {"/chat/{room}", tell_parameters},
                                    {"/chat/{room}/of/{user}", tell_parameters},
                                    {"/files/{path...}", tell_parameters},
                                    {"/caf\xC3\xA9", tell_parameters}});
  EXPECT_EQ(told_at(server, "/"), "");
  EXPECT_EQ(told_at(server, "/chat/lab?x=/y"), "room=lab;");
  EXPECT_EQ(told_at(server, "/chat/a%20b%C3%A9%25"), "room=a b\xC3\xA9%;");
  EXPECT_EQ(told_at(server, "/chat/lab/of/ada"), "room=lab;user=ada;");
  EXPECT_EQ(told_at(server, "/files/a/b/c.txt"), "path=a/b/c.txt;");
  EXPECT_EQ(told_at(server, "/files/"), "path=;");
  EXPECT_EQ(told_at(server, "/%63af%c3%A9"), "");
}

TEST(route, that_comes_first_wins) {
  std::string who;
  const auto name = [&](std::string it) {
    return [&who, it](connection&) -> task<> {
      who = it;
      co_return;
    };
  };
  const auto server =
      serve_routes({{"/chat/lobby", name("lobby")}, {"/chat/{room}", name("room")}});
  for (const char* path : {"/chat/lobby", "/chat/other"}) {
    EXPECT_EQ(answer_of(server, upgrade_of(path)).status(), "101 Switching Protocols");
  }
  run_loop_until([&] { return who == "room"; });
}

TEST(route, answers_plain_http_too) {
  const auto server =
      serve_routes({{"/healthz", health_check},
                    {"/hello/{name}",
                     [](handshake& peer, const request&) -> task<std::optional<response>> {
                       co_return respond(200, "hello " + peer.parameters.at("name") + "\n");
                     }},
                    {"/maybe", [](handshake&, const request&) { return std::nullopt; }},
                    {"/chat", tell_parameters}});
  EXPECT_EQ(answer_of(server, http_request("GET", "/healthz")).body, "OK\n");
  EXPECT_EQ(answer_of(server, http_request("GET", "/hello/ada")).body, "hello ada\n");
  EXPECT_EQ(answer_of(server, http_request("GET", "/maybe")).status(), "404 Not Found");
  EXPECT_EQ(answer_of(server, http_request("GET", "/chat")).status(), "426 Upgrade Required");
}

TEST(route, that_is_none_is_refused_with_404) {
  const auto server = serve_routes({{"/chat/{room}", tell_parameters}, {"/a/b", health_check}});
  for (const char* path : {
           "/",           "/chat",        "/chat/",    "/chat/a/b",   "/CHAT/a",
           "/a//b",       "//a/b",                                   // other paths
           "/chat/..",    "/chat/%2e%2e", "/chat/.",   "/chat/%2E",  // of file systems
           "/chat/a%2Fb", "/chat/a%5Cb",  "/chat/%00", "/chat/a%0Ab", "/chat/%7f",
           "/chat/%",     "/chat/%4",     "/chat/%zz", "/chat/%+1",   "/chat/%FF",  // no text
       }) {
    const auto answer = answer_of(server, upgrade_of(path));
    EXPECT_EQ(answer.status(), "404 Not Found") << path;
    EXPECT_EQ(answer.body, "there is nothing at this path\n");
  }
}

TEST(route, with_a_slash_more_or_less_is_redirected_to) {
  const auto server = serve_routes(
      {{"/chat/{room}", tell_parameters}, {"/docs/", health_check}, {"/{a}/{b}", health_check}});
  const auto redirect = [&](std::string_view target) {
    const auto answer = answer_of(server, http_request("GET", target));
    return answer.status() + " " + answer.value("Location");
  };
  EXPECT_EQ(redirect("/chat/lab/"), "308 Permanent Redirect /chat/lab");
  EXPECT_EQ(redirect("/chat/a%20b/?x=1&y=/"), "308 Permanent Redirect /chat/a%20b?x=1&y=/");
  EXPECT_EQ(redirect("/docs"), "308 Permanent Redirect /docs/");
  // A browser would leave for another site.
  for (const char* elsewhere : {"//evil.net/", "/\\evil.net/", "/%5Cevil.net/", "//evil.net/x/"}) {
    EXPECT_EQ(redirect(elsewhere), "404 Not Found missing") << elsewhere;
  }
}

TEST(route, comes_after_the_steps_of_process_request) {
  const auto server =
      serve(route({{"/healthz", health_check}}), "127.0.0.1", 0,
            {.process_request = [](handshake&, const request& request) -> std::optional<response> {
              if (request.query() == "closed") return respond(403, "closed\n");
              return std::nullopt;
            }});
  EXPECT_EQ(answer_of(server, http_request("GET", "/healthz")).body, "OK\n");
  EXPECT_EQ(answer_of(server, http_request("GET", "/healthz?closed")).body, "closed\n");
}

TEST(route, that_makes_no_sense_is_refused) {
  const auto failure = [](std::string path) {
    return failure_now([&] { route({{"/there/{x}", health_check}, {path, health_check}}); });
  };
  const std::string start = "invalid argument: the route '";
  EXPECT_EQ(failure("chat"), start + "chat' is no path");
  EXPECT_EQ(failure(""), start + "' is no path");
  EXPECT_EQ(failure("/a//b"), start + "/a//b' is no path");
  EXPECT_EQ(failure("/../x"), start + "/../x' is no path");
  EXPECT_EQ(failure("/{x}y"),
            start + "/{x}y' has a '{x}y', which is neither text nor a parameter in braces");
  EXPECT_EQ(failure("/a?b"),
            start + "/a?b' has a 'a?b', which is neither text nor a parameter in braces");
  EXPECT_EQ(failure("/{}"), start + "/{}' has a parameter without a name");
  EXPECT_EQ(failure("/{x}/{x}"), start + "/{x}/{x}' has the parameter 'x' twice");
  EXPECT_EQ(failure("/{x...}/y"), start + "/{x...}/y' has something behind '{x...}'");
  EXPECT_EQ(failure("/there/{y}"), start + "/there/{y}' is there twice");
  EXPECT_EQ(failure_now([] { route({}); }), "invalid argument: route needs routes");
  EXPECT_EQ(failure_now([] {
              route({{"/", connection_handler()}});
            }),
            start + "/' leads to an empty function");
}

}  // namespace
}  // namespace duplex::test
