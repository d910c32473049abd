// What sanitizers change for a test: memory and time where they have an allocator of their own.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DUPLEX_TEST_SANITIZED 1
#elif defined(__has_feature)
#define DUPLEX_TEST_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define DUPLEX_TEST_SANITIZED 0
#endif

#if defined(__has_feature)
#define DUPLEX_TEST_CHECKS_CALLS __has_feature(undefined_behavior_sanitizer)
#else
#define DUPLEX_TEST_CHECKS_CALLS 0
#endif

namespace duplex::test {

inline constexpr bool sanitized = DUPLEX_TEST_SANITIZED;

/// Whether virtual calls are checked, which takes descriptors: where there is none left, the check
/// sees errors that are not there.
inline constexpr bool checks_virtual_calls = DUPLEX_TEST_CHECKS_CALLS;

}  // namespace duplex::test
