"""An Arduino library: ``library.properties``, ``src/`` and a sketch, for the IDE and ``arduino-cli``.

The sketch runs the model on one input and prints the outputs at 115200 baud. Kernels are those of the target, so an
AVR library is for AVR boards; the others run on any core.
"""

from __future__ import annotations

from pathlib import Path

from toolkit.backends.projects.base import MICROCONTROLLERS, VERSION, Part, Project, unfused

SKETCH = """// @SENTENCE@
// Runs it on one input, and prints the outputs and whether they equal those of the reference.
#include <@NAME@.h>
#include "golden.h"

void setup() {
    Serial.begin(115200);
    while (!Serial) {
    }
    const unsigned long start = micros();
    const unsigned long different = golden_run();
    const unsigned long took = micros() - start;
    for (int i = 0; i < GOLDEN_VALUES; ++i) {
        Serial.print(golden_value(i));
        Serial.print(' ');
    }
    Serial.println(F(GOLDEN_UNIT));
    Serial.print(different ? F("DIFFERENT from the reference, bytes: ") : F("equal to the reference, in us: "));
    Serial.println(different ? different : took);
}

void loop() {
}
"""


def _files(part: Part) -> dict[str, str]:
    properties = {
        "name": part.name,
        "version": VERSION,
        "author": "toolkit",
        "maintainer": "toolkit",
        "sentence": part.sentence,
        "paragraph": "Write the input, call the run function, read the output. The example shows it.",
        "category": "Data Processing",
        "url": "https://www.arduino.cc",
        "architectures": "avr" if part.target.arch == "avr" else "*",
        "includes": f"{part.name}.h",
    }
    texts = part.placed("src", "src", "src")
    if part.floats:
        texts |= {f"src/{file}": unfused(text) for file, text in part.sources.items()}
    includes = "".join(f'#include "{file}"\n' for file in part.public)
    header = f"/* SPDX-License-Identifier: Apache-2.0 */\n#pragma once\n{includes}"
    texts |= {
        "library.properties": "".join(f"{key}={value}\n" for key, value in properties.items()),
        # a model that is called as its C files are needs no header of its own
        f"src/{part.name}.h": part.public.get(f"{part.name}.h") or header,
        "examples/Golden/Golden.ino": SKETCH.replace("@NAME@", part.name).replace(
            "@SENTENCE@", part.sentence
        ),
        "examples/Golden/golden.h": part.golden,
    }
    return texts


def _commands(part: Part, folder: Path) -> tuple[str, ...]:
    where, board = folder.as_posix(), part.setting("arduino", "fqbn", "BOARD")
    sketch = f"{where}/examples/Golden"
    return (
        f"arduino-cli compile --fqbn {board} --library {where} {sketch}",
        f"arduino-cli upload --fqbn {board} --port PORT {sketch}",
        "arduino-cli monitor --port PORT --config baudrate=115200",
    )


PROJECT = Project(
    title="Arduino",
    note="In the Arduino IDE: copy this folder into the folder `libraries` of your sketchbook, then File, Examples, "
    "Golden. `arduino-cli board list` shows BOARD and PORT.",
    files=_files,
    commands=_commands,
    archs=MICROCONTROLLERS,
)
