"""Projects of other frameworks: each is built by the framework, or a stand-in for it, and says "equal" when run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import kconfiglib
import numpy as np
import pytest
import torch
import yaml
from idf_component_tools.manager import ManifestManager
from torch import nn

from toolkit import bundle
from toolkit.backends import projects
from toolkit.device import targets
from toolkit.errors import USAGE, ToolkitError
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq

FRAMEWORKS = Path(__file__).with_name("frameworks")
EQUAL = "equal to the reference"
Write = Callable[..., Path]


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small network in int8, and one in float32."""
    folder = tmp_path_factory.mktemp("nets")
    torch.manual_seed(0)
    samples = np.random.default_rng(0).random((16, 1, 6, 6), np.float32)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 5)).eval()
    pt2.save(quantize_ptq(net, samples), folder / "int8.pt2")
    pt2.save(torch.export.export(net, (torch.from_numpy(samples[:1]),)), folder / "float.pt2", {})
    return folder


@pytest.fixture
def write(nets: Path, tmp_path: Path) -> Write:
    """Write a project and return its folder; its commands are kept beside it."""

    def written(project: str, target: str, model: str = "int8", **options: Any) -> Path:
        output = tmp_path / "made" / project
        export = partial(
            bundle.export, nets / f"{model}.pt2", target, name="my net", golden_count=1, **options
        )
        _, commands = projects.write(project, target, output, export)
        assert 1 <= len(commands) <= 3
        assert all(command in (output / "README.md").read_text(encoding="utf-8") for command in commands)
        for file in output.rglob("*"):
            if file.is_file():
                assert b"\r" not in file.read_bytes(), file
                assert file.name != "CMakeLists.txt" or "\\" not in file.read_text(encoding="utf-8")
        return output

    return written


def call(*command: object, **environment: str) -> str:
    """Run a program that must succeed, and return what it said."""
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def on_an_uno(elf: Path) -> str:
    """Return what a program writes to an emulated Uno's serial line, until it has compared; at most for a minute."""
    command = ["simavr", "-m", "atmega328p", "-f", "16000000", str(elf)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        late = threading.Timer(60, running.kill)
        late.start()
        said = ""
        for line in running.stderr:
            said += line
            if "reference" in line:
                break
        late.cancel()
        running.kill()
    return said


def cmake(source: Path, build: Path, *options: str, **environment: str) -> Path:
    """Configure and build with warnings as errors."""
    call(
        "cmake",
        "-S",
        source,
        "-B",
        build,
        "-G",
        "Ninja",
        *options,
        CFLAGS="-Wall -Wextra -Werror",
        **environment,
    )
    call("cmake", "--build", build)
    return build


def test_every_framework_is_found_and_says_what_it_writes() -> None:
    assert projects.names() == ["arduino", "cmake", "esp-idf", "platformio", "stm32cube", "zephyr"]
    for name in projects.names():
        module = sys.modules.get(f"toolkit.backends.projects.{name.replace('-', '_')}")
        assert projects.load(name).title
        assert module is None or module.__doc__


@pytest.mark.parametrize(
    ("project", "target", "said"),
    [
        ("platfromio", "host", "did you mean platformio"),
        ("base", "host", "there is no project 'base'"),
        ("esp-idf", "cortex-m4", "ESP-IDF is not for cortex-m4"),
        ("stm32cube", "esp32c3", "STM32Cube is not for esp32c3"),
        ("arduino", "rpi", "Arduino is not for rpi"),
    ],
)
def test_what_makes_no_sense_is_refused(project: str, target: str, said: str, tmp_path: Path) -> None:
    def never(_: Path) -> dict[str, Any]:
        raise AssertionError

    with pytest.raises(ToolkitError) as caught:
        projects.write(project, target, tmp_path / "new", never)
    assert said in f"{caught.value.what} {caught.value.fix}"
    assert caught.value.exit_code == USAGE


def test_only_a_project_is_replaced(write: Write, tmp_path: Path) -> None:
    made = write("cmake", "host")
    (made / "mine.txt").touch()
    assert write("cmake", "host") == made
    assert not (made / "mine.txt").exists()
    (made / "toolkit.json").unlink()
    with pytest.raises(ToolkitError, match="is not empty, and no project of the toolkit"):
        write("cmake", "host")


def test_cmake_builds_runs_installs_and_is_found(write: Write, tmp_path: Path) -> None:
    made = write("cmake", "host", prefix="kws")
    built = cmake(made, tmp_path / "build")
    assert EQUAL in call("ctest", "--test-dir", built, "-V")
    call("cmake", "--install", built, "--prefix", tmp_path / "installed")
    user = tmp_path / "user"
    shutil.copytree(made / "example", user)
    (user / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(user C)\nfind_package(my_net 1.0 REQUIRED)\n"
        "add_executable(user main.c)\ntarget_link_libraries(user PRIVATE my_net::my_net)\n",
        encoding="utf-8",
    )
    found = cmake(user, tmp_path / "user_build", f"-DCMAKE_PREFIX_PATH={tmp_path / 'installed'}")
    assert EQUAL in call(found / "user")


def test_cmake_compiles_for_a_microcontroller(write: Write, tmp_path: Path) -> None:
    made = write("cmake", "stm32f4-discovery")
    assert "_dsp" in (made / "src" / "model.c").read_text(encoding="utf-8")
    built = cmake(made, tmp_path / "build", "-DCMAKE_TOOLCHAIN_FILE=toolchain.cmake")
    assert 'Tag_CPU_name: "7E-M"' in call("arm-none-eabi-readelf", "-A", built / "libmy_net.a")


def test_arduino_builds_the_sketch_which_runs_on_an_uno(write: Write, tmp_path: Path) -> None:
    made = write("arduino", "arduino-uno")
    build, tools = tmp_path / "build", tmp_path / "tools"
    build.mkdir()
    tools.mkdir()
    said = call(
        "arduino-builder", "-compile", "-warnings", "all", "-fqbn", "arduino:avr:uno",
        "-hardware", "/usr/share/arduino-builder", "-hardware", "/usr/share/arduino/hardware", "-tools", tools,
        "-libraries", made.parent, "-build-path", build,
        # Debian's core is newer than its compiler
        "-prefs", "compiler.cpp.extra_flags=-DDECIMAL_DIG=__DECIMAL_DIG__",
        made / "examples" / "Golden" / "Golden.ino",
    )  # fmt: skip
    assert not re.search(r"(model|golden|Golden|tk_\w+)\.(c|h|ino):\d+.*warning", said), said
    assert EQUAL in on_an_uno(build / "Golden.ino.elf")


def test_arduino_leaves_float32_unfused(write: Write, tmp_path: Path) -> None:
    made = write("arduino", "cortex-m4", "float")
    flags = (
        "-std=gnu11",
        "-O2",
        "-mcpu=cortex-m4",
        "-mthumb",
        "-mfloat-abi=hard",
        "-mfpu=fpv4-sp-d16",
        "-Werror",
    )
    source, assembly = made / "src" / "model.c", tmp_path / "model.s"
    call("arm-none-eabi-gcc", *flags, "-S", source, "-o", assembly)
    text = assembly.read_text(encoding="utf-8")
    assert "vmul.f32" in text
    assert "vfma" not in text
    plain = tmp_path / "plain.c"
    plain.write_text(
        source.read_text(encoding="utf-8").replace("#pragma GCC optimize", "//"), encoding="utf-8"
    )
    call("arm-none-eabi-gcc", *flags, f"-I{source.parent}", "-S", plain, "-o", assembly)
    assert "vfma" in assembly.read_text(encoding="utf-8")  # else the pragma is for nothing


def test_platformio_builds_and_runs_it(write: Write, tmp_path: Path) -> None:
    made, home = write("platformio", "arduino-uno"), tmp_path / "home"
    assert "[env:uno]\nplatform = atmelavr\nboard = uno\nframework = arduino\n" in (
        made / "platformio.ini"
    ).read_text(encoding="utf-8")
    shutil.copytree(FRAMEWORKS / "platformio", home)
    said = call(
        sys.executable, "-m", "platformio", "run", "-d", made, "-e", "native", "-t", "exec",
        PLATFORMIO_CORE_DIR=str(home),
        PLATFORMIO_SETTING_ENABLE_TELEMETRY="no",
        PLATFORMIO_SETTING_CHECK_PLATFORMIO_INTERVAL="3650",
    )  # fmt: skip
    assert "my_net @ 1.0.0" in said
    assert EQUAL in said


def test_zephyr_reads_module_and_kconfig_and_builds_the_sample(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write("zephyr", "stm32f4-discovery")
    module = yaml.safe_load((made / "zephyr" / "module.yml").read_text(encoding="utf-8"))
    assert module == {
        "name": "my_net",
        "build": {"cmake": "zephyr", "kconfig": "zephyr/Kconfig"},
        "samples": ["samples"],
    }
    assert (made / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    sample = made / module["samples"][0] / "golden"
    assert set(yaml.safe_load((sample / "sample.yaml").read_text(encoding="utf-8"))) == {"sample", "tests"}
    root = tmp_path / "Kconfig"
    root.write_text(
        f'source "{made / module["build"]["kconfig"]}"\nconfig PRINTK\n    bool "x"\n', encoding="utf-8"
    )
    kconfig = kconfiglib.Kconfig(str(root), warn_to_stderr=False)
    kconfig.load_config(str(sample / "prj.conf"))
    assert kconfig.warnings == []
    assert kconfig.syms["MY_NET"].str_value == "y"
    settings = tmp_path / "settings.cmake"
    settings.write_text(
        "".join(f"set(CONFIG_{s.name} {s.str_value})\n" for s in kconfig.unique_defined_syms),
        encoding="utf-8",
    )
    here = (f"-DSETTINGS={settings}", f"-DZephyr_DIR={FRAMEWORKS / 'zephyr'}")
    built = cmake(sample, tmp_path / "build", *here, ZEPHYR_BASE=str(FRAMEWORKS / "zephyr"))
    assert EQUAL in call(built / "zephyr_elf")


def test_esp_idf_takes_the_manifest_and_builds_the_example(write: Write, tmp_path: Path) -> None:
    made = write("esp-idf", "esp32c3")
    manifest = ManifestManager(made, "my_net")
    assert manifest.validate()
    assert str(manifest.load().version) == "1.0.0"
    example, idf = made / "examples" / "golden", str(FRAMEWORKS / "esp_idf")
    built = cmake(example, tmp_path / "here", IDF_PATH=idf)
    assert EQUAL in call(built / "golden")
    (tmp_path / "stdio.h").write_text("int printf(const char *format, ...);\n", encoding="utf-8")
    flags = f"-march=rv32imc -mabi=ilp32 -ffreestanding -isystem {tmp_path}"
    core = targets.load("esp32c3").compilers["gcc"].command[0]
    cross = (f"-DCMAKE_C_COMPILER={core}", f"-DCMAKE_C_FLAGS={flags}", "-DCMAKE_SYSTEM_NAME=Generic",
             "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY")  # fmt: skip
    built = cmake(example, tmp_path / "there", *cross, IDF_PATH=idf)
    assert "RISC-V" in call("riscv64-unknown-elf-readelf", "-h", built / "component" / "libcomponent.a")


def test_stm32cube_compiles_by_its_lists_and_by_its_cmake_file(write: Write, tmp_path: Path) -> None:
    made = write("stm32cube", "stm32f4-discovery", "float")
    sources = (made / "sources.txt").read_text(encoding="utf-8").split()
    folders = [f"-I{made / line}" for line in (made / "include.txt").read_text(encoding="utf-8").split()]
    for number, source in enumerate(sources):
        call(
            "arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-Os", "-Wall",
            "-Werror", *folders, "-c", made / source, "-o", tmp_path / f"{number}.o",
        )  # fmt: skip
    (made / "main.c").write_text(
        '#include "my_net_example.h"\nint main(void) { return my_net_example(); }\n', encoding="utf-8"
    )
    (made / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.22)\nproject(cube C)\nadd_executable(cube main.c)\n"
        "include(my_net.cmake)\n",
        encoding="utf-8",
    )
    assert EQUAL in call(cmake(made, tmp_path / "build") / "cube")
