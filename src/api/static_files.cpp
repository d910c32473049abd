// Answering requests with files (RFC 9110 sections 13 and 14).
#include <array>
#include <cerrno>
#include <chrono>
#include <duplex/coro/task.hpp>
#include <duplex/error.hpp>
#include <duplex/handshake.hpp>
#include <duplex/io/worker.hpp>
#include <duplex/log.hpp>
#include <duplex/protocol/header_grammar.hpp>
#include <duplex/static_files.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>

#include <fcntl.h>
#include <unistd.h>

#include "api/byte_range.hpp"
#include "api/file.hpp"
#include "api/http_date.hpp"
#include "api/url_path.hpp"

namespace duplex {
namespace {

namespace fs = std::filesystem;

// Bytes of one read.
constexpr std::size_t piece_max = std::size_t{64} << 10;

// RFC 2046, the WHATWG MIME Sniffing standard and IANA's list; text is UTF-8.
constexpr std::array<std::pair<std::string_view, std::string_view>, 32> media_types{{
    {".html", "text/html; charset=utf-8"},
    {".htm", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/markdown; charset=utf-8"},
    {".csv", "text/csv; charset=utf-8"},
    {".vtt", "text/vtt; charset=utf-8"},
    {".xml", "application/xml"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".avif", "image/avif"},
    {".ico", "image/vnd.microsoft.icon"},
    {".wasm", "application/wasm"},
    {".woff", "font/woff"},
    {".woff2", "font/woff2"},
    {".ttf", "font/ttf"},
    {".pdf", "application/pdf"},
    {".wav", "audio/wav"},
    {".mp3", "audio/mpeg"},
    {".ogg", "audio/ogg"},
    {".flac", "audio/flac"},
    {".mp4", "video/mp4"},
    {".webm", "video/webm"},
}};

std::string_view media_type(const fs::path& path) {
  const std::string extension = path.extension().string();
  for (const auto& [each, type] : media_types) {
    if (equal_ignoring_case(each, extension)) return type;
  }
  return "application/octet-stream";
}

// A place in the directory that a request names, found by a thread that may block.
struct found_file {
  std::shared_ptr<const detail::file> file;
  std::string_view type = {};
  bool is_directory = false;  // named without its slash
};

bool is_hidden(std::string_view name) { return name.starts_with('.') && name != ".well-known"; }

bool is_within(const fs::path& path, const fs::path& directory) {
  const auto [end, ignored] =
      std::mismatch(directory.begin(), directory.end(), path.begin(), path.end());
  return end == directory.end();
}

// nullopt where there is nothing to be shown.
std::optional<found_file> find_file(const fs::path& root, const std::vector<std::string>& names,
                                    const std::string& index) {
  fs::path path = root;
  for (const auto& name : names) {
    if (is_hidden(name)) return std::nullopt;
    path /= name.empty() ? index : name;
  }
  std::error_code problem;
  path = fs::canonical(path, problem);  // follows links, so that one leading out shows
  if (problem || !is_within(path, root)) return std::nullopt;
  if (fs::is_directory(path, problem)) return found_file{.file = {}, .is_directory = true};
  auto file = detail::file::open(path);
  if (!file) return std::nullopt;
  return found_file{.file = std::move(file), .type = media_type(path)};
}

// RFC 9110 section 8.8.3: changes whenever the file does.
std::string etag_of(const detail::file& file) {
  const auto time = file.modified().time_since_epoch() / std::chrono::nanoseconds(1);
  return '"' + std::to_string(time) + '-' + std::to_string(file.size()) + '"';
}

// Sections 13.1.2 and 13.1.3: whether the peer has it already. A date is compared as text: a server
// knows its own.
bool is_known(const request& request, std::string_view etag, std::string_view modified) {
  if (!request.headers.contains("If-None-Match")) {
    return request.headers.get("If-Modified-Since") == modified;
  }
  for (auto each : protocol::parse_list(request.headers, "If-None-Match")) {
    if (each.starts_with("W/")) each.remove_prefix(2);
    if (each == "*" || each == etag) return true;
  }
  return false;
}

// Section 14.2: a range is asked for by GET alone; section 13.1.5: of what the peer has a part of.
std::optional<detail::byte_range> wanted_range(const request& request, std::string_view etag,
                                               std::string_view modified, std::uint64_t size) {
  const auto header = request.headers.get("Range");
  if (request.method != "GET" || !header) return std::nullopt;
  if (request.headers.contains("If-Range")) {
    const auto condition = request.headers.get("If-Range");
    if (condition != etag && condition != modified) return std::nullopt;
  }
  return detail::parse_byte_range(*header, size);
}

// The bytes from `at` to `end`, a piece at a time.
task<std::string> read_piece(std::shared_ptr<const detail::file> file,
                             std::shared_ptr<std::uint64_t> at, std::uint64_t end) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(piece_max, end - *at));
  auto read = [file, from = *at, size] { return file->read(from, size); };
  if (size == 0) co_return std::string();
  auto piece = co_await run_blocking(std::move(read));
  if (piece.empty()) throw std::runtime_error("a file has shrunk while it was sent");
  *at += piece.size();
  co_return piece;
}

response file_response(const request& request, const found_file& found,
                       const static_file_options& options) {
  const auto& file = found.file;
  const auto etag = etag_of(*file);
  const auto modified = detail::http_date(file->modified());
  const auto whole = file->size();
  response answer = respond(200, "", found.type);
  detail::byte_range range{0, whole};
  if (is_known(request, etag, modified)) {
    answer = respond(304, "", found.type);
  } else if (const auto wanted = wanted_range(request, etag, modified, whole)) {
    answer = respond(wanted->empty() ? 416 : 206, "", found.type);
    range = *wanted;
    answer.headers.add("Content-Range", detail::content_range(range, whole));
  }
  answer.headers.add("Accept-Ranges", "bytes");
  answer.headers.add("ETag", etag);
  answer.headers.add("Last-Modified", modified);
  answer.headers.add("X-Content-Type-Options", "nosniff");
  if (!options.cache_control.empty()) answer.headers.add("Cache-Control", options.cache_control);
  if (answer.status == 304 || answer.status == 416) return answer;
  answer.headers.set("Content-Length", std::to_string(range.size()));
  answer.stream = [file, at = std::make_shared<std::uint64_t>(range.begin), end = range.end] {
    return read_piece(file, at, end);
  };
  return answer;
}

task<std::optional<response>> answer_with_file(const request& request, const fs::path& root,
                                               const static_file_options& options) {
  const auto path = request.path();
  if (protocol::lists_token(request.headers, "Upgrade", "websocket")) co_return std::nullopt;
  if (!path.starts_with(options.prefix)) co_return std::nullopt;
  auto names = detail::path_segments(path.substr(options.prefix.size() - 1));
  std::optional<found_file> found;
  if (names) {
    auto find = [root, names = std::move(*names), index = options.index] {
      return find_file(root, names, index);
    };
    auto looked = co_await run_blocking(std::move(find));
    found = std::move(looked);
  }
  if (!found) co_return respond(404, "there is nothing at this path\n");
  if (found->is_directory) {
    auto redirect = respond(308, "it is at " + std::string(path) + "/\n");
    redirect.headers.add("Location", std::string(path) + "/");
    co_return redirect;
  }
  co_return file_response(request, *found, options);
}

}  // namespace

request_step static_files(const std::string& directory, static_file_options options) {
  std::error_code problem;
  const fs::path root = fs::canonical(directory, problem);
  if (!problem && !fs::is_directory(root)) {
    throw std::invalid_argument("static_files needs a directory, got '" + escaped(directory) + "'");
  }
  // One that may not be searched would seem to be empty.
  if (!problem && faccessat(AT_FDCWD, root.c_str(), X_OK, AT_EACCESS) != 0) {
    problem = {errno, std::system_category()};
  }
  if (problem) {
    throw system_error(problem, "static_files cannot open the directory '" + directory + "'");
  }
  if (!options.prefix.starts_with('/') || !options.prefix.ends_with('/')) {
    throw std::invalid_argument(
        "the prefix of static_files must begin and end with a slash, got '" +
        escaped(options.prefix) + "'");
  }
  if (!is_field_value(options.cache_control)) {
    throw std::invalid_argument("cache_control must be the value of a header, got '" +
                                escaped(options.cache_control) + "'");
  }
  return [root, options = std::move(options)](handshake&, const request& request) {
    return answer_with_file(request, root, options);
  };
}

}  // namespace duplex
