"""``toolkit.toml`` is read strictly, and ``toolkit init`` writes one that is right."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import quantize
from toolkit import project
from toolkit.errors import ToolkitError


def load(folder: Path, text: str | bytes) -> project.Project:
    """Load ``text`` as the ``toolkit.toml`` of ``folder``."""
    file = folder / "toolkit.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return project.load(folder)


@pytest.mark.parametrize("recipe", project.recipes())
def test_every_recipe_loads(recipe: str, tmp_path: Path) -> None:
    file = project.init(tmp_path / "new", recipe)
    settings = project.load(tmp_path / "new")
    assert settings.name == recipe
    assert settings.root == file.parent
    assert settings.build == tmp_path / "new" / "build"


def test_default_recipe_names_every_setting(tmp_path: Path) -> None:
    """The commented file is the reference of the settings: none may be missing from it."""
    text = project.init(tmp_path, "digits-ternary").read_text(encoding="utf-8")
    rare = {"warmup", "flip", "clip_norm", "loss"}  # explained in TrainSettings
    sections = [project.Data, project.Model, project.Train, project.Export, project.Device]
    for section in (*sections, *map(project.options_type, quantize.slugs())):
        for name in section.__dataclass_fields__:
            assert name in rare or f"{name} = " in text, f"{section.__name__}.{name}"


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, "")
    assert settings.quantize.method == "bitnet158"
    assert settings.train.settings().epochs == settings.train.epochs


def test_a_methods_settings_are_its_options(tmp_path: Path) -> None:
    chosen = load(tmp_path, "[quantize]\nmethod = 'bitnet158'\nskip = ['features.0']\nepochs = 7\n").quantize
    assert chosen.options == quantize.load("bitnet158").Options(skip=("features.0",), epochs=7)


def test_a_file_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('[project]\nname = "x"\n')
    assert project.load(tmp_path / "other.toml").name == "x"


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    file = tmp_path / "toolkit.toml"
    file.write_text("mine")
    with pytest.raises(ToolkitError, match="is there already"):
        project.init(tmp_path, "digits-ternary")
    assert file.read_text() == "mine"


def test_init_into_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ToolkitError, match="is a file"):
        project.init(tmp_path / "taken", "digits-ternary")


def test_unknown_recipe(tmp_path: Path) -> None:
    with pytest.raises(ToolkitError) as caught:
        project.init(tmp_path, "digit-ternary")
    assert caught.value.fix == "did you mean digits-ternary?"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "what", "at", "fix"),
    [
        ("[trian]\n", "no section is called 'trian'", "", "did you mean train?"),
        ("[train]\nepoch = 3\n", "no setting is called 'epoch'", "[train]", "did you mean epochs?"),
        ("[train]\nepochs = 0\n", "epochs = 0", "[train]", "epochs"),
        ("[train]\nepochs = 1.5\n", "epochs = 1.5 cannot be", "[train] epochs", "a whole number"),
        ("[train]\nepochs = true\n", "epochs = True cannot be", "[train] epochs", "a whole number"),
        ("[train]\nlearning_rate = nan\n", "learning_rate = nan", "[train]", "finite"),
        ("[train]\nschedule = 'cosin'\n", "schedule = 'cosin'", "[train]", "did you mean cosine?"),
        ("[quantize]\nmethod = 'bitnet'\n", "method = 'bitnet'", "[quantize]", "did you mean bitnet158?"),
        ("[quantize]\nmethod = ['a']\n", "method = ['a']", "[quantize]", "one of"),
        ("[quantize]\nepoch = 3\n", "no setting is called 'epoch'", "[quantize]", "did you mean epochs?"),
        ("[quantize]\nepochs = 0\n", "epochs = 0", "[quantize] epochs", "from 1 to"),
        ("[quantize]\nscale = 'men'\n", "scale = 'men'", "[quantize] scale", "did you mean mean?"),
        ("[quantize]\nskip = 'a'\n", "skip = 'a'", "[quantize] skip", "a list of strings"),
        ("[quantize]\nskip = [1]\n", "skip = [1]", "[quantize] skip", "a list of strings"),
        (
            "[quantize]\nmethod = 'int8-ptq'\nepochs = 3\n",
            "int8-ptq has no setting 'epochs'",
            "[quantize]",
            "leave it out; it is a setting of binary-variational, bitnet158, bitwise-training, int8-qat, shift-nbit, ",
        ),
        (
            "[quantize]\nmethod = 'float'\ncalibration = 9\n",
            "float has no setting",
            "[quantize]",
            "it is a setting of int8-ptq",
        ),
        (
            "[quantize]\nmethod = 'float'\nnone = 9\n",
            "no setting is called 'none'",
            "[quantize]",
            "leave it out",
        ),
        ("[export]\ntarget = 4\n", "target = 4", "[export] target", "a string"),
        ("[export]\ngolden = 1000000\n", "golden = 1000000", "[export]", "from 1 to 4,096"),
        ("[model]\noptions = 3\n", "options = 3", "[model]", "a table"),
        ("[project]\nname = '../x'\n", "name = '../x'", "[project]", "letters"),
        ("[project]\nnme = 'x'\n", "no setting is called 'nme'", "[project]", "did you mean name?"),
        ("project = 3\n", "project is not a section", "", "[project]"),
        ("data = 3\n", "data is not a section", "", "[data]"),
        ("[data\n", "not a valid TOML file", "", "mend"),
        (b"\xff\xfe", "not a valid TOML file", "", ""),
        ("x = " + "[" * 5000, "not a valid TOML file", "", ""),
    ],
)
def test_errors_name_file_and_key(tmp_path: Path, text: str | bytes, what: str, at: str, fix: str) -> None:
    with pytest.raises(ToolkitError) as caught:
        load(tmp_path, text)
    assert what in caught.value.what
    assert str(tmp_path / "toolkit.toml") in caught.value.at
    assert at in caught.value.at
    assert fix in caught.value.fix
    assert caught.value.exit_code == 2


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_give_a_project_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    with contextlib.suppress(ToolkitError):  # anything else is a failure
        load(tmp_path_factory.mktemp("fuzz"), data)
