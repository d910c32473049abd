// The extension permessage-deflate: messages compressed (RFC 7692).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <duplex/deflate_options.hpp>
#include <duplex/protocol/extension.hpp>

namespace duplex::protocol {

/// permessage-deflate for both sides. The options must be in their ranges.
class permessage_deflate final : public client_extension, public server_extension {
 public:
  explicit permessage_deflate(const deflate_options& options = {}) : options_(options) {}

  std::string name() const override { return "permessage-deflate"; }
  std::vector<extension_parameters> offers() const override;
  std::unique_ptr<extension> accept(const extension_parameters& response) const override;
  std::optional<agreement> answer(const extension_parameters& offer) const override;

 private:
  deflate_options options_;
};

}  // namespace duplex::protocol
