// Certificates made for the test that runs: nothing that expires is kept.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace duplex::test {

/// A certificate and its key, in PEM.
struct test_certificate {
  std::string certificate, key;
};

/// What a certificate says; good for localhost, now, unless told otherwise.
struct certificate_wish {
  std::string common_name = "localhost";
  /// As OpenSSL writes them: "DNS:example.org", "IP:127.0.0.1". None: none.
  std::vector<std::string> names = {"DNS:localhost", "IP:127.0.0.1", "IP:::1"};
  std::chrono::hours starts = std::chrono::hours(-1);  ///< from now
  std::chrono::hours ends = std::chrono::hours(24);
};

/// An authority that signs.
class test_authority {
 public:
  explicit test_authority(const std::string& name = "duplex test authority");
  ~test_authority();
  test_authority(const test_authority&) = delete;
  test_authority& operator=(const test_authority&) = delete;

  /// Its own certificate, in PEM.
  const std::string& certificate() const;
  test_certificate issue(const certificate_wish& wish = {}) const;
  /// An authority below it, whose certificate follows in what it issues.
  std::unique_ptr<test_authority> issue_authority(const std::string& name) const;

 private:
  struct state;
  explicit test_authority(std::unique_ptr<state> made);
  std::unique_ptr<state> state_;
};

/// A certificate that is its own authority.
test_certificate self_signed(const certificate_wish& wish = {});
/// The same key, encrypted.
std::string encrypted_key(const std::string& key, std::string_view password);

/// A folder for the files of a test, removed with it.
class test_files {
 public:
  test_files();
  ~test_files();
  test_files(const test_files&) = delete;
  test_files& operator=(const test_files&) = delete;

  /// Writes a file and gives its path.
  std::string write(const std::string& name, std::string_view text) const;
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

 private:
  std::filesystem::path folder_;
};

}  // namespace duplex::test
