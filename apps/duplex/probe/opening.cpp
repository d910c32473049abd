#include "probe/opening.hpp"

#include <algorithm>

#include "probe/conversation.hpp"
#include "probe/exchange.hpp"

namespace duplex::probe {
namespace {

std::string filled(std::string text, std::string_view mark, const std::string& value) {
  const auto at = text.find(mark);
  return at == std::string::npos ? text : text.replace(at, mark.size(), value);
}

request_lines bent(const opening& opening, const target& target) {
  request_lines request = right_request(target);
  const std::string host = request.value("Host");
  for (const std::string& name : opening.drop) request.drop(name);
  for (const std::string& line : opening.add)
    request.headers.push_back(filled(line, "{host}", host));
  if (!opening.first.empty()) {
    request.first = filled(filled(opening.first, "{target}", target.uri.target()), "{host}", host);
  }
  request.line_end = opening.line_end;
  return request;
}

std::string expected_of(const opening& opening) {
  switch (opening.right) {
    case welcome::accepted:
      return "101";
    case welcome::either:
      return "101, or a refusal";
    default:
      break;
  }
  std::string text = opening.status == 0 ? "a refusal" : std::to_string(opening.status);
  if (!opening.header.empty()) text += " with " + opening.header;
  if (opening.right == welcome::dropped) text += ", or the end of the connection";
  return text;
}

finding judge_accepted(const opening& opening, const target& target, const answer& answer,
                       const request_lines& request, peer& peer, time_point deadline) {
  if (const auto problem = check_upgrade(answer, request)) {
    return {.verdict = verdict::wrong, .got = problem->what, .section = problem->section};
  }
  if (opening.right != welcome::accepted && opening.right != welcome::either) {
    if (opening.tolerated.empty()) return {.verdict = verdict::wrong};
    return {.verdict = verdict::differs, .note = opening.tolerated};
  }
  conversation opened(peer, deadline);
  exchange works;
  if (!opening.echo.empty() && target.echoes) works.answers = {says_text(opening.echo)};
  return play(works, target, opened);
}

finding judge_refused(const opening& opening, const answer& answer) {
  if (const auto problem = check_refusal(answer)) {
    return {.verdict = verdict::wrong, .got = problem->what, .section = problem->section};
  }
  if (opening.right == welcome::accepted) {
    if (opening.tolerated.empty()) return {.verdict = verdict::wrong};
    return {.verdict = verdict::differs, .note = opening.tolerated};
  }
  if (!opening.header.empty() && !answer.headers.contains(opening.header)) {
    return {.verdict = verdict::wrong, .got = describe(answer) + " without " + opening.header};
  }
  if (opening.status != 0 && answer.status != opening.status) {
    return {.verdict = verdict::differs, .note = "refuses with another status"};
  }
  return {};
}

finding run(const opening& opening, const target& target) {
  const auto deadline = clock::now() + target.timeout;
  peer peer(target, deadline);
  const request_lines request = bent(opening, target);
  std::string bytes = opening.instead.empty() ? opening.before + request.bytes() : opening.instead;
  bytes += opening.behind;
  const std::size_t chop = opening.chop == 0 ? bytes.size() : opening.chop;
  for (std::size_t at = 0; at < bytes.size(); at += chop) {
    if (!peer.write(std::string_view(bytes).substr(at, chop), deadline)) break;
  }
  const answer answer = read_answer(peer, deadline);
  finding result;
  if (answer.kind == answer::type::response) {
    result = answer.status == 101 ? judge_accepted(opening, target, answer, request, peer, deadline)
                                  : judge_refused(opening, answer);
  } else if (opening.right == welcome::accepted || answer.kind == answer::type::silence) {
    result.verdict = verdict::wrong;
  } else if (opening.right == welcome::refused) {
    // Section 4.2.1: the server "MUST ... return an HTTP response with an appropriate error code".
    result = {.verdict = verdict::differs, .note = "refuses without a response"};
  }
  if (result.expected.empty() || answer.status != 101) result.expected = expected_of(opening);
  if (result.got.empty()) result.got = describe(answer);
  return result;
}

}  // namespace

probe_case to_case(opening opening) {
  probe_case result{.name = opening.name, .section = opening.section, .sent = opening.sent};
  result.run = [row = std::move(opening)](const target& target) { return run(row, target); };
  return result;
}

std::vector<probe_case> to_cases(std::vector<opening> openings) {
  std::vector<probe_case> result;
  for (opening& each : openings) result.push_back(to_case(std::move(each)));
  return result;
}

}  // namespace duplex::probe
