// What is wrong with a peer's certificate, in words.
#pragma once

#include <string>

#include "tls/openssl.hpp"

namespace duplex::tls {

/// "certificate expired on 2024-05-01", "certificate is for example.org, not localhost",
/// "certificate signed by unknown authority (CN=Example Root)". `host` is who the peer should be.
std::string describe_refusal(X509_STORE_CTX* checked, const std::string& host);

}  // namespace duplex::tls
