# Every third-party package the build uses, by imported target.
include(fovea_link_dependencies)
add_library(hwy::hwy ALIAS PkgConfig::hwy)
add_library(webp::webp ALIAS PkgConfig::webp)
add_library(libzip::zip ALIAS PkgConfig::zip)

# Only headers: nobody who links an installed room needs them.
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
set(fovea_header_only_packages nlohmann_json::nlohmann_json CLI11::CLI11)

# libcurl is opened by the first download, and never linked: loading it takes as long as a third of
# what the command needs to start.
if(FOVEA_HUB)
  find_package(CURL REQUIRED)
  add_library(CURL_headers INTERFACE)
  target_include_directories(CURL_headers INTERFACE ${CURL_INCLUDE_DIRS})
  list(APPEND fovea_header_only_packages CURL_headers)
endif()
