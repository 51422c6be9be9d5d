# The functions of Zephyr's build that the projects call, for a program of this machine. SETTINGS is a CMake file that sets
# CONFIG_... as Kconfig found them.
enable_language(C)
include(${SETTINGS})
add_library(zephyr_interface INTERFACE)
target_include_directories(zephyr_interface INTERFACE ${CMAKE_CURRENT_LIST_DIR})
add_library(app STATIC)
target_link_libraries(app PUBLIC zephyr_interface)
add_executable(zephyr_elf ${CMAKE_CURRENT_LIST_DIR}/printk.c)
target_link_libraries(zephyr_elf PRIVATE app)

macro(zephyr_library)
    get_filename_component(ZEPHYR_CURRENT_LIBRARY ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
    get_filename_component(ZEPHYR_CURRENT_LIBRARY ${ZEPHYR_CURRENT_LIBRARY} NAME)
    add_library(${ZEPHYR_CURRENT_LIBRARY} STATIC)
    target_link_libraries(${ZEPHYR_CURRENT_LIBRARY} PUBLIC zephyr_interface)
    target_link_libraries(app PUBLIC ${ZEPHYR_CURRENT_LIBRARY})
endmacro()

macro(zephyr_library_sources)
    target_sources(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endmacro()

macro(zephyr_library_include_directories)
    target_include_directories(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endmacro()

macro(zephyr_library_compile_options)
    target_compile_options(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endmacro()

macro(zephyr_include_directories)
    target_include_directories(zephyr_interface INTERFACE ${ARGN})
endmacro()

foreach(module IN LISTS EXTRA_ZEPHYR_MODULES)
    get_filename_component(module ${module} REALPATH)
    add_subdirectory(${module}/zephyr ${CMAKE_BINARY_DIR}/modules)
endforeach()
