# Installs the libraries, their headers, and what find_package and pkg-config read; all of it can be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/duplex)
install(TARGETS duplex duplex_protocol EXPORT duplex-targets
        RUNTIME COMPONENT library LIBRARY COMPONENT library ARCHIVE COMPONENT library)
install(DIRECTORY include/duplex DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library)
install(EXPORT duplex-targets NAMESPACE duplex:: DESTINATION ${package_dir} COMPONENT library)

configure_package_config_file(packaging/duplex-config.cmake.in duplex-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(duplex-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/duplex-config.cmake
              ${PROJECT_BINARY_DIR}/duplex-config-version.cmake
              cmake/Findlibisal.cmake cmake/Findlibuv.cmake
        DESTINATION ${package_dir} COMPONENT library)

# Who links a static library links what it needs too.
if(NOT BUILD_SHARED_LIBS)
  set(pc_requires " libssl libuv")
  set(pc_protocol_requires " libcrypto simdjson zlib")
  if(duplex_uses_isal)
    string(APPEND pc_protocol_requires " libisal")
  endif()
endif()
set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH pc_prefix /${pc_dir} /)
configure_file(packaging/duplex.pc.in duplex.pc @ONLY)
configure_file(packaging/duplex-protocol.pc.in duplex-protocol.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/duplex.pc ${PROJECT_BINARY_DIR}/duplex-protocol.pc
        DESTINATION ${pc_dir} COMPONENT library)
