# The third-party libraries that fovea's static libraries need at link time, by imported target.
# Installed beside the package file, which includes it.
find_package(OpenMP REQUIRED COMPONENTS CXX)
# Debian's own dnnl package file asks for OpenCL, which the CPU library does not need.
if(FOVEA_ONEDNN AND NOT TARGET dnnl::dnnl)
  find_path(FOVEA_DNNL_INCLUDE oneapi/dnnl/dnnl.hpp REQUIRED)
  find_library(FOVEA_DNNL_LIBRARY dnnl REQUIRED)
  mark_as_advanced(FOVEA_DNNL_INCLUDE FOVEA_DNNL_LIBRARY)
  add_library(dnnl::dnnl SHARED IMPORTED GLOBAL)
  set_target_properties(dnnl::dnnl PROPERTIES
    IMPORTED_LOCATION ${FOVEA_DNNL_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${FOVEA_DNNL_INCLUDE})
endif()
# Debian's package file of onnx names protobuf's target, and expects it to be there.
if(FOVEA_ONNX)
  find_package(Protobuf REQUIRED)
  find_package(ONNX CONFIG REQUIRED)
endif()
# Debian's package file of OpenCV asks for all of its parts, of which SIFT needs three.
if(FOVEA_OPENCV AND NOT TARGET opencv::features2d)
  find_path(FOVEA_OPENCV_INCLUDE opencv2/features2d.hpp PATH_SUFFIXES opencv4 REQUIRED)
  add_library(opencv::features2d INTERFACE IMPORTED GLOBAL)
  target_include_directories(opencv::features2d SYSTEM INTERFACE ${FOVEA_OPENCV_INCLUDE})
  foreach(part features2d imgproc core)
    find_library(FOVEA_OPENCV_${part} opencv_${part} REQUIRED)
    target_link_libraries(opencv::features2d INTERFACE ${FOVEA_OPENCV_${part}})
    mark_as_advanced(FOVEA_OPENCV_${part})
  endforeach()
  mark_as_advanced(FOVEA_OPENCV_INCLUDE)
endif()
if(FOVEA_HUB)
  find_package(OpenSSL REQUIRED COMPONENTS Crypto)
endif()
if(FOVEA_SERVE AND NOT TARGET httplib::httplib)
  find_path(FOVEA_HTTPLIB_INCLUDE httplib.h REQUIRED)
  find_library(FOVEA_HTTPLIB_LIBRARY cpp-httplib REQUIRED)
  mark_as_advanced(FOVEA_HTTPLIB_INCLUDE FOVEA_HTTPLIB_LIBRARY)
  add_library(httplib::httplib SHARED IMPORTED GLOBAL)
  # Debian's library was built with these, which change the layout of its classes.
  set_target_properties(httplib::httplib PROPERTIES
    IMPORTED_LOCATION ${FOVEA_HTTPLIB_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${FOVEA_HTTPLIB_INCLUDE}
    INTERFACE_COMPILE_DEFINITIONS
      "CPPHTTPLIB_OPENSSL_SUPPORT;CPPHTTPLIB_ZLIB_SUPPORT;CPPHTTPLIB_BROTLI_SUPPORT")
endif()
find_package(fmt REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(LibArchive REQUIRED)
find_package(SQLite3 REQUIRED)

# Debian ships these with pkg-config files only.
find_package(PkgConfig REQUIRED)
foreach(pair hwy:libhwy webp:libwebp zip:libzip)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 name)
  list(GET pair 1 module)
  if(NOT TARGET PkgConfig::${name})
    pkg_check_modules(${name} REQUIRED IMPORTED_TARGET GLOBAL ${module})
  endif()
endforeach()
