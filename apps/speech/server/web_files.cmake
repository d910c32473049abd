# Writes web_files.cpp, with the content of files: cmake -DFILES=a;b -DOUTPUT=web_files.cpp -P web_files.cmake
set(type_.html "text/html; charset=utf-8")
set(type_.css "text/css; charset=utf-8")
set(type_.js "text/javascript; charset=utf-8")
set(type_.mjs "text/javascript; charset=utf-8")
set(type_.svg "image/svg+xml")
set(type_.png "image/png")
set(type_.webmanifest "application/manifest+json")

set(arrays "")
set(table "")
set(number 0)
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  get_filename_component(extension ${file} LAST_EXT)
  if(NOT DEFINED type_${extension})
    message(FATAL_ERROR "${file}: no Content-Type is known for ${extension}")
  endif()
  set(path /${name})
  if(name STREQUAL index.html)
    set(path /)
  endif()
  file(READ ${file} bytes HEX)
  string(LENGTH "${bytes}" digits)
  math(EXPR size "${digits} / 2")
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  file(SHA256 ${file} digest)
  string(SUBSTRING ${digest} 0 16 digest)
  string(APPEND arrays "constexpr unsigned char file_${number}[] = {${bytes}0};\n")
  string(APPEND table "    {\"${path}\", \"${type_${extension}}\", \"\\\"${digest}\\\"\",\n"
                      "     {reinterpret_cast<const char*>(file_${number}), ${size}}},\n")
  math(EXPR number "${number} + 1")
endforeach()

file(WRITE ${OUTPUT}
"#include \"speech/server/web_files.hpp\"

#include <array>

namespace duplex::speech {
namespace {

${arrays}
}  // namespace

std::span<const web_file> web_files() {
  static const std::array<web_file, ${number}> files{{
${table}  }};
  return files;
}

}  // namespace duplex::speech
")
