// The files of a small web site, served beside WebSockets.
#pragma once

#include <string>

#include <duplex/handshake_steps.hpp>

namespace duplex {

/// Which requests `static_files` answers, and how.
struct static_file_options {
  /// The path below which the files are, such as "/site/".
  std::string prefix = "/";
  /// The file that stands for a directory.
  std::string index = "index.html";
  /// The value of Cache-Control; empty for none.
  std::string cache_control = "no-cache";
};

/// A step of process_request that answers plain HTTP with the files of a directory, and leaves
/// requests of WebSockets and paths outside the prefix to the next step.
///
///     serve(handler, "", 8765, {.process_request = static_files("web")})
///
/// GET and HEAD; one byte range of a request (206, 416), ETag and If-None-Match, Last-Modified and
/// If-Modified-Since (304), If-Range (RFC 9110 sections 13 and 14); a directory without its slash
/// is redirected (308); all else is 404. Never left: names that begin with a dot (but
/// ".well-known"), links that lead out of the directory, and what is no regular file are 404 too.
/// Files are read by the worker pool, 64 KiB at a time and no faster than the peer takes them.
///
/// Throws std::system_error where the directory is not there,
/// std::invalid_argument where it is none or the prefix does not begin and end with a slash.
request_step static_files(const std::string& directory, static_file_options options = {});

}  // namespace duplex
