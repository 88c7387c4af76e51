# The C++ core for programs without Python: static libraries, headers and a CMake package.
#   find_package(motorium CONFIG REQUIRED)
#   target_link_libraries(my_robot PRIVATE motorium::robot)
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/motorium)
set(rooms wire io kernels bus emulator engine runtime robot)
foreach(room IN LISTS rooms)
  set_target_properties(motorium_${room} PROPERTIES EXPORT_NAME ${room})
  install(TARGETS motorium_${room} EXPORT motorium ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endforeach()
install(EXPORT motorium NAMESPACE motorium:: FILE motoriumTargets.cmake DESTINATION ${package})
file(WRITE ${PROJECT_BINARY_DIR}/motoriumConfig.cmake
"include(CMakeFindDependencyMacro)
find_dependency(Threads)
include(\${CMAKE_CURRENT_LIST_DIR}/motoriumTargets.cmake)
")
install(FILES ${PROJECT_BINARY_DIR}/motoriumConfig.cmake DESTINATION ${package})

# Installed as they are included: "robot/robot_config.hpp" and "core/limits.h" below include/motorium, and the headers
# of csrc/include, which stand alone, as "motorium/spsc_ring.hpp".
foreach(room io kernels bus emulator engine runtime robot)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/csrc/${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/motorium
    FILES_MATCHING PATTERN "*.hpp" PATTERN "*.def")
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/firmware/core DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/motorium
  FILES_MATCHING PATTERN "*.h")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/csrc/include/motorium DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
