# What `cmake --install` gives: headers, static libraries, the command, and package files for CMake
# and pkg-config. Nothing in them names an absolute path, so the installed tree can be moved.
include(CMakePackageConfigHelpers)

get_property(rooms GLOBAL PROPERTY FOVEA_ROOMS)
list(TRANSFORM rooms PREPEND fovea_ OUTPUT_VARIABLE room_targets)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fovea)

install(TARGETS ${room_targets} EXPORT fovea)
install(EXPORT fovea NAMESPACE fovea:: FILE fovea-targets.cmake DESTINATION ${package_dir})
# The headers in the folders of the backend are for its own kernels, those in formats/onnx for the
# readers and writers beside them.
install(DIRECTORY fovea DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h"
        REGEX "/(backend/(cpu|onednn|opencv|own|ref)|formats/onnx)$" EXCLUDE PATTERN assets EXCLUDE)

# Named in lower case, the file answers find_package(fovea) and find_package(Fovea).
configure_package_config_file(cmake/fovea-config.cmake.in cmake/fovea-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/cmake/fovea-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/cmake/fovea-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/cmake/fovea-config-version.cmake
              cmake/fovea_link_dependencies.cmake
        DESTINATION ${package_dir})

set(libs)
foreach(room IN LISTS rooms)
  get_target_property(type fovea_${room} TYPE)
  if(type STREQUAL STATIC_LIBRARY)
    string(APPEND libs " -lfovea_${room}")
  endif()
endforeach()
set(optional_libs)
if(FOVEA_ONEDNN)
  set(optional_libs " -ldnnl")
endif()
if(FOVEA_ONNX)
  string(APPEND optional_libs " -lonnx -lonnx_proto -lprotobuf")
endif()
if(FOVEA_OPENCV)
  string(APPEND optional_libs " -lopencv_features2d -lopencv_imgproc -lopencv_core")
endif()
if(FOVEA_HUB)
  string(APPEND optional_libs " -lcrypto")
endif()
if(FOVEA_SERVE)
  string(APPEND optional_libs " -lcpp-httplib")
endif()
file(RELATIVE_PATH to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/fovea.pc.in cmake/fovea.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/cmake/fovea.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
