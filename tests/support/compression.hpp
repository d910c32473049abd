// Two connections that agreed on permessage-deflate.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include <duplex/protocol/connection.hpp>
#include <duplex/protocol/permessage_deflate.hpp>

#include "support/protocol.hpp"

namespace duplex::test {

/// Both ends of one agreement.
struct agreed_pair {
  protocol::connection server;
  protocol::connection client;
};

/// `own` and `theirs` as the options of the server and of the client.
inline agreed_pair agree(const deflate_options& own = {}, const deflate_options& theirs = {},
                         protocol::connection_settings settings = {}) {
  const protocol::client_extensions offered{std::make_shared<protocol::permessage_deflate>(theirs)};
  auto answered = protocol::answer_offers(
      protocol::parse_extensions(
          headers{{"Sec-WebSocket-Extensions", protocol::write_offers(offered)}})
          .value(),
      {std::make_shared<protocol::permessage_deflate>(own)});
  EXPECT_EQ(answered.extensions.size(), 1u);
  agreed_pair pair{protocol::connection(protocol::side::server, settings, {}),
                   protocol::connection(protocol::side::client, settings, {}, zeros())};
  pair.server.set_extensions(std::move(answered.extensions));
  pair.client.set_extensions(protocol::accept_response(
      protocol::parse_extensions(headers{{"Sec-WebSocket-Extensions", answered.header}}).value(),
      offered));
  return pair;
}

}  // namespace duplex::test
