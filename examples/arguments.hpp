// What examples take as arguments: a whole number, or they say how they are used.
#pragma once

#include <charconv>
#include <cstdlib>
#include <iostream>
#include <string_view>

/// Ends the program with status 2.
[[noreturn]] inline void show_usage(const char* usage) {
  std::cerr << "usage: " << usage << '\n';
  std::exit(2);
}

/// The number from 0 to `max` at that place, or `fallback` where there is no argument. Anything
/// else ends the program, as do more arguments, and options.
inline int number_argument(int argc, char** argv, int at, int fallback, int max,
                           const char* usage) {
  if (argc > at + 1 || (argc > 1 && argv[1][0] == '-')) show_usage(usage);
  if (argc <= at) return fallback;
  const std::string_view text = argv[at];
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0 || number > max)
    show_usage(usage);
  return number;
}

/// A port to listen on, 8765 by default; 0 takes a free one.
inline int port_argument(int argc, char** argv, int at, const char* usage) {
  return number_argument(argc, argv, at, 8765, 65535, usage);
}
