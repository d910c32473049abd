// Messages as applications send them: JSON of about 2 KiB, alike but never the same.
#pragma once

#include <random>
#include <string>
#include <vector>

/// The same messages in every run.
inline std::vector<std::string> json_messages(std::size_t count) {
  std::mt19937 random(1);
  const auto below = [&](unsigned most) { return std::to_string(random() % most); };
  const char* const states[] = {"active", "pending", "suspended", "closed"};
  std::vector<std::string> messages;
  for (std::size_t i = 0; i < count; ++i) {
    std::string text =
        R"({"type":"update","sequence":)" + std::to_string(100'000 + i) + R"(,"items":[)";
    while (text.size() < 1960) {
      text += R"({"id":)" + below(1'000'000) + R"(,"user":"user)" + below(1000) +
              R"(","status":")" + states[random() % 4] + R"(","price":)" + below(10'000) + "." +
              below(100) + R"(,"tags":["t)" + below(50) + R"(","t)" + below(50) + R"("]},)";
    }
    text.back() = ']';
    messages.push_back(text + "}");
  }
  return messages;
}
