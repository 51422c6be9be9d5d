"""An ESP-IDF component: ``idf_component.yml``, ``idf_component_register``, and an example project.

The example takes the component from where it lies. Chips with Xtensa cores run the portable kernels.
"""

from __future__ import annotations

from pathlib import Path

from toolkit.backends.projects.base import NO_FUSING, VERSION, Part, Project

_MANIFEST = """version: "@VERSION@"
description: "@SENTENCE@"
dependencies:
  idf:
    version: ">=5.0"
"""

_LISTS = """idf_component_register(SRCS @SOURCES@
                       INCLUDE_DIRS "include"
                       PRIV_INCLUDE_DIRS "runtime")
target_compile_options(${COMPONENT_LIB} PRIVATE @NO_FUSING@)
"""

_EXAMPLE_LISTS = """cmake_minimum_required(VERSION 3.16)

set(EXTRA_COMPONENT_DIRS ${CMAKE_CURRENT_LIST_DIR}/../..) # the component is what this example lies in
include($ENV{IDF_PATH}/tools/cmake/project.cmake)
project(golden)
"""

_MAIN_LISTS = """idf_component_register(SRCS "main.c"
                       INCLUDE_DIRS ".")
"""

_MAIN = """/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "golden.h"

void app_main(void) {
    const unsigned long different = golden_run();
    for (int i = 0; i < GOLDEN_VALUES; ++i) printf("%ld ", golden_value(i));
    printf("%s\\n%s\\n", GOLDEN_UNIT, different ? "DIFFERENT from the reference" : "equal to the reference");
}
"""


def _files(part: Part) -> dict[str, str]:
    texts = {
        "idf_component.yml": _MANIFEST,
        "CMakeLists.txt": _LISTS,
        "examples/golden/CMakeLists.txt": _EXAMPLE_LISTS,
        "examples/golden/main/CMakeLists.txt": _MAIN_LISTS,
        "examples/golden/main/main.c": _MAIN,
    }
    replaced = {
        "@NAME@": part.name,
        "@VERSION@": VERSION,
        "@SENTENCE@": part.sentence,
        "@SOURCES@": " ".join(f'"src/{file}"' for file in part.sources),
        "@NO_FUSING@": NO_FUSING,
    }
    for key, value in replaced.items():
        texts = {file: text.replace(key, value) for file, text in texts.items()}
    golden = {"examples/golden/main/golden.h": part.golden}
    return {**part.placed("src", "include", "runtime"), **golden, **texts}


def _commands(part: Part, folder: Path) -> tuple[str, ...]:
    example = f"{folder.as_posix()}/examples/golden"
    chip = part.setting("esp-idf", "chip", "CHIP")
    return (
        f"idf.py -C {example} set-target {chip}",
        f"idf.py -C {example} build",
        f"idf.py -C {example} flash monitor",
    )


PROJECT = Project(
    title="ESP-IDF",
    note="In a project of your own: copy this folder into its folder `components`, as it is.",
    files=_files,
    commands=_commands,
    archs=("rv32imc", "xtensa"),
)
