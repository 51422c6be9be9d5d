"""A CMake package: ``find_package(NAME)`` once installed, or ``add_subdirectory``; link to ``NAME::NAME``.

Writes ``CMakeLists.txt`` with a static library, its installation and an example that is a test, too; and for a
microcontroller ``toolchain.cmake``, which calls its GCC.
"""

from __future__ import annotations

from pathlib import Path

from toolkit.backends.projects.base import NO_FUSING, VERSION, Part, Project

_LISTS = """# @SENTENCE@
#
#   add_subdirectory(this folder)                  or  find_package(@NAME@)
#   target_link_libraries(app PRIVATE @NAME@::@NAME@)
cmake_minimum_required(VERSION 3.13)
project(@NAME@ VERSION @VERSION@ LANGUAGES C)

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

if(CMAKE_SOURCE_DIR STREQUAL PROJECT_SOURCE_DIR AND NOT CMAKE_SYSTEM_NAME STREQUAL "Generic")
    set(@NAME@_runs_here ON)
endif()
option(@UPPER@_EXAMPLE "Build the example, which is a test" ${@NAME@_runs_here})

add_library(@NAME@ STATIC @SOURCES@)
add_library(@NAME@::@NAME@ ALIAS @NAME@)
target_include_directories(@NAME@ PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                         $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
                                  PRIVATE runtime)
set_target_properties(@NAME@ PROPERTIES C_STANDARD 99 C_EXTENSIONS ON)
target_compile_options(@NAME@ PRIVATE $<$<C_COMPILER_ID:GNU>:@NO_FUSING@>)

if(@UPPER@_EXAMPLE)
    enable_testing()
    add_executable(@NAME@_example example/main.c)
    target_link_libraries(@NAME@_example PRIVATE @NAME@)
    set_target_properties(@NAME@_example PROPERTIES C_STANDARD 99)
    add_test(NAME @NAME@ COMMAND @NAME@_example)
endif()

install(TARGETS @NAME@ EXPORT @NAME@ ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT @NAME@ FILE @NAME@-config.cmake NAMESPACE @NAME@:: DESTINATION ${CMAKE_INSTALL_DATADIR}/@NAME@)
write_basic_package_version_file(@NAME@-config-version.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/@NAME@-config-version.cmake DESTINATION ${CMAKE_INSTALL_DATADIR}/@NAME@)
"""

_MAIN = """/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "golden.h"

int main(void) {
    const unsigned long different = golden_run();
    for (int i = 0; i < GOLDEN_VALUES; ++i) printf("%ld ", golden_value(i));
    if (different) {
        printf("%s\\nDIFFERENT from the reference: %lu bytes\\n", GOLDEN_UNIT, different);
        return 1;
    }
    printf("%s\\nequal to the reference\\n", GOLDEN_UNIT);
    return 0;
}
"""

_TOOLCHAIN = """# GCC for @TARGET@: cmake --toolchain toolchain.cmake
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_C_COMPILER @COMPILER@)
set(CMAKE_C_FLAGS_INIT "@FLAGS@")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # nothing can be linked without the board's start-up code
"""


def _files(part: Part) -> dict[str, str]:
    replaced = {
        "@NAME@": part.name,
        "@UPPER@": part.name.upper(),
        "@VERSION@": VERSION,
        "@SENTENCE@": part.sentence,
        "@SOURCES@": " ".join(f"src/{file}" for file in part.sources),
        "@NO_FUSING@": NO_FUSING,
        "@TARGET@": part.target.name,
    }
    texts = {"CMakeLists.txt": _LISTS, "example/main.c": _MAIN}
    compiler = part.target.compilers.get("gcc")
    if part.target.bare_metal and compiler is not None:
        replaced |= {"@COMPILER@": compiler.command[0], "@FLAGS@": " ".join(compiler.flags)}
        texts["toolchain.cmake"] = _TOOLCHAIN
    for key, value in replaced.items():
        texts = {file: text.replace(key, value) for file, text in texts.items()}
    return {**part.placed("src", "include", "runtime"), "example/golden.h": part.golden, **texts}


def _commands(part: Part, folder: Path) -> tuple[str, ...]:
    where = folder.as_posix()
    if part.target.bare_metal and "gcc" in part.target.compilers:
        return (
            f"cmake -S {where} -B build -DCMAKE_TOOLCHAIN_FILE=toolchain.cmake",
            "cmake --build build",
            "cmake --install build --prefix installed",
        )
    return f"cmake -S {where} -B build", "cmake --build build", "ctest --test-dir build -V"


PROJECT = Project(
    title="CMake",
    note="For a microcontroller the example is left out: it needs the board's start-up code and a `printf`. "
    "`example/main.c` is what to put into a program that has them.",
    files=_files,
    commands=_commands,
)
