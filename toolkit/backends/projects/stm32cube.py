"""A middleware folder for STM32Cube: sources, headers, and a file that projects made by CubeMX for CMake include.

``Middlewares/Third_Party/NAME`` is laid out as ST's own middleware is: ``Src``, ``Inc``.
"""

from __future__ import annotations

from pathlib import Path

from toolkit.backends.projects.base import CORTEX_M, NO_FUSING, Part, Project, unfused

_CMAKE = """# @SENTENCE@
# In the CMakeLists.txt that STM32CubeMX wrote, behind add_subdirectory(cmake/stm32cubemx):
#   include(@NAME@.cmake)
target_sources(${CMAKE_PROJECT_NAME} PRIVATE
@SOURCES@)
target_include_directories(${CMAKE_PROJECT_NAME} PRIVATE ${CMAKE_CURRENT_LIST_DIR}/@PLACE@/Inc)
set_source_files_properties(@MODEL@ PROPERTIES COMPILE_OPTIONS "@NO_FUSING@")
"""

_EXAMPLE_C = """/* SPDX-License-Identifier: Apache-2.0 */
#include "@NAME@_example.h"

#include <stdio.h>

#include "golden.h"

int @NAME@_example(void) {
    const unsigned long different = golden_run();
    for (int i = 0; i < GOLDEN_VALUES; ++i) printf("%ld ", golden_value(i));
    printf("%s\\r\\n%s\\r\\n", GOLDEN_UNIT, different ? "DIFFERENT from the reference" : "equal to the reference");
    return different ? 1 : 0;
}
"""

_EXAMPLE_H = """/* SPDX-License-Identifier: Apache-2.0 */
#ifndef @UPPER@_EXAMPLE_H
#define @UPPER@_EXAMPLE_H

#ifdef __cplusplus
extern "C" {
#endif

/* Run the model on one input and print the outputs. Returns 0 when they equal those of the reference. Call it in main.c
 * between USER CODE BEGIN 2 and USER CODE END 2; printf goes where your _write or __io_putchar sends it. */
int @NAME@_example(void);

#ifdef __cplusplus
}
#endif

#endif
"""


def _files(part: Part) -> dict[str, str]:
    place = f"Middlewares/Third_Party/{part.name}"
    here = f"${{CMAKE_CURRENT_LIST_DIR}}/{place}/Src"
    model = " ".join(f"{here}/{file}" for file in part.sources)
    compiled = [*part.sources, f"{part.name}_example.c"]
    lists = "".join(f"{place}/Src/{file}\n" for file in compiled)
    texts = {
        f"{part.name}.cmake": _CMAKE,
        f"{place}/Src/{part.name}_example.c": _EXAMPLE_C,
        f"{place}/Inc/{part.name}_example.h": _EXAMPLE_H,
        "sources.txt": lists,
        "include.txt": f"{place}/Inc\n",
    }
    replaced = {
        "@NAME@": part.name,
        "@UPPER@": part.name.upper(),
        "@SENTENCE@": part.sentence,
        "@SOURCES@": "\n".join(f"    {here}/{file}" for file in compiled),
        "@PLACE@": place,
        "@MODEL@": model,
        "@NO_FUSING@": NO_FUSING,
    }
    for key, value in replaced.items():
        texts = {file: text.replace(key, value) for file, text in texts.items()}
    placed = part.placed(f"{place}/Src", f"{place}/Inc", f"{place}/Inc")
    if part.floats:  # CubeIDE reads no CMake
        placed |= {f"{place}/Src/{file}": unfused(text) for file, text in part.sources.items()}
    return {**placed, f"{place}/Src/golden.h": part.golden, **texts}


def _commands(part: Part, folder: Path) -> tuple[str, ...]:
    return (
        f"cmake -E copy_directory {folder.as_posix()} PROJECT",
        "cmake -S PROJECT --preset Debug",
        "cmake --build PROJECT/build/Debug",
    )


PROJECT = Project(
    title="STM32Cube",
    note="PROJECT is one that STM32CubeMX made for CMake. Put `include(NAME.cmake)`, with the name of the `.cmake`\n"
    "file that is here, into its `CMakeLists.txt`, behind `add_subdirectory(cmake/stm32cubemx)`. In STM32CubeIDE copy\n"
    "the folder `Middlewares`, whose sources are compiled by being there, and add the folder of `include.txt` under\n"
    "Properties, C/C++ General, Paths and Symbols, Includes; `sources.txt` lists what is compiled.",
    files=_files,
    commands=_commands,
    archs=CORTEX_M,
)
