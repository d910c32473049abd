#include "probe/report.hpp"

#include <algorithm>
#include <duplex/version.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

namespace duplex::probe {
namespace {

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

std::string right_aligned(std::size_t number, std::size_t width) {
  const std::string digits = std::to_string(number);
  return std::string(width - std::min(width, digits.size()), ' ') + digits;
}

// A name and a text behind it, if there is one.
std::string line(std::string_view name, const std::string& text) {
  return text.empty() ? "" : "  " + padded(std::string(name), 10) + text + "\n";
}

// The categories in the order of the cases, each with its counts.
std::vector<std::pair<std::string, counts>> by_category(std::span<const result> results) {
  std::vector<std::pair<std::string, counts>> categories;
  for (auto from = results.begin(); from != results.end();) {
    const std::string category = from->of->category();
    const auto to = std::find_if(
        from, results.end(), [&](const result& each) { return each.of->category() != category; });
    categories.emplace_back(category, count({from, to}));
    from = to;
  }
  return categories;
}

std::string write_categories(std::span<const result> results) {
  std::string text = padded("", 16) + "    ok  wrong differs skipped\n";
  for (const auto& [category, of] : by_category(results)) {
    text += padded(category, 16) + right_aligned(of.ok, 6) + right_aligned(of.wrong, 7) +
            right_aligned(of.differs, 8) + right_aligned(of.skipped, 8) + "\n";
  }
  return text;
}

std::string section_of(const result& result) {
  return result.finding.section.empty() ? result.of->section : result.finding.section;
}

// Whether two findings tell the same.
bool alike(const result& a, const result& b) {
  const auto told = [](const finding& of) {
    return std::tie(of.verdict, of.expected, of.got, of.note);
  };
  return a.of->category() == b.of->category() && section_of(a) == section_of(b) &&
         told(a.finding) == told(b.finding);
}

// The names of results, several a line.
std::string write_names(std::span<const result> results) {
  constexpr std::size_t width = 100;
  std::string text, row;
  for (const result& each : results) {
    if (!row.empty() && row.size() + each.of->name.size() > width) {
      text += line(text.empty() ? "likewise" : "", row);
      row.clear();
    }
    row += (row.empty() ? "" : " ") + each.of->name;
  }
  return text + line(text.empty() ? "likewise" : "", row);
}

std::string write_finding(const result& result) {
  const finding& found = result.finding;
  return padded(std::string(to_string(found.verdict)), 8) + padded(result.of->name, 44) + " " +
         section_of(result) + "\n" + line("sent", result.of->sent) +
         line("expected", found.expected) + line("got", found.got) + line("note", found.note);
}

// What is not ok, or all; neighbours that tell the same are told together.
std::string write_findings(std::span<const result> results, bool verbose) {
  std::string text;
  for (auto from = results.begin(); from != results.end();) {
    const auto to = std::find_if(from + 1, results.end(), [&](const result& each) {
      return verbose || !alike(*from, each);
    });
    const verdict of = from->finding.verdict;
    if (verbose || of == verdict::wrong || of == verdict::differs) {
      text += write_finding(*from) + write_names({from + 1, to}) + "\n";
    }
    from = to;
  }
  return text;
}

// Each reason once, with the number of cases that were skipped for it.
std::string write_skipped(std::span<const result> results) {
  std::map<std::string, std::size_t> reasons;
  for (const result& each : results) {
    if (each.finding.verdict == verdict::skipped) ++reasons[each.finding.note];
  }
  std::string text;
  for (const auto& [reason, number] : reasons) {
    text += "skipped " + std::to_string(number) + ": " + reason + "\n";
  }
  return text;
}

std::string describe(const target& target) {
  std::string text = target.uri.str();
  if (!target.software.empty()) text += ", " + target.software;
  text += target.echoes ? ", echoes" : ", does not echo";
  return text + (target.compresses ? ", compresses" : ", does not compress");
}

}  // namespace

counts count(std::span<const result> results) {
  counts total;
  for (const result& each : results) {
    switch (each.finding.verdict) {
      case verdict::ok:
        ++total.ok;
        break;
      case verdict::wrong:
        ++total.wrong;
        break;
      case verdict::differs:
        ++total.differs;
        break;
      case verdict::skipped:
        ++total.skipped;
        break;
    }
  }
  return total;
}

std::string write_table(const target& target, std::span<const result> results, bool verbose) {
  std::string text = describe(target) + "\n\n" + write_categories(results) + "\n";
  const std::string skipped = write_skipped(results);
  text += write_findings(results, verbose) + skipped + (skipped.empty() ? "" : "\n");
  const counts total = count(results);
  return text + std::to_string(total.all()) + " cases: " + std::to_string(total.ok) + " ok, " +
         std::to_string(total.wrong) + " wrong, " + std::to_string(total.differs) + " differ, " +
         std::to_string(total.skipped) + " skipped\n";
}

std::string write_json(const target& target, std::span<const result> results) {
  using json = nlohmann::ordered_json;
  const counts total = count(results);
  json cases = json::array();
  for (const result& each : results) {
    cases.push_back({{"name", each.of->name},
                     {"category", each.of->category()},
                     {"verdict", to_string(each.finding.verdict)},
                     {"section", section_of(each)},
                     {"sent", each.of->sent},
                     {"expected", each.finding.expected},
                     {"got", each.finding.got},
                     {"note", each.finding.note},
                     {"milliseconds", each.took.count()}});
  }
  const json report = {{"uri", target.uri.str()},
                       {"duplex", version},
                       {"server",
                        {{"software", target.software},
                         {"echoes", target.echoes},
                         {"compresses", target.compresses}}},
                       {"counts",
                        {{"ok", total.ok},
                         {"wrong", total.wrong},
                         {"differs", total.differs},
                         {"skipped", total.skipped}}},
                       {"cases", std::move(cases)}};
  // The URI is the user's, and may be anything.
  return report.dump(2, ' ', true, json::error_handler_t::replace) + "\n";
}

}  // namespace duplex::probe
