// Files over HTTP: what is shown, in which parts, and what never leaves.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <duplex/server.hpp>
#include <duplex/static_files.hpp>

#include "http_answer.hpp"

namespace duplex::test {
namespace {

namespace fs = std::filesystem;

// A directory with a site and things beside it, gone with the test.
class static_files_of : public testing::Test {
 protected:
  static_files_of() {
    std::string name = (fs::temp_directory_path() / "duplex-site-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory for a site");
    root_ = name;
    fs::create_directories(site() / "docs");
    fs::create_directories(site() / ".git");
    fs::create_directories(site() / ".well-known");
    write("secret.txt", "secret");
    write("site/index.html", "<p>home");
    write("site/docs/index.html", "<p>docs");
    write("site/ten.txt", "0123456789");
    write("site/empty.bin", "");
    write("site/a b\xC3\xA9.JSON", "{}");
    write("site/.git/config", "secret");
    write("site/.env", "secret");
    write("site/.well-known/x", "known");
    fs::create_symlink("../secret.txt", site() / "link-out.txt");
    fs::create_directory_symlink("..", site() / "up");
    fs::create_symlink("ten.txt", site() / "link-in.txt");
    ::mkfifo((site() / "pipe").c_str(), 0600);
  }
  ~static_files_of() override {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  fs::path site() const { return root_ / "site"; }
  void write(const std::string& path, const std::string& bytes) {
    std::ofstream(root_ / path, std::ios::binary) << bytes;
  }
  server serve_site(static_file_options options = {}) {
    return serve(echo, "127.0.0.1", 0, {.process_request = static_files(site().string(), options)});
  }
  http_answer get(const std::string& target, const std::string& headers = {},
                  const char* method = "GET") {
    return answer_of(serve_site(), http_request(method, target, headers));
  }

  fs::path root_;
};

TEST_F(static_files_of, a_directory_are_shown_with_their_types) {
  struct row {
    const char* path;
    const char* type;
    const char* body;
  };
  for (const auto& [path, type, body] :
       {row{"/", "text/html; charset=utf-8", "<p>home"},
        row{"/index.html?x=1", "text/html; charset=utf-8", "<p>home"},
        row{"/docs/", "text/html; charset=utf-8", "<p>docs"},
        row{"/ten.txt", "text/plain; charset=utf-8", "0123456789"},
        row{"/link-in.txt", "text/plain; charset=utf-8", "0123456789"},
        row{"/a%20b%C3%A9.JSON", "application/json", "{}"},
        row{"/empty.bin", "application/octet-stream", ""},
        row{"/.well-known/x", "application/octet-stream", "known"}}) {
    const auto answer = get(path);
    EXPECT_EQ(answer.status(), "200 OK") << path;
    EXPECT_EQ(answer.value("Content-Type"), type) << path;
    EXPECT_EQ(answer.value("Content-Length"), std::to_string(answer.body.size())) << path;
    EXPECT_EQ(answer.value("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(answer.value("Cache-Control"), "no-cache");
    EXPECT_EQ(answer.body, body) << path;
  }
}

TEST_F(static_files_of, a_directory_never_leave_it) {
  for (const char* path : {"/../secret.txt",
                           "/%2e%2e/secret.txt",
                           "/..%2fsecret.txt",
                           "/docs/../../secret.txt",
                           "/docs/%2E%2E/%2E%2E/secret.txt",
                           "/..%5Csecret.txt",
                           "/%00",
                           "/ten.txt%00.html",
                           "//secret.txt",
                           "/%2Fsecret.txt",
                           "/link-out.txt",
                           "/up/secret.txt",
                           "/up/",
                           "/.git/config",
                           "/.env",
                           "/%2Eenv",
                           "/pipe",
                           "/none.txt",
                           "/ten.txt/",
                           "/ten.txt/x",
                           "/%ff",
                           "/docs//index.html",
                           "/docs/./index.html"}) {
    const auto answer = get(path);
    EXPECT_EQ(answer.status(), "404 Not Found") << path;
    EXPECT_EQ(answer.body, "there is nothing at this path\n") << path;
  }
  EXPECT_EQ(get("/" + std::string(5'000, 'a')).status(), "404 Not Found");
}

TEST_F(static_files_of, a_directory_named_without_its_slash_is_redirected_to) {
  const auto answer = get("/docs");
  EXPECT_EQ(answer.status(), "308 Permanent Redirect");
  EXPECT_EQ(answer.value("Location"), "/docs/");
}

TEST_F(static_files_of, a_site_leave_websockets_and_other_paths_alone) {
  EXPECT_EQ(answer_of(serve_site(), upgrade_request()).status(), "101 Switching Protocols");
  const auto below = serve_site({.prefix = "/site/"});
  EXPECT_EQ(answer_of(below, http_request("GET", "/site/ten.txt")).body, "0123456789");
  EXPECT_EQ(answer_of(below, http_request("GET", "/site/")).body, "<p>home");
  EXPECT_EQ(answer_of(below, http_request("GET", "/ten.txt")).status(), "426 Upgrade Required");
}

TEST_F(static_files_of, a_head_request_have_everything_but_the_body) {
  const auto answer = get("/ten.txt", "Range: bytes=0-1\r\n", "HEAD");
  EXPECT_EQ(answer.status(), "200 OK");
  EXPECT_EQ(answer.value("Content-Length"), "10");
  EXPECT_EQ(answer.value("Accept-Ranges"), "bytes");
  EXPECT_EQ(answer.body, "");
}

TEST_F(static_files_of, one_range_come_in_part) {
  struct row {
    const char* range;
    const char* content_range;
    const char* body;
  };
  for (const auto& [range, content_range, body] :
       {row{"bytes=0-4", "bytes 0-4/10", "01234"}, row{"bytes=5-", "bytes 5-9/10", "56789"},
        row{"bytes=-3", "bytes 7-9/10", "789"}, row{"Bytes=9-9", "bytes 9-9/10", "9"},
        row{"bytes=-99", "bytes 0-9/10", "0123456789"}, row{"bytes=8-99", "bytes 8-9/10", "89"},
        row{"bytes=1-99999999999999999999", "bytes 1-9/10", "123456789"}}) {
    const auto answer = get("/ten.txt", "Range: " + std::string(range) + "\r\n");
    EXPECT_EQ(answer.status(), "206 Partial Content") << range;
    EXPECT_EQ(answer.value("Content-Range"), content_range) << range;
    EXPECT_EQ(answer.value("Content-Length"), std::to_string(answer.body.size())) << range;
    EXPECT_EQ(answer.body, body) << range;
  }
}

TEST_F(static_files_of, a_range_beyond_the_end_are_refused_with_416) {
  for (const char* range :
       {"bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999-"}) {
    const auto answer = get("/ten.txt", "Range: " + std::string(range) + "\r\n");
    EXPECT_EQ(answer.status(), "416 Range Not Satisfiable") << range;
    EXPECT_EQ(answer.value("Content-Range"), "bytes */10") << range;
    EXPECT_EQ(answer.body, "") << range;
  }
  EXPECT_EQ(get("/empty.bin", "Range: bytes=0-\r\n").status(), "416 Range Not Satisfiable");
}

TEST_F(static_files_of, a_range_that_is_none_come_whole) {
  for (const char* range : {"bytes=0-1,3-4", "bytes=4-2", "bytes=a-b", "bytes=", "bytes=-",
                            "items=0-1", "bytes=0x1-2", "bytes=1 -2", "bytes=--1"}) {
    const auto answer = get("/ten.txt", "Range: " + std::string(range) + "\r\n");
    EXPECT_EQ(answer.status(), "200 OK") << range;
    EXPECT_EQ(answer.body, "0123456789") << range;
  }
}

TEST_F(static_files_of, a_site_are_not_sent_twice_to_who_has_them) {
  const auto first = get("/ten.txt");
  const auto etag = first.value("ETag"), modified = first.value("Last-Modified");
  EXPECT_TRUE(modified.ends_with(" GMT")) << modified;
  for (const auto& header : {"If-None-Match: " + etag, "If-None-Match: \"x\", W/" + etag,
                             std::string("If-None-Match: *"), "If-Modified-Since: " + modified}) {
    const auto again = get("/ten.txt", header + "\r\n");
    EXPECT_EQ(again.status(), "304 Not Modified") << header;
    EXPECT_EQ(again.value("ETag"), etag);
    EXPECT_EQ(again.value("Content-Length"), "missing");
    EXPECT_EQ(again.body, "");
  }
  EXPECT_EQ(
      get("/ten.txt", "If-None-Match: \"x\"\r\nIf-Modified-Since: " + modified + "\r\n").status(),
      "200 OK");
  write("site/ten.txt", "changed");
  const auto changed = get("/ten.txt", "If-None-Match: " + etag + "\r\n");
  EXPECT_EQ(changed.status(), "200 OK");
  EXPECT_EQ(changed.body, "changed");
}

TEST_F(static_files_of, a_range_of_another_version_come_whole) {
  const auto etag = get("/ten.txt").value("ETag");
  const std::string range = "Range: bytes=0-1\r\n";
  EXPECT_EQ(get("/ten.txt", range + "If-Range: " + etag + "\r\n").body, "01");
  EXPECT_EQ(get("/ten.txt", range + "If-Range: \"other\"\r\n").body, "0123456789");
}

TEST_F(static_files_of, eight_megabytes_are_read_no_faster_than_they_are_taken) {
  const std::size_t size = std::size_t{8} << 20;
  {
    std::ofstream file(site() / "large.bin", std::ios::binary);
    for (std::size_t i = 0; i < size / 64; ++i) {
      char line[65];
      std::snprintf(line, sizeof line, "%064zu", i);
      file << line;
    }
  }
  const auto server = serve_site();
  run_test([&]() -> task<> {
    auto client = co_await raw_client::connect(server.port());
    co_await client.write(http_request("GET", "/large.bin"));
    auto head = co_await client.read_until("\r\n\r\n");
    EXPECT_NE(head.find("Content-Length: " + std::to_string(size)), std::string::npos);
    // Not read for a while, then all of it.
    co_await sleep_for(20ms);
    auto body = co_await client.read_to_end();
    EXPECT_EQ(body.size(), size);
    EXPECT_TRUE(body.ends_with(std::to_string(size / 64 - 1)));
    EXPECT_FALSE(client.was_reset());
  });
}

TEST_F(static_files_of, a_file_that_shrinks_meanwhile_are_cut_and_the_server_lives_on) {
  write("site/shrinks.bin", std::string(std::size_t{32} << 20, 'x'));
  const auto server = serve_site();
  run_test([&]() -> task<> {
    auto client = co_await raw_client::connect(server.port());
    co_await client.write(http_request("GET", "/shrinks.bin"));
    co_await client.read(1000);
    fs::resize_file(site() / "shrinks.bin", 10);
    auto rest = co_await client.read_to_end();
    EXPECT_LT(rest.size(), std::size_t{32} << 20);
    auto again = co_await ask(server.port(), http_request("GET", "/shrinks.bin"));
    EXPECT_EQ(again.body, "xxxxxxxxxx");
  });
}

TEST_F(static_files_of, a_directory_that_nobody_may_search_are_refused) {
  fs::permissions(root_, fs::perms(0755));
  const auto secret = root_ / "secret";
  fs::create_directory(secret);
  fs::permissions(secret, fs::perms::none);
  const auto open_as_nobody = [&] {
    if (::geteuid() == 0 && ::seteuid(65534) != 0) ::_exit(2);
    const auto told = failure_now([&] { static_files(secret.string()); });
    ::_exit(told.ends_with("'" + secret.string() + "': permission denied"));
  };
  EXPECT_EXIT(open_as_nobody(), testing::ExitedWithCode(1), "");
}

TEST_F(static_files_of, what_is_no_directory_are_refused) {
  EXPECT_EQ(failure_now([] { static_files("/no/such"); }),
            "system: static_files cannot open the directory '/no/such': no such file or directory");
  EXPECT_THROW(static_files((root_ / "none").string()), std::system_error);
  EXPECT_EQ(failure_now([&] { static_files((site() / "ten.txt").string()); }),
            "invalid argument: static_files needs a directory, got '" +
                (site() / "ten.txt").string() + "'");
  EXPECT_EQ(failure_now([&] { static_files(site().string(), {.prefix = "/site"}); }),
            "invalid argument: the prefix of static_files must begin and end with a slash, got "
            "'/site'");
  EXPECT_EQ(failure_now([&] { static_files(site().string(), {.cache_control = "a\r\nb"}); }),
            "invalid argument: cache_control must be the value of a header, got 'a\\r\\nb'");
}

}  // namespace
}  // namespace duplex::test
