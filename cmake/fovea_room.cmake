function(fovea_compile_options target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wno-unused-parameter
                         -Wno-missing-field-initializers  # options are set by name
                         -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=  # in messages
                         $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)  # false alarms in gcc 12
  if(FOVEA_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

# For code that calls what takes time: quicker to compile.
set(fovea_quickly $<$<CONFIG:Release>:-O1>)

# What most files of the rooms include, compiled once, and once more for rooms with OpenMP, whose
# macro is seen by these headers. Files name what they use all the same: the preset fuzz compiles
# them without this.
file(WRITE ${PROJECT_BINARY_DIR}/cmake/headers.cpp "")
foreach(headers fovea_headers fovea_headers_openmp)
  add_library(${headers} OBJECT ${PROJECT_BINARY_DIR}/cmake/headers.cpp)
  set_target_properties(${headers} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  fovea_compile_options(${headers})
  target_link_libraries(${headers} PRIVATE fmt::fmt)
  target_precompile_headers(${headers} PRIVATE
    <algorithm> <array> <cmath> <cstddef> <cstdint> <functional> <map> <memory> <numeric> <optional>
    <set> <span> <stdexcept> <string> <string_view> <unordered_map> <utility> <variant> <vector>
    <fmt/format.h> <fmt/ranges.h>)
endforeach()
target_link_libraries(fovea_headers_openmp PRIVATE OpenMP::OpenMP_CXX)

# fovea_room(NAME [QUICKLY] [ROOMS room...] [LINKS target...] [WITHOUT folder...])
# One static library per folder of fovea/, with the rooms it stands on (public) and the third-party
# packages it hides (private), but for some of its folders.
function(fovea_room name)
  cmake_parse_arguments(ARG "QUICKLY" "" "ROOMS;LINKS;WITHOUT" ${ARGN})
  set_property(GLOBAL APPEND PROPERTY FOVEA_ROOMS ${name})
  list(TRANSFORM ARG_ROOMS PREPEND fovea_)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/fovea/${name}/*.cpp)
  foreach(folder ${ARG_WITHOUT})
    list(FILTER sources EXCLUDE REGEX "/fovea/${name}/${folder}/")
  endforeach()
  if(NOT sources)
    add_library(fovea_${name} INTERFACE)
    add_library(fovea::${name} ALIAS fovea_${name})
    set_target_properties(fovea_${name} PROPERTIES EXPORT_NAME ${name})
    target_link_libraries(fovea_${name} INTERFACE ${ARG_ROOMS})
    return()
  endif()
  add_library(fovea_${name} STATIC ${sources})
  add_library(fovea::${name} ALIAS fovea_${name})
  set_target_properties(fovea_${name} PROPERTIES EXPORT_NAME ${name} LINKER_LANGUAGE CXX
                                                 POSITION_INDEPENDENT_CODE ON)
  target_include_directories(fovea_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  fovea_compile_options(fovea_${name})
  if(OpenMP::OpenMP_CXX IN_LIST ARG_LINKS)
    target_precompile_headers(fovea_${name} REUSE_FROM fovea_headers_openmp)
  else()
    target_precompile_headers(fovea_${name} REUSE_FROM fovea_headers)
  endif()
  if(ARG_QUICKLY)
    target_compile_options(fovea_${name} PRIVATE ${fovea_quickly})
  endif()
  target_link_libraries(fovea_${name} PUBLIC ${ARG_ROOMS})
  foreach(package fmt::fmt ${ARG_LINKS})
    if(package IN_LIST fovea_header_only_packages)
      target_link_libraries(fovea_${name} PRIVATE $<BUILD_INTERFACE:${package}>)
    else()
      target_link_libraries(fovea_${name} PRIVATE ${package})
    endif()
  endforeach()
endfunction()
