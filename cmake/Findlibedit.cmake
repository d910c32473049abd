# Finds libedit through pkg-config and gives the target libedit::libedit.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(LIBEDIT QUIET IMPORTED_TARGET libedit>=3.1)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(libedit REQUIRED_VARS LIBEDIT_LINK_LIBRARIES
                                  VERSION_VAR LIBEDIT_VERSION)

if(libedit_FOUND AND NOT TARGET libedit::libedit)
  add_library(libedit::libedit INTERFACE IMPORTED)
  target_link_libraries(libedit::libedit INTERFACE PkgConfig::LIBEDIT)
endif()
