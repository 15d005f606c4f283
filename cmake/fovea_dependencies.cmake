# Every third-party package the build uses, by imported target.
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(fmt REQUIRED)
# Debian's own dnnl package file asks for OpenCL, which the CPU library does not need.
if(NOT TARGET dnnl::dnnl)
  find_path(FOVEA_DNNL_INCLUDE oneapi/dnnl/dnnl.hpp REQUIRED)
  find_library(FOVEA_DNNL_LIBRARY dnnl REQUIRED)
  add_library(dnnl::dnnl SHARED IMPORTED GLOBAL)
  set_target_properties(dnnl::dnnl PROPERTIES
    IMPORTED_LOCATION ${FOVEA_DNNL_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${FOVEA_DNNL_INCLUDE})
endif()
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(CLI11 REQUIRED)
find_package(LibArchive REQUIRED)

# Debian ships these two with pkg-config files only.
find_package(PkgConfig REQUIRED)
foreach(pair hwy:libhwy webp:libwebp zip:libzip)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 name)
  list(GET pair 1 module)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET GLOBAL ${module})
endforeach()
add_library(hwy::hwy ALIAS PkgConfig::hwy)
add_library(webp::webp ALIAS PkgConfig::webp)
add_library(libzip::zip ALIAS PkgConfig::zip)
