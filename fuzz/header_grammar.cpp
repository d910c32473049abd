// Header fields and the lists in them: what is added comes back from the wire, and a list is the
// same however it is written.
#include <duplex/protocol/header_grammar.hpp>
#include <duplex/protocol/http1.hpp>
#include <duplex/protocol/permessage_deflate.hpp>

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "property.hpp"

using namespace duplex;
using fuzz::require;

namespace {

bool adds(headers& to, std::string_view name, std::string_view value) {
  try {
    to.add(std::string(name), std::string(value));
    return true;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

// Nothing that headers take can break a line or hide a field.
void check_wire(const headers& fields, unsigned seed) {
  const request sent{.headers = fields};
  protocol::http1_head_reader reader({.max_line = 100'000, .max_headers = 100'000});
  for (const auto& piece : fuzz::chopped(protocol::write_request(sent), seed)) {
    reader.receive_data(as_bytes(piece));
  }
  require(reader.complete() && reader.rest().empty(), "a head ends where it was ended");
  require(reader.start_line() == "GET / HTTP/1.1", "the first line is the request's");
  require(reader.headers() == fields, "fields come as they were sent");
}

void check_list(const headers& fields) {
  const auto elements = protocol::parse_list(fields, "list");
  std::string joined;
  for (const auto element : elements) {
    require(!element.empty() && element.find(',') == std::string_view::npos,
            "elements are not empty and hold no comma");
    require(is_field_value(element), "elements have no white space at their ends");
    require(protocol::lists_token(fields, "LIST", element), "a list has its elements");
    joined.append(joined.empty() ? "" : ",\t ,").append(element);
  }
  headers one;
  one.add("List", joined);
  require(protocol::parse_list(one, "list") == elements, "several lines are one list");
  const auto tokens = protocol::parse_token_list(fields, "list");
  require(tokens.has_value() == std::all_of(elements.begin(), elements.end(), is_token),
          "a token list has tokens only");
  require(!tokens || *tokens == elements, "a token list is a list");
}

const protocol::extension_parameter* find(const protocol::extension_offer& in,
                                          std::string_view name) {
  const auto found = std::find_if(in.parameters.begin(), in.parameters.end(),
                                  [&](const auto& each) { return each.name == name; });
  return found == in.parameters.end() ? nullptr : &*found;
}

// RFC 7692 section 7.1, with the options' defaults.
bool answers(const protocol::extension_offer& agreed, const protocol::extension_offer& offer) {
  if (agreed.name != offer.name) return false;
  for (const char* name : {"server_no_context_takeover", "client_no_context_takeover"}) {
    if ((find(agreed, name) == nullptr) != (find(offer, name) == nullptr)) return false;
  }
  const auto* const asked = find(offer, "server_max_window_bits");
  const auto* const given = find(agreed, "server_max_window_bits");
  if ((asked == nullptr) != (given == nullptr)) return false;
  if (given != nullptr && given->value != asked->value) return false;
  const auto* const mine = find(offer, "client_max_window_bits");
  const auto* const limited = find(agreed, "client_max_window_bits");
  return limited == nullptr || (mine != nullptr && mine->value == limited->value);
}

// What is understood is written in one way; a server answers with what was offered.
void check_extensions(const headers& fields) {
  const auto offers = protocol::parse_extensions(fields);
  if (!offers) return;
  for (const auto& [name, parameters] : *offers) {
    require(is_token(name), "names of extensions are tokens");
    for (const auto& each : parameters) {
      require(is_token(each.name) && (!each.value || is_token(*each.value)),
              "parameters are tokens, and so are their values");
    }
  }
  headers one;
  one.add("Sec-WebSocket-Extensions", protocol::write_extensions(*offers));
  require(protocol::parse_extensions(one) == offers, "what is written is read as it was");

  const auto known = std::make_shared<const protocol::permessage_deflate>();
  const auto answer = protocol::answer_offers(*offers, {known});
  one.set("Sec-WebSocket-Extensions", answer.header);
  const auto response = protocol::parse_extensions(one);
  require(response && response->size() == answer.extensions.size() && response->size() <= 1,
          "an answer is in the grammar");
  for (const auto& agreed : *response) {
    require(std::any_of(offers->begin(), offers->end(),
                        [&](const auto& offer) { return answers(agreed, offer); }),
            "an answer has what one offer asks for, and nothing it does not allow");
  }
}

}  // namespace

// An input's first byte chooses the chops; each line of the rest is a name, a colon and a value.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  const unsigned seed = in.byte();
  headers fields;
  while (!in.empty()) {
    const auto line = in.line();
    const auto colon = std::min(line.find(':'), line.size());
    const auto name = line.substr(0, colon);
    const auto value = line.substr(std::min(colon + 1, line.size()));
    const auto count = fields.size();
    const bool fits = is_token(name) && is_field_value(value);
    require(adds(fields, name, value) == fits, "tokens and printable values are taken, no others");
    require(fields.size() == count + (fits ? 1 : 0), "what is refused leaves nothing");
  }
  check_wire(fields, seed);
  check_list(fields);
  check_extensions(fields);
  return 0;
}
