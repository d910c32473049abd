// Matching paths with routes.
#include <algorithm>
#include <duplex/handshake.hpp>
#include <duplex/log.hpp>
#include <duplex/router.hpp>
#include <map>
#include <optional>
#include <stdexcept>

#include "api/url_path.hpp"

namespace duplex {
namespace detail {

using segments = std::vector<std::string>;
using parameters = std::map<std::string, std::string>;

class route_table {
 public:
  explicit route_table(std::vector<path_route> routes);

  task<std::optional<response>> answer(handshake& peer, const request& request) const;
  const connection_handler& handler_of(const request& request) const;

 private:
  struct table_row {
    std::vector<std::string> pattern;  // segments; parameters with their braces
    endpoint to;
  };

  const table_row* find(std::string_view path, parameters* found = nullptr) const;

  std::vector<table_row> rows_;
};

namespace {

bool is_parameter(std::string_view segment) { return segment.starts_with('{'); }
bool is_tail(std::string_view segment) { return segment.ends_with("...}"); }

std::string name_of(std::string_view segment) {
  return std::string(segment.substr(1, segment.size() - (is_tail(segment) ? 5 : 2)));
}

[[noreturn]] void refuse(const std::string& path, std::string_view why) {
  throw std::invalid_argument("the route '" + escaped(path) + "' " + std::string(why));
}

segments parse_pattern(const std::string& path) {
  auto pattern = path_segments(path);
  if (!pattern) refuse(path, "is no path");
  segments names;
  for (auto each = pattern->begin(); each != pattern->end(); ++each) {
    if (each->find_first_of("{}?#") == std::string::npos) continue;
    if (!is_parameter(*each) || !each->ends_with('}')) {
      refuse(path, "has a '" + *each + "', which is neither text nor a parameter in braces");
    }
    const auto name = name_of(*each);
    if (!is_token(name)) refuse(path, "has a parameter without a name");
    if (is_tail(*each) && each + 1 != pattern->end()) {
      refuse(path, "has something behind '" + *each + "'");
    }
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      refuse(path, "has the parameter '" + name + "' twice");
    }
    names.push_back(name);
  }
  return *pattern;
}

// Whether two patterns fit the same paths.
bool same_shape(const segments& a, const segments& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    if (!is_parameter(x) || !is_parameter(y)) return x == y;
    return is_tail(x) == is_tail(y);
  });
}

std::optional<parameters> match(const segments& pattern, const segments& path) {
  parameters found;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (i == path.size()) return std::nullopt;
    if (is_tail(pattern[i])) {
      std::string& tail = found[name_of(pattern[i])];
      for (std::size_t j = i; j < path.size(); ++j) tail += (j == i ? "" : "/") + path[j];
      return found;
    }
    if (is_parameter(pattern[i]) && !path[i].empty()) {
      found[name_of(pattern[i])] = path[i];
    } else if (pattern[i] != path[i]) {
      return std::nullopt;
    }
  }
  if (pattern.size() != path.size()) return std::nullopt;
  return found;
}

response not_found() { return respond(404, "there is nothing at this path\n"); }

}  // namespace

route_table::route_table(std::vector<path_route> routes) {
  if (routes.empty()) throw std::invalid_argument("route needs routes");
  for (auto& [path, to] : routes) {
    auto pattern = parse_pattern(path);
    if (!std::visit([](const auto& each) { return static_cast<bool>(each); }, to.to())) {
      refuse(path, "leads to an empty function");
    }
    for (const auto& other : rows_) {
      if (same_shape(other.pattern, pattern)) refuse(path, "is there twice");
    }
    rows_.push_back({std::move(pattern), std::move(to)});
  }
}

const route_table::table_row* route_table::find(std::string_view path, parameters* found) const {
  const auto parts = path_segments(path);
  if (!parts) return nullptr;
  for (const auto& each : rows_) {
    auto matched = match(each.pattern, *parts);
    if (!matched) continue;
    if (found) *found = std::move(*matched);
    return &each;
  }
  return nullptr;
}

task<std::optional<response>> route_table::answer(handshake& peer, const request& request) const {
  if (const auto* row = find(request.path(), &peer.parameters)) {
    const auto* step = std::get_if<request_step>(&row->to.to());
    if (!step) co_return std::nullopt;
    std::optional<response> answer;
    if (const auto* plain = std::get_if<request_step::plain>(&step->function())) {
      answer = (*plain)(peer, request);
    } else {
      auto asking = std::get<request_step::coroutine>(step->function())(peer, request);
      auto given = co_await asking;
      answer = std::move(given);
    }
    co_return answer ? std::move(*answer) : not_found();
  }
  // Of two slashes in front a browser would take what follows for a host; they fit no route.
  std::string path(request.path());
  if (path.ends_with('/')) {
    path.pop_back();
  } else {
    path += '/';
  }
  if (!find(path)) co_return not_found();
  if (request.path().size() < request.target.size()) path.append("?").append(request.query());
  auto redirect = respond(308, "it is at " + path + "\n");
  redirect.headers.add("Location", path);
  co_return redirect;
}

const connection_handler& route_table::handler_of(const request& request) const {
  const auto* row = find(request.path());
  if (!row) throw std::logic_error("no route leads to " + std::string(request.path()));
  return std::get<connection_handler>(row->to.to());
}

}  // namespace detail

router route(std::vector<path_route> routes) {
  return router(std::make_shared<const detail::route_table>(std::move(routes)));
}

request_step router::step() const {
  return [table = table_](handshake& peer, const request& request) {
    return table->answer(peer, request);
  };
}

connection_handler router::handler() const {
  return [table = table_](connection& ws) { return table->handler_of(ws.request())(ws); };
}

server serve(const router& routes, host_list hosts, int port, serve_options options) {
  options.process_request.add(routes.step());
  return serve(routes.handler(), std::move(hosts), port, std::move(options));
}

}  // namespace duplex
