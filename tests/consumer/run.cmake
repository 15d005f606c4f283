# Installs the build tree BUILD into a folder, moves that folder, and has a project build against it
# with CMake and with pkg-config.
#   cmake -D BUILD=... -D SOURCE=... -D COMPILER=... -D FLAGS=... -P run.cmake
set(work ${BUILD}/consumer)
set(prefix ${work}/moved/prefix)
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work}/moved)

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(expect_output program)
  execute_process(COMMAND ${program} OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
  if(NOT output STREQUAL "2 4 6 8\n")
    message(FATAL_ERROR "${program}: expected '2 4 6 8', got '${output}'")
  endif()
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/installed)
file(RENAME ${work}/installed ${prefix})

file(GLOB_RECURSE package_files ${prefix}/*.cmake ${prefix}/*.pc)
foreach(file IN LISTS package_files)
  file(READ ${file} text)
  foreach(path ${BUILD} ${SOURCE})
    string(FIND "${text}" "${path}" at)
    if(NOT at EQUAL -1)
      message(FATAL_ERROR "${file} names ${path}")
    endif()
  endforeach()
endforeach()

run(${CMAKE_COMMAND} -G Ninja -S ${CMAKE_CURRENT_LIST_DIR} -B ${work}/build
    -D CMAKE_PREFIX_PATH=${prefix} -D FOVEA_INCLUDE=${prefix}/include
    -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_CXX_FLAGS=${FLAGS})
run(${CMAKE_COMMAND} --build ${work}/build)
expect_output(${work}/build/consumer)

file(GLOB pc ${prefix}/lib*/pkgconfig ${prefix}/lib/*/pkgconfig)
set(ENV{PKG_CONFIG_PATH} ${pc})
execute_process(COMMAND pkg-config --cflags --libs fovea OUTPUT_VARIABLE flags
                COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags UNIX_COMMAND "${flags}")
separate_arguments(more UNIX_COMMAND "${FLAGS}")
run(${COMPILER} -std=c++20 ${more} ${CMAKE_CURRENT_LIST_DIR}/main.cpp -o ${work}/by_pkg_config
    ${flags})
expect_output(${work}/by_pkg_config)
