"""A Zephyr module: ``zephyr/module.yml``, ``Kconfig``, ``CMakeLists.txt``, and a sample that is an application.

Kconfig's ``CONFIG_NAME`` puts the model in; the sample finds the module by its own place, so that no west manifest
has to be changed.
"""

from __future__ import annotations

from pathlib import Path

from toolkit.backends.projects.base import MICROCONTROLLERS, NO_FUSING, Part, Project

_MODULE = """name: @NAME@
build:
  cmake: zephyr
  kconfig: zephyr/Kconfig
samples:
  - samples
"""

_KCONFIG = """# SPDX-License-Identifier: Apache-2.0

config @UPPER@
    bool "@NAME@: a neural network"
    help
      @SENTENCE@
"""

_LISTS = """# SPDX-License-Identifier: Apache-2.0
if(CONFIG_@UPPER@)
  zephyr_library()
  zephyr_library_sources(@SOURCES@)
  zephyr_library_include_directories(${CMAKE_CURRENT_LIST_DIR}/../runtime)
  zephyr_library_compile_options(@NO_FUSING@)
  zephyr_include_directories(${CMAKE_CURRENT_LIST_DIR}/../include)
endif()
"""

_SAMPLE_LISTS = """# SPDX-License-Identifier: Apache-2.0
cmake_minimum_required(VERSION 3.20.0)

list(APPEND EXTRA_ZEPHYR_MODULES ${CMAKE_CURRENT_LIST_DIR}/../..)
find_package(Zephyr REQUIRED HINTS $ENV{ZEPHYR_BASE})
project(golden)

target_sources(app PRIVATE src/main.c)
"""

_CONF = """CONFIG_@UPPER@=y
CONFIG_PRINTK=y
"""

_SAMPLE = """sample:
  name: @NAME@ golden
  description: One input, whose outputs are compared with the reference
tests:
  sample.@NAME@.golden:
    tags: @NAME@
    harness: console
    harness_config:
      type: one_line
      regex:
        - "equal to the reference"
"""

_MAIN = """/* SPDX-License-Identifier: Apache-2.0 */
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include "golden.h"

int main(void) {
    const unsigned long different = golden_run();
    for (int i = 0; i < GOLDEN_VALUES; ++i) printk("%ld ", golden_value(i));
    printk("%s\\n%s\\n", GOLDEN_UNIT, different ? "DIFFERENT from the reference" : "equal to the reference");
    return 0;
}
"""


def _files(part: Part) -> dict[str, str]:
    texts = {
        "zephyr/module.yml": _MODULE,
        "zephyr/Kconfig": _KCONFIG,
        "zephyr/CMakeLists.txt": _LISTS,
        "samples/golden/CMakeLists.txt": _SAMPLE_LISTS,
        "samples/golden/prj.conf": _CONF,
        "samples/golden/sample.yaml": _SAMPLE,
        "samples/golden/src/main.c": _MAIN,
    }
    replaced = {
        "@NAME@": part.name,
        "@UPPER@": part.name.upper(),
        "@SENTENCE@": part.sentence,
        "@SOURCES@": " ".join(f"${{CMAKE_CURRENT_LIST_DIR}}/../src/{file}" for file in part.sources),
        "@NO_FUSING@": NO_FUSING,
    }
    for key, value in replaced.items():
        texts = {file: text.replace(key, value) for file, text in texts.items()}
    return {**part.placed("src", "include", "runtime"), "samples/golden/src/golden.h": part.golden, **texts}


def _commands(part: Part, folder: Path) -> tuple[str, ...]:
    board = part.setting("zephyr", "board", "BOARD")
    return (
        f"west build -b {board} {folder.as_posix()}/samples/golden",
        "west flash",
        "python -m serial.tools.miniterm - 115200",
    )


PROJECT = Project(
    title="Zephyr",
    note="In an application of your own: `list(APPEND EXTRA_ZEPHYR_MODULES path/to/this/folder)` before\n"
    "`find_package(Zephyr)`, or list the folder in your west manifest; then set the option in `prj.conf`.\n"
    "`west boards` lists what BOARD can be.",
    files=_files,
    commands=_commands,
    archs=tuple(arch for arch in MICROCONTROLLERS if arch != "avr"),
)
