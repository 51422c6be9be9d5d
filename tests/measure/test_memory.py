"""Memory: every byte of an image is counted once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.device import toy
from toolkit.device import targets
from toolkit.device.build import build
from toolkit.errors import CHECK_FAILED, ToolkitError
from toolkit.measure import memory

STATICS = "static volatile int counter = 5; static volatile uint8_t zeros[100];"


@pytest.mark.parametrize("toolchain", ["zig", "gcc"])
@pytest.mark.parametrize("target", ["cortex-m4", "microbit", "rv32imc"])
def test_bytes_go_where_they_belong(
    tmp_path: Path, target: str, toolchain: str, need: Callable[[str, str], None]
) -> None:
    need(target, toolchain)
    plain = memory.of_image(build(toy.make(tmp_path / "a", target), toolchain=toolchain).path, 12)
    bundle = toy.make(
        tmp_path / "b", target, globals=STATICS, layer_0="arena[0] = (int8_t)(zeros[3] + counter);"
    )
    more = memory.of_image(build(bundle, toolchain=toolchain).path, 12)
    assert plain.weight_bytes == more.weight_bytes == 32
    assert plain.arena_bytes == 12
    assert plain.other_static_bytes <= 4  # padding
    assert 104 <= more.other_static_bytes <= 112
    assert plain.stack_reserved_bytes == targets.load(target).stack_bytes
    assert plain.flash_bytes == plain.code_bytes + 32
    assert plain.ram_bytes == 12 + plain.other_static_bytes + plain.stack_reserved_bytes
    assert 300 < plain.code_bytes < 1500


def test_flash_is_what_the_image_loads(bundle: Path) -> None:
    from toolkit.device import elf

    image = build(bundle).path
    loaded = sum(len(segment.data) for segment in elf.read(image).segments)
    assert memory.of_image(image, 12).flash_bytes == loaded


def test_an_image_of_another_model_is_refused(bundle: Path) -> None:
    with pytest.raises(ToolkitError, match="fewer than the arena's 1,000,000") as caught:
        memory.of_image(build(bundle).path, 1_000_000)
    assert caught.value.exit_code == CHECK_FAILED
