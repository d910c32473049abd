// The commands of the program: each adds itself, and runs when it was chosen.
#pragma once

#include <CLI/CLI.hpp>

namespace duplex::cli {

/// Exit statuses that all commands share.
inline constexpr int success = 0;
inline constexpr int failure = 1;
inline constexpr int usage = 2;

/// `duplex bench URI`. Sets `status` when it runs, and throws CLI::ValidationError for arguments
/// that make no sense, as the others do.
void add_bench_command(CLI::App& app, int& status);

/// `duplex connect URI`.
void add_connect_command(CLI::App& app, int& status);

/// `duplex probe URI`.
void add_probe_command(CLI::App& app, int& status);

/// `duplex serve`.
void add_serve_command(CLI::App& app, int& status);

/// `duplex transcribe FILE...`.
void add_transcribe_command(CLI::App& app, int& status);

}  // namespace duplex::cli
