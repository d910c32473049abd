// All of duplex: WebSocket servers and clients.
#pragma once

#include <duplex/basic_auth.hpp>
#include <duplex/broadcast.hpp>
#include <duplex/client.hpp>
#include <duplex/connection.hpp>
#include <duplex/coro/scope.hpp>
#include <duplex/coro/task.hpp>
#include <duplex/error.hpp>
#include <duplex/io/systemd.hpp>
#include <duplex/io/worker.hpp>
#include <duplex/message.hpp>
#include <duplex/options.hpp>
#include <duplex/protocol/extension.hpp>
#include <duplex/reconnecting.hpp>
#include <duplex/router.hpp>
#include <duplex/run.hpp>
#include <duplex/server.hpp>
#include <duplex/static_files.hpp>
#include <duplex/sync/client.hpp>
#include <duplex/sync/reconnecting.hpp>
#include <duplex/tls.hpp>
#include <duplex/uri.hpp>
#include <duplex/version.hpp>
