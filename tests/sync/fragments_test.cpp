// Messages in fragments, and figures, of a blocking connection.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <duplex/error.hpp>
#include <duplex/sync/client.hpp>

#include "support/raw_server.hpp"

namespace duplex::test {
namespace {
