# The kernel library: one source per instruction set, chosen at run time. The list of instruction sets and their
# compiler options stands in arch/isa.def; this file only reads it.
set(kernels_dir ${CMAKE_CURRENT_LIST_DIR})
set(MOTORIUM_ISAS "all" CACHE STRING
  "Instruction sets to compile for: all, native (the best one of this machine), or names of isa.def; plain comes always")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
  ${kernels_dir}/arch/isa.def ${kernels_dir}/arch/unit.cpp.in)
set(kernel_sources
  ${kernels_dir}/arch/dispatch.cpp
  ${kernels_dir}/pack.cpp
  ${kernels_dir}/plain.cpp
  ${kernels_dir}/plain_data.cpp
  ${kernels_dir}/plain_narrow.cpp
  ${kernels_dir}/plain_products.cpp)

string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" kernel_arch)
string(REPLACE "amd64" "x86_64" kernel_arch "${kernel_arch}")
string(REPLACE "arm64" "aarch64" kernel_arch "${kernel_arch}")
file(READ ${kernels_dir}/arch/isa.def isa_text)
set(isa_wanted ${MOTORIUM_ISAS})
if(isa_wanted STREQUAL "native")
  if(NOT MOTORIUM_NATIVE_ISA)
    try_run(isa_ran isa_compiled ${CMAKE_CURRENT_BINARY_DIR}/best_isa ${kernels_dir}/arch/best_isa.cpp
      CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${kernels_dir}/.." RUN_OUTPUT_VARIABLE isa_found)
    string(STRIP "${isa_found}" isa_found)
    set(MOTORIUM_NATIVE_ISA "${isa_found}" CACHE STRING "What MOTORIUM_ISAS=native stands for")
  endif()
  set(isa_wanted ${MOTORIUM_NATIVE_ISA})
endif()
set(isa_kept "${isa_text}")
while(isa_text MATCHES "MOTORIUM_ISA\\(([a-z0-9]+), ([a-z0-9_]+), \"([^\"]*)\"")
  set(isa ${CMAKE_MATCH_1})
  set(isa_arch ${CMAKE_MATCH_2})
  set(isa_options "${CMAKE_MATCH_3}")
  string(REPLACE "MOTORIUM_ISA(${isa}," "" isa_text "${isa_text}")
  if(NOT isa_wanted STREQUAL "all" AND NOT isa IN_LIST isa_wanted AND NOT isa STREQUAL "plain")
    string(REGEX REPLACE "MOTORIUM_ISA\\(${isa},[^\n]*" "" isa_kept "${isa_kept}")
  elseif(isa_arch STREQUAL kernel_arch)
    set(unit ${CMAKE_CURRENT_BINARY_DIR}/kernels/unit_${isa}.cpp)
    configure_file(${kernels_dir}/arch/unit.cpp.in ${unit} @ONLY)
    set_source_files_properties(${unit} PROPERTIES COMPILE_OPTIONS "${isa_options};-ffp-contract=off")
    list(APPEND kernel_sources ${unit})
  endif()
endwhile()
# A multiply-add is fused where the code says so and nowhere else: quantised rows are the same on every unit.
set_source_files_properties(${kernels_dir}/plain.cpp ${kernels_dir}/plain_products.cpp ${kernels_dir}/plain_data.cpp
  ${kernels_dir}/plain_narrow.cpp
  PROPERTIES COMPILE_OPTIONS -ffp-contract=off)
add_library(motorium_kernels STATIC ${kernel_sources})
target_include_directories(motorium_kernels PUBLIC
  $<BUILD_INTERFACE:${kernels_dir}/..> $<BUILD_INTERFACE:${kernels_dir}/../include>
  $<INSTALL_INTERFACE:include/motorium> $<INSTALL_INTERFACE:include>)
if(NOT isa_wanted STREQUAL "all")  # dispatch.cpp then reads the shorter list
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/isas/kernels/arch/isa.def CONTENT "${isa_kept}" @ONLY)
  target_include_directories(motorium_kernels BEFORE PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/isas)
endif()
