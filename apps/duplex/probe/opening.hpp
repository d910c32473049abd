// Cases of the opening handshake as rows of a table: a request bent so, and its right answer.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "probe/http.hpp"
#include "probe/probe_case.hpp"

namespace duplex::probe {

enum class welcome {
  accepted,  ///< 101, and the connection works
  refused,   ///< any other status
  dropped,   ///< any other status, or no response but an end: it is hardly HTTP
  either,    ///< the RFCs allow both
};

struct opening {
  std::string name, section, sent;  ///< as in probe_case
  welcome right = welcome::refused;
  std::string first = {};              ///< instead of the first line; {target} is the right target
  std::vector<std::string> drop = {};  ///< names of headers to leave out
  std::vector<std::string> add = {};   ///< lines to add; {host} is the right Host
  std::string line_end = "\r\n";
  std::string before = {};     ///< bytes before the first line
  std::string instead = {};    ///< bytes instead of it all
  std::string behind = {};     ///< bytes written with the request, right behind it
  std::string echo = {};       ///< what is echoed of those
  std::size_t chop = 0;        ///< bytes of one write; 0: all
  int status = 0;              ///< the status that is asked for; others differ. 0: any
  std::string header = {};     ///< what a refusal must have
  std::string tolerated = {};  ///< why the opposite is not quite wrong
};

probe_case to_case(opening opening);
std::vector<probe_case> to_cases(std::vector<opening> openings);

}  // namespace duplex::probe
