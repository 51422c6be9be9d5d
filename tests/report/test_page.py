"""The report is one page that loads nothing, escapes everything, and fits a phone."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.report.made_up import facts
from toolkit.report import render, write
from toolkit.report.chart import line_chart
from toolkit.report.facts import Facts, Training
from toolkit.report.of_bundle import training

HOSTILE = "</style></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}"
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
PHONE_PX = 390


class Elements(HTMLParser):
    """Collect every element's name and attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_nothing_is_loaded() -> None:
    page = render(facts())
    for tag, attributes in Elements(page).found:
        assert tag not in {"script", "link", "iframe", "img", "object", "embed", "base"} or (
            tag == "link" and attributes["href"] == "data:,"
        )
        for key in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
            assert not attributes.get(key) or attributes[key] == "data:,"
    assert "@import" not in page
    assert re.findall(r"url\(([^)]*)\)", page) == ["#hatch"]
    assert "http:" not in page
    assert "https:" not in page


def test_names_from_strangers_are_text() -> None:
    page = render(facts(name=HOSTILE, layer=HOSTILE))
    tags = {tag for tag, _ in Elements(page).found}
    assert not tags & {"script", "img"}
    assert not [key for _, attributes in Elements(page).found for key in attributes if key.startswith("on")]
    assert html.escape(HOSTILE, quote=False)[:30] in page
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", page, re.DOTALL)[0]  # it is not a template either


def test_headings_and_tables_are_labelled() -> None:
    found = Elements(render(facts())).found
    tags = [tag for tag, _ in found]
    assert tags.count("h1") == 1
    assert tags.count("caption") == tags.count("table") > 4
    assert all("scope" in attributes for tag, attributes in found if tag == "th")
    pictures = [
        attributes for tag, attributes in found if tag == "svg" and attributes.get("class") == "canvas"
    ]
    assert pictures
    assert all(picture["role"] == "img" and picture["aria-label"] for picture in pictures)


def test_a_difference_is_said_in_words() -> None:
    good, bad = render(facts()), render(facts(checks_ok=False))
    assert "Bit-exact" in good
    assert "differs" not in re.sub(r"<style>.*?</style>", "", good, flags=re.DOTALL)
    assert "The device differs from the reference" in bad
    assert "first in conv1" in bad


def test_every_figure_says_how_it_is_known() -> None:
    page = render(facts())
    assert '<span class="kind estimated">estimated</span>' in page
    assert '<span class="kind counted">counted</span>' in page


def test_a_training_step_says_what_each_half_takes() -> None:
    """States all the time, and in each half the most that is alive at one time."""
    buffers = [
        {"kind": "state", "bytes": 100, "first": 0, "last": 9},
        {"kind": "activation", "bytes": 30, "first": 0, "last": 2},
        {"kind": "activation", "bytes": 20, "first": 2, "last": 6},
        {"kind": "scratch", "bytes": 500, "first": 6, "last": 6},
    ]
    layers = [{"step": step, "answers": step < 4} for step in (1, 2, 3, 5, 6, 7)]
    manifest = {"learns": True, "layers": layers, "memory_plan": {"buffers": buffers}}
    settings = {"rule": "backprop", "method": "", "weights": "int8"}
    found = training({**manifest, "info": {"training": settings}})
    assert found == Training("backprop, int8", 100, 50, 520)
    assert training({**manifest, "learns": False, "info": {}}) is None
    assert "6,000" in render(facts())


def test_an_almost_empty_report_is_a_page() -> None:
    page = render(Facts("model", "host", "this machine"))
    assert "<h2" not in page
    assert "model" in page


@pytest.mark.parametrize("values", [[0.5], [0.3, 0.3], [0.0, 0.0], [1e-9, 2e-9], [-1.0, 5e6]])
def test_charts_of_any_values(values: list[float]) -> None:
    picture = str(line_chart("Loss", [("a", values)]))
    numbers = [
        float(number)
        for number in re.findall(r"-?\d+\.\d+", "".join(re.findall(r'points="([^"]*)"', picture)))
    ]
    assert numbers
    assert all(-0.01 <= number <= 100.01 for number in numbers)


def test_no_chart_without_values() -> None:
    assert str(line_chart("Loss", [("a", [])])) == ""


def test_written_whole(tmp_path: Path) -> None:
    page = write(tmp_path / "report.html", facts())
    assert page.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert list(tmp_path.iterdir()) == [page]


def browse(page: str, folder: Path, width: int, script: str) -> str:
    """Open ``page`` in a frame ``width`` pixels wide; return what ``script`` says of its document ``d``."""
    wrapper = folder / "wrapper.html"
    wrapper.write_text(
        f'<body><iframe id="f" style="width:{width}px;height:900px;border:0" srcdoc="{html.escape(page)}"></iframe>'
        f'<pre id="said"></pre><script>f.onload = () => {{ const d = f.contentDocument; '
        f"said.textContent = '<<' + ({script}) + '>>'; }}</script></body>",
        encoding="utf-8",
    )
    assert CHROMIUM is not None
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000", "--dump-dom",
         f"--user-data-dir={folder / 'profile'}", wrapper.as_uri()],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    said = re.search(r"&lt;&lt;(.*?)&gt;&gt;", done.stdout, re.DOTALL)
    assert said, done.stderr[-2000:]
    return html.unescape(said[1])


@needs_chromium
@pytest.mark.parametrize("case", ["plain", "long names", "many classes"])
def test_no_sideways_scrolling_on_a_phone(case: str, tmp_path: Path) -> None:
    page = {
        "plain": render(facts()),
        "long names": render(
            facts(name="averyverylongname" * 12, layer="features.block_with_a_long_path." * 6)
        ),
        "many classes": render(facts(classes=40)),
    }[case]
    width = browse(page, tmp_path, PHONE_PX, "d.documentElement.scrollWidth")
    assert int(width) <= PHONE_PX


@needs_chromium
def test_every_picture_has_a_size(tmp_path: Path) -> None:
    script = "[...d.querySelectorAll('.canvas')].map(c => c.getBoundingClientRect()).map(r => `${r.width}x${r.height}`)"
    sizes = browse(render(facts()), tmp_path, PHONE_PX, script).split(",")
    assert len(sizes) == 3  # loss, accuracy, memory map
    for size in sizes:
        width, height = (float(number) for number in size.split("x"))
        assert 200 < width < PHONE_PX
        assert height > 100
