// Options: what is refused and in which words, and what the rest becomes.
#include "protocol/option_settings.hpp"

#include <functional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/protocol/permessage_deflate.hpp>

namespace {

using namespace std::chrono_literals;
using namespace duplex::detail;
using duplex::connect_options;
using duplex::serve_options;

template <class Options>
std::string refusal(const Options& options) {
  try {
    validate(options);
    return "";
  } catch (const std::invalid_argument& refused) {
    return refused.what();
  }
}

TEST(OptionSettings, DefaultsAreGood) {
  EXPECT_EQ(refusal(connect_options{}), "");
  EXPECT_EQ(refusal(serve_options{}), "");
}

TEST(OptionSettings, TimesMustBePositive) {
  EXPECT_EQ(refusal(connect_options{.open_timeout = 0s}), "open_timeout must be positive, got 0s");
  EXPECT_EQ(refusal(connect_options{.ping_interval = -5s}),
            "ping_interval must be positive, got -5s");
  EXPECT_EQ(refusal(connect_options{.ping_timeout = -1500ms}),
            "ping_timeout must be positive, got -1500ms");
  EXPECT_EQ(refusal(serve_options{.close_timeout = -7us}),
            "close_timeout must be positive, got -7us");
  EXPECT_EQ(refusal(serve_options{.ping_interval = {}, .ping_timeout = {}}), "");
  EXPECT_EQ(refusal(connect_options{.open_timeout = 1ns}), "");
}

TEST(OptionSettings, MarksAndSizesMustMakeSense) {
  EXPECT_EQ(refusal(connect_options{.max_queue = 0}),
            "max_queue must be positive, or nullopt for no limit, got 0");
  EXPECT_EQ(refusal(connect_options{.max_queue = {4, 5}}),
            "max_queue must be a high mark and a low one, got 4 and 5");
  EXPECT_EQ(refusal(serve_options{.write_limit = {10, 20}}),
            "write_limit must be a high mark and a low one, got 10 and 20");
  EXPECT_EQ(refusal(serve_options{.read_limit = 0}), "read_limit must be positive, got 0");
  EXPECT_EQ(refusal(connect_options{.max_frame_size = 0}),
            "max_frame_size must be positive, or nullopt for no limit, got 0");
  EXPECT_EQ(refusal(serve_options{.max_fragments = 0}),
            "max_fragments must be positive, or nullopt for no limit, got 0");
  EXPECT_EQ(refusal(serve_options{.max_queue_bytes = 0}),
            "max_queue_bytes must be positive, or nullopt for no limit, got 0");
  constexpr auto minus_one = static_cast<std::size_t>(-1);
  EXPECT_EQ(refusal(serve_options{.max_size = minus_one}), "max_size must be positive, got -1");
  EXPECT_EQ(refusal(connect_options{.max_size = 0}),
            "max_size must be positive, or nullopt for no limit, got 0");
  EXPECT_EQ(refusal(connect_options{.max_queue = minus_one}),
            "max_queue must be no less than 0, got -1");
  EXPECT_EQ(refusal(serve_options{.write_limit = minus_one}),
            "write_limit must be no less than 0, got -1");
  EXPECT_EQ(refusal(serve_options{.write_limit = {10, minus_one - 1}}),
            "write_limit must be no less than 0, got -2");
  EXPECT_EQ(refusal(connect_options{.max_redirects = minus_one}),
            "max_redirects must be no less than 0, got -1");
  EXPECT_EQ(refusal(serve_options{.max_connections = minus_one}),
            "max_connections must be positive, got -1");
  EXPECT_EQ(refusal(connect_options{.max_size = 1, .max_queue = 1, .read_limit = 1}), "");
  EXPECT_EQ(refusal(serve_options{.write_limit = 0}), "");
  EXPECT_EQ(refusal(connect_options{
                .max_size = std::nullopt, .max_queue = std::nullopt, .write_limit = std::nullopt}),
            "");
}

TEST(OptionSettings, NamesAndNumbersAreChecked) {
  EXPECT_EQ(refusal(connect_options{.subprotocols = {"v1", "v 2"}}),
            "a subprotocol must be a token, got 'v 2'");
  EXPECT_EQ(refusal(serve_options{.subprotocols = {""}}), "a subprotocol must be a token, got ''");
  EXPECT_EQ(refusal(connect_options{.host = ""}), "host must be a name or an address, got ''");
  EXPECT_EQ(refusal(connect_options{.port = 0}), "port must be 1 to 65535, got 0");
  EXPECT_EQ(refusal(connect_options{.port = 65536}), "port must be 1 to 65535, got 65536");
  EXPECT_EQ(refusal(connect_options{.port = 65535}), "");
  EXPECT_EQ(refusal(serve_options{.backlog = 0}), "backlog must be positive, got 0");
}

TEST(OptionSettings, CompressionIsChecked) {
  const auto both = [](const duplex::deflate_options& options) {
    const std::string first = refusal(connect_options{.compression = options});
    EXPECT_EQ(refusal(serve_options{.compression = options}), first);
    return first;
  };
  EXPECT_EQ(both({.server_max_window_bits = 7}),
            "compression.server_max_window_bits must be 8 to 15, got 7");
  EXPECT_EQ(both({.client_max_window_bits = 16}),
            "compression.client_max_window_bits must be 8 to 15, got 16");
  EXPECT_EQ(both({.level = 10}), "compression.level must be 0 to 9, got 10");
  EXPECT_EQ(both({.level = -1}), "compression.level must be 0 to 9, got -1");
  EXPECT_EQ(both({.memory_level = 0}), "compression.memory_level must be 1 to 9, got 0");
  EXPECT_EQ(both({.max_ratio = 0}), "compression.max_ratio must be positive, got 0");
  EXPECT_EQ(both({.server_max_window_bits = 8, .level = 0, .memory_level = 9, .max_ratio = 1}), "");
  EXPECT_EQ(refusal(connect_options{.compression = {}}), "");
  EXPECT_EQ(refusal(connect_options{.extensions = {nullptr, nullptr}}),
            "an extension must be an object, got nullptr");
  EXPECT_EQ(refusal(serve_options{.extensions = {nullptr}}),
            "an extension must be an object, got nullptr");
  class oddly_named final : public duplex::protocol::client_extension {
    std::string name() const override { return "a\x1B"; }
    std::vector<duplex::protocol::extension_parameters> offers() const override { return {}; }
    std::unique_ptr<duplex::protocol::extension> accept(
        const duplex::protocol::extension_parameters&) const override {
      return nullptr;
    }
  };
  const oddly_named odd;
  EXPECT_EQ(refusal(connect_options{.extensions = {&odd}}),
            "the name of an extension must be a token, got 'a\\x1b'");
}

TEST(OptionSettings, CompressionComesBehindOtherExtensions) {
  const duplex::protocol::permessage_deflate own({.server_no_context_takeover = true});
  const auto names = [](const auto& extensions) {
    std::vector<std::string> result;
    for (const auto& each : extensions) result.push_back(each->name());
    return result;
  };
  const std::string name = "permessage-deflate";
  EXPECT_EQ(names(handshake_settings(connect_options{}).extensions), std::vector{name});
  const auto settings = handshake_settings(connect_options{.extensions = {&own}});
  EXPECT_EQ(settings.extensions.front().get(), &own);
  EXPECT_EQ(names(settings.extensions), (std::vector{name, name}));
  EXPECT_TRUE(handshake_settings(connect_options{.compression = {}}).extensions.empty());
  EXPECT_EQ(names(extensions_of(serve_options{})), std::vector{name});
  EXPECT_TRUE(extensions_of(serve_options{.compression = {}}).empty());
}

TEST(OptionSettings, CoreGetsItsLimits) {
  const auto settings = core_settings(
      connect_options{.ping_interval = 1s, .ping_timeout = 2s, .close_timeout = 3s, .max_size = 4});
  EXPECT_EQ(settings.ping_interval, 1s);
  EXPECT_EQ(settings.ping_timeout, 2s);
  EXPECT_EQ(settings.close_timeout, 3s);
  EXPECT_EQ(settings.max_size, 4u);
  EXPECT_FALSE(core_settings(serve_options{.max_size = {}}).max_size);
}

TEST(OptionSettings, HandshakeGetsCopies) {
  std::string origin = "https://example.com", name = "X-Trace", value = "7", protocol = "v1";
  const auto settings = handshake_settings({.origin = origin,
                                            .subprotocols = {protocol, "v2"},
                                            .additional_headers = {{name, value}},
                                            .user_agent_header = {}});
  for (std::string* each : {&origin, &name, &value, &protocol}) each->assign(each->size(), '?');
  EXPECT_EQ(settings.origin, "https://example.com");
  EXPECT_EQ(settings.subprotocols, (std::vector<std::string>{"v1", "v2"}));
  EXPECT_EQ(settings.additional_headers.get("x-trace"), "7");
  EXPECT_FALSE(settings.user_agent_header);
  EXPECT_EQ(handshake_settings({}).user_agent_header, connect_options::default_user_agent());
  EXPECT_THROW(handshake_settings({.additional_headers = {{"a b", "c"}}}), std::invalid_argument);
}

TEST(OptionSettings, InboxHoldsFourMessagesOfMaxSizeAndAtLeastOneRead) {
  auto pushes_until_paused = [](duplex::inbox box, std::size_t size) {
    int count = 0;
    for (; !box.paused() && count < 1000; ++count) {
      box.push(duplex::message(std::string(size, 'x')));
    }
    return count;
  };
  EXPECT_EQ(pushes_until_paused(make_inbox(connect_options{.max_size = 100'000}), 100'000), 4);
  EXPECT_EQ(pushes_until_paused(make_inbox(connect_options{.max_queue_bytes = 300'000}), 100'000),
            3);
  EXPECT_EQ(pushes_until_paused(
                make_inbox(serve_options{.max_size = 10, .max_queue = std::nullopt}), 968),
            65536 / 1000 + 1);
  EXPECT_EQ(pushes_until_paused(
                make_inbox(connect_options{.max_size = {}, .max_queue = std::nullopt}), 100'000),
            1000);
}

TEST(OptionSettings, UuidsAreRandomAndOfVersionFour) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const auto id = make_uuid();
    EXPECT_EQ(id.size(), 36u);
    EXPECT_EQ(id.find_first_not_of("0123456789abcdef-"), std::string::npos) << id;
    for (const std::size_t dash : {8, 13, 18, 23}) EXPECT_EQ(id[dash], '-') << id;
    EXPECT_EQ(id[14], '4') << id;
    EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos) << id;
    seen.insert(id);
  }
  EXPECT_EQ(seen.size(), 100u);
}

TEST(OptionSettings, UserAgentNamesTheVersion) {
  EXPECT_TRUE(connect_options::default_user_agent().starts_with("duplex/0."));
  EXPECT_TRUE(connect_options::default_user_agent().ends_with(")"));
}

}  // namespace
