# Finds ISA-L through pkg-config and gives the target libisal::libisal.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(LIBISAL QUIET IMPORTED_TARGET libisal>=2.30)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(libisal REQUIRED_VARS LIBISAL_LINK_LIBRARIES
                                  VERSION_VAR LIBISAL_VERSION)

if(libisal_FOUND AND NOT TARGET libisal::libisal)
  add_library(libisal::libisal INTERFACE IMPORTED)
  target_link_libraries(libisal::libisal INTERFACE PkgConfig::LIBISAL)
endif()
