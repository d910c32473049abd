# Finds libuv through pkg-config and gives the target libuv::libuv.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(LIBUV QUIET IMPORTED_TARGET libuv>=1.44)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(libuv REQUIRED_VARS LIBUV_LINK_LIBRARIES
                                  VERSION_VAR LIBUV_VERSION)

if(libuv_FOUND AND NOT TARGET libuv::libuv)
  add_library(libuv::libuv INTERFACE IMPORTED)
  target_link_libraries(libuv::libuv INTERFACE PkgConfig::LIBUV)
endif()
