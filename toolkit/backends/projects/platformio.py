"""A PlatformIO project: ``platformio.ini``, the model as a library in ``lib/``, and an application in ``src/``.

The application prints on standard output in the environment ``native``, which is this PC, and at 115200 baud where
there is Arduino's ``Serial``.
"""

from __future__ import annotations

import json
from pathlib import Path

from toolkit.backends.projects.base import NO_FUSING, VERSION, Part, Project

_MAIN = """// @SENTENCE@
// Runs it on one input, and prints the outputs and whether they equal those of the reference.
#include "golden.h"

#ifdef ARDUINO
#include <Arduino.h>

void setup() {
    Serial.begin(115200);
    while (!Serial) {
    }
    const unsigned long different = golden_run();
    for (int i = 0; i < GOLDEN_VALUES; ++i) {
        Serial.print(golden_value(i));
        Serial.print(' ');
    }
    Serial.println(F(GOLDEN_UNIT));
    Serial.println(different ? F("DIFFERENT from the reference") : F("equal to the reference"));
}

void loop() {
}
#else
#include <stdio.h>

int main() {
    const unsigned long different = golden_run();
    for (int i = 0; i < GOLDEN_VALUES; ++i) printf("%ld ", golden_value(i));
    printf("%s\\n%s\\n", GOLDEN_UNIT, different ? "DIFFERENT from the reference" : "equal to the reference");
    return different ? 1 : 0;
}
#endif
"""


def _files(part: Part) -> dict[str, str]:
    lib = f"lib/{part.name}"
    manifest = {
        "$schema": "https://raw.githubusercontent.com/platformio/platformio-core/develop/platformio/assets/schema/library.json",
        "name": part.name,
        "version": VERSION,
        "description": part.sentence,
        "license": "Apache-2.0",
        "frameworks": "*",
        "platforms": "*",
        "headers": list(part.public),
        "build": {"srcDir": "src", "includeDir": "include", "flags": [NO_FUSING]},
    }
    return {
        "platformio.ini": _ini(part),
        "src/main.cpp": _MAIN.replace("@SENTENCE@", part.sentence),
        "src/golden.h": part.golden,
        f"{lib}/library.json": json.dumps(manifest, indent=2) + "\n",
        **part.placed(f"{lib}/src", f"{lib}/include", f"{lib}/src"),
    }


def _ini(part: Part) -> str:
    board = part.target.projects.get("platformio")
    environments = ["[env:native]\nplatform = native\n"]
    if board is not None:
        lines = "".join(f"{key} = {value}\n" for key, value in board.items())
        environments.append(f"[env:{board['board']}]\n{lines}monitor_speed = 115200\n")
    return f"; {part.sentence}\n\n" + "\n".join(environments)


def _commands(part: Part, folder: Path) -> tuple[str, ...]:
    where, board = folder.as_posix(), part.setting("platformio", "board", "")
    if not board:
        return (f"pio run -d {where} -e native -t exec",)
    return (
        f"pio run -d {where} -e {board}",
        f"pio run -d {where} -e {board} -t upload",
        f"pio device monitor -d {where} -e {board}",
    )


PROJECT = Project(
    title="PlatformIO",
    note="`pio run -e native -t exec` runs the example on this PC. For another board add an `[env:...]` to\n"
    "`platformio.ini`; to use the model elsewhere, copy its folder in `lib/`.",
    files=_files,
    commands=_commands,
)
