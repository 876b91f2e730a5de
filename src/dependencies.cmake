# What advgrid is built on. Each is a Debian 12 package; one that is missing stops
# the configuration with the package's name.
find_package(PkgConfig QUIET)
if(NOT PKG_CONFIG_FOUND)
  message(FATAL_ERROR "pkg-config is missing: install the Debian package pkg-config")
endif()

add_library(advgrid_dependencies INTERFACE)

function(advgrid_require module package)
  pkg_check_modules(${module} QUIET IMPORTED_TARGET GLOBAL ${module})
  if(NOT ${module}_FOUND)
    message(FATAL_ERROR "${module} is missing: install the Debian package ${package}")
  endif()
  target_link_libraries(advgrid_dependencies INTERFACE PkgConfig::${module})
endfunction()

advgrid_require(libcyaml libcyaml-dev)
advgrid_require(yaml-0.1 libyaml-dev)
advgrid_require(libcrypto libssl-dev)
advgrid_require(ompi-c libopenmpi-dev)
advgrid_require(libpng libpng-dev)

# Debian names the module after the build; the serial one serves, since rank 0 alone writes.
pkg_search_module(hdf5 QUIET IMPORTED_TARGET GLOBAL hdf5-serial hdf5 hdf5-openmpi)
if(NOT hdf5_FOUND)
  message(FATAL_ERROR "HDF5 is missing: install the Debian package libhdf5-dev")
endif()
find_library(hdf5_hl_library NAMES hdf5_serial_hl hdf5_hl hdf5_openmpi_hl
             HINTS ${hdf5_LIBRARY_DIRS})
if(NOT hdf5_hl_library)
  message(FATAL_ERROR "HDF5's high-level library is missing: install the Debian package libhdf5-dev")
endif()
target_link_libraries(advgrid_dependencies INTERFACE ${hdf5_hl_library} PkgConfig::hdf5)

# OpenBLAS in its pthread build and no other: the serial build gives wrong products when two
# threads call it, the OpenMP build serializes them. Debian's alternatives may point libblas
# at any of them, so the build is named by its folder and held there by an rpath.
find_path(openblas_headers cblas.h PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-pthread
          openblas-pthread NO_CACHE)
find_library(openblas_library NAMES openblas NO_CACHE
             PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-pthread openblas-pthread)
if(NOT openblas_headers OR NOT openblas_library)
  message(FATAL_ERROR
          "OpenBLAS is missing: install the Debian package libopenblas-pthread-dev")
endif()
get_filename_component(openblas_folder ${openblas_library} DIRECTORY)
target_include_directories(advgrid_dependencies SYSTEM INTERFACE ${openblas_headers})
target_link_libraries(advgrid_dependencies INTERFACE ${openblas_library} m)
target_link_options(advgrid_dependencies INTERFACE -Wl,-rpath,${openblas_folder})

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
target_link_libraries(advgrid_dependencies INTERFACE Threads::Threads)
