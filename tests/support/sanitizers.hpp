// Whether a sanitizer that has an allocator of its own changes what memory and time tell.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DUPLEX_TEST_SANITIZED 1
#elif defined(__has_feature)
#define DUPLEX_TEST_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define DUPLEX_TEST_SANITIZED 0
#endif

namespace duplex::test {

inline constexpr bool sanitized = DUPLEX_TEST_SANITIZED;

}  // namespace duplex::test
