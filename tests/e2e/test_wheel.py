"""``pip install`` of the wheel gives a working ``toolkit`` outside the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=CHECKOUT,
        check=True,
    )
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment with the wheel in it; its dependencies are this environment's, not downloaded."""
    folder = tmp_path_factory.mktemp("install") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--quiet", str(wheel)],
        check=True,
    )
    site = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    # after the wheel's own folder on the path, and without this environment's .pth files: the checkout stays out
    Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def run(installed: Path, *args: object, cwd: Path) -> str:
    """Run the installed ``toolkit`` script and return its stdout."""
    script = installed.parent / ("toolkit.exe" if os.name == "nt" else "toolkit")
    done = subprocess.run(
        [str(script), *map(str, args)], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_wheel_holds_code_and_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "toolkit/_data/targets/mps2-an386/target.toml",
        "toolkit/_data/runtime/include/tk.h",
        "toolkit/recipes/digits-ternary.toml",
        "toolkit/report/page.html.j2",
        "toolkit/report/style.css",
        "toolkit/py.typed",
        "quantize/__init__.py",
    ):
        assert needed in names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"toolkit", "quantize"}
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]


def test_installed_toolkit_is_the_wheels(installed: Path, tmp_path: Path) -> None:
    where = subprocess.run(
        [str(installed), "-c", "import toolkit, quantize; print(toolkit.__file__); print(quantize.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert all(str(installed.parent.parent) in path for path in where)


def test_targets_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    from toolkit.device import targets

    listed = json.loads(run(installed, "targets", "--json", cwd=tmp_path))["targets"]
    assert [target["name"] for target in listed] == targets.names()


def test_export_and_verify_outside_the_checkout(installed: Path, tmp_path: Path, tiny_program: Path) -> None:
    run(installed, "export", tiny_program, "-t", "mps2-an386", "-o", "bundle", cwd=tmp_path)
    report = json.loads(run(installed, "verify", "bundle", "--fresh", "2", "--json", cwd=tmp_path))
    assert report["ok"] is True
    assert str(CHECKOUT) not in (tmp_path / "bundle" / "manifest.json").read_text()


def test_init_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    run(installed, "init", "new", cwd=tmp_path)
    assert (tmp_path / "new" / "toolkit.toml").is_file()
