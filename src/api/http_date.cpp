// Writing HTTP's preferred format of time.
#include "api/http_date.hpp"

#include <array>
#include <string_view>

namespace duplex::detail {
namespace {

constexpr std::array<std::string_view, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::string two_digits(auto number) {
  const auto text = std::to_string(number);
  return text.size() < 2 ? "0" + text : text;
}

}  // namespace

std::string http_date(std::chrono::system_clock::time_point time) {
  using namespace std::chrono;
  const auto day = floor<std::chrono::days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(floor<seconds>(time - day));
  std::string text(detail::days[weekday(day).c_encoding()]);
  text += ", " + two_digits(static_cast<unsigned>(date.day())) + ' ';
  text += months[static_cast<unsigned>(date.month()) - 1];
  text += ' ' + std::to_string(static_cast<int>(date.year())) + ' ';
  text += two_digits(clock.hours().count()) + ':' + two_digits(clock.minutes().count()) + ':' +
          two_digits(clock.seconds().count()) + " GMT";
  return text;
}

}  // namespace duplex::detail
