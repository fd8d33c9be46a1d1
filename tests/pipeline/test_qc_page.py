"""The report as a person uses it, in a browser: wipe, plots, jumps, at 4 frames and 2,000, and with hostile names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.chromium import Page, open_page
from tests.pipeline.qc_shots import check, make_files, write_log
from vfx_swap.pipeline.qc_judge import judge
from vfx_swap.pipeline.qc_page import qc_page
from vfx_swap.pipeline.qc_pictures import (
    FramePictures,
    QcPictures,
    frames_to_show,
)
from vfx_swap.pipeline.qc_run import QcReport
from vfx_swap.pipeline.qc_scan import FaceRow, QcFrame
from vfx_swap.pipeline.qc_subject import QcSubject
from vfx_swap.settings import Qc

HOSTILE = '</script><script>window.owned=1</script><img src=x onerror="window.owned=2">\'"&'
DOT = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> QcReport:
    """Eight frames: 3 is missing, 6 too bright."""
    folder = tmp_path_factory.mktemp("qc")

    def change(frame: int, plate: np.ndarray, matte: np.ndarray) -> np.ndarray:
        gain = 1.7 if frame == 6 else 0.98
        return np.where(matte[..., None] > 0.0, plate * np.float32(gain), plate).astype(np.float32)

    shot = make_files(folder, frames=tuple(range(1, 9)), change=change)
    (folder / "out/swap.0003.exr").unlink()
    return check(shot, folder / "sh010.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with open_page() as page:
        yield page


@pytest.fixture
def page(browser: Page, report: QcReport) -> Page:
    browser.console.clear()
    browser.requests.clear()
    browser.resize(1600, 900)
    browser.media()
    browser.go(report.page)
    return browser


def frame_shown(page: Page) -> int:
    return int(page.run("document.getElementById('frame').value"))


def test_the_page_opens_offline_and_without_a_complaint(page: Page, report: QcReport) -> None:
    assert page.requests == [report.page.as_uri()]
    assert page.console == []
    text = report.page.read_text()
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text
    assert page.run("[...document.images].every((one) => one.src.startsWith('data:') || one.src === '')")
    assert page.run("document.querySelector('.verdict').textContent") == "Failed"


def test_it_begins_at_the_worst_frame_and_says_why(page: Page, report: QcReport) -> None:
    assert report.verdict.worst[0] == 3
    assert frame_shown(page) == report.verdict.worst[1]  # the worst that there is a picture of
    assert "past a limit" in page.run("document.getElementById('state').textContent")
    assert "its brightness jumps" in page.run("document.getElementById('why').textContent")
    page.run("document.querySelector('.worst button').click()")
    assert "missing: it was rendered, and is gone" in page.run("document.getElementById('why').textContent")
    assert page.run("document.getElementById('which').textContent").endswith(", not 3")
    listed = page.run("[...document.querySelectorAll('.worst button')].map((one) => Number(one.textContent))")
    assert listed == list(report.verdict.worst)


def test_the_slider_moves_the_wipe_by_mouse_and_by_key(page: Page) -> None:
    left, top, width, height = page.box("#wipe")
    shown = "getComputedStyle(document.getElementById('after')).clipPath"
    page.click(left + 0.25 * width, top + 0.5 * height)
    a_quarter = page.run(shown)
    at = float(page.run("document.getElementById('slider').value"))
    assert at == pytest.approx(25.0, abs=3.0)
    assert f"{at}%" in a_quarter
    for _ in range(5):
        page.key("ArrowRight")
    assert float(page.run("document.getElementById('slider').value")) > at
    assert page.run(shown) != a_quarter


def test_modes_show_plate_result_and_difference(page: Page) -> None:
    style = "getComputedStyle(document.getElementById('after'))"
    page.key("p")
    assert page.run(f"{style}.visibility") == "hidden"
    page.key("r")
    assert page.run(f"[{style}.visibility, {style}.clipPath]") == ["visible", "none"]
    page.key("d")
    assert page.run(f"{style}.mixBlendMode") == "difference"
    left, top, width, height = page.box("#modes label")
    page.click(left + width / 2, top + height / 2)
    assert page.run("document.getElementById('wipe').dataset.mode") == "wipe"


def test_a_plot_tells_its_numbers_where_the_mouse_is_and_goes_there_on_a_click(page: Page, report: QcReport) -> None:
    left, top, width, height = page.box("#plot-light svg")
    x = left + width * (52 + (5.5 / 8) * (width - 62)) / width  # frame 6 of 8, inside the plot's margins
    page.mouse("mouseMoved", x, top + height / 2)
    tip = page.run("document.querySelector('.tip').hidden ? '' : document.querySelector('.tip').textContent")
    level = next(one for one in report.frames if one.frame == 6).faces[0].values["light_level_stops"]
    assert "Light, frame 6" in tip
    assert f"{level:.3f} stops" in tip
    assert "past the limit" in tip
    cursor = "[...document.querySelectorAll('#plots .cursor')].map((one) => one.getAttribute('visibility'))"
    assert set(page.run(cursor)) == {"visible"}
    page.click(x, top + height / 2)
    assert frame_shown(page) == 6
    page.mouse("mouseMoved", 2, 2)
    assert page.run("document.querySelector('.tip').hidden")
    assert set(page.run(cursor)) == {"hidden"}


def test_a_plot_is_read_by_keyboard(page: Page) -> None:
    page.run("document.querySelector('#plot-seam svg').focus()")
    said = "document.querySelector('#plot-seam svg').getAttribute('aria-valuetext')"
    page.key("Home")
    assert frame_shown(page) == 1
    assert page.run(said).startswith("frame 1: at its worst ")
    page.key("ArrowRight")
    assert frame_shown(page) == 2
    page.key("End")
    assert frame_shown(page) == 8


def test_the_frame_jump_goes_to_the_frame_and_shows_its_picture(page: Page) -> None:
    page.run(
        "(() => { const f = document.getElementById('frame'); f.value = 5; f.dispatchEvent(new Event('change')); })()"
    )
    assert frame_shown(page) == 5
    assert page.run("document.getElementById('after').alt") == "result, frame 5"
    assert page.run("document.querySelector('.crops img').alt").endswith("frame 5")
    page.run("document.querySelector('.sheet button[data-frame=\"8\"]').click()")
    assert page.run("document.getElementById('after').alt") == "result, frame 8"
    page.key("[")
    assert frame_shown(page) == 7  # it jumps back from 6
    page.key("[")
    assert frame_shown(page) == 6
    page.key("[")
    assert frame_shown(page) == 3
    assert "No picture of it in the report" in page.run("document.getElementById('state').textContent")
    page.key(".")
    assert frame_shown(page) == 4


def test_crops_are_at_200_percent_of_the_plate_s_pixels(page: Page) -> None:
    page.run("document.querySelector('.sheet button').click()")
    page.wait_for("document.querySelector('.crops img').naturalWidth > 0")
    sizes = page.run(
        "[...document.querySelectorAll('.crops img')]"
        ".map((one) => one.getBoundingClientRect().width / one.naturalWidth)"
    )
    assert sizes == [2.0, 2.0]
    assert page.run("getComputedStyle(document.querySelector('.crops img')).imageRendering") == "pixelated"


def test_a_narrow_window_a_dark_one_and_paper(page: Page) -> None:
    light = page.run("getComputedStyle(document.body).backgroundColor")
    page.media(dark=True)
    assert page.run("getComputedStyle(document.body).backgroundColor") != light
    page.resize(420, 800)
    page.wait_for("document.querySelector('#plots svg').getBoundingClientRect().width < 420")
    assert page.run("document.documentElement.scrollWidth") <= 420
    page.media(dark=True, printed=True)
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.run("getComputedStyle(document.querySelector('.bar')).display") == "none"


def long_shot(count: int) -> tuple[list[QcFrame], QcSubject]:
    random = np.random.default_rng(1)
    frames = []
    for number in range(1001, 1001 + count):
        if 1500 <= number < 1503:
            frames.append(QcFrame(number, "missing", "it was not rendered"))
            continue
        values = {
            "distance_to_identity": 0.4 + 0.02 * random.normal(),
            "expression_error": 0.02 + 0.005 * abs(random.normal()),
            "seam_worst_stops": 20.0 if number == 1700 else 0.2 + 0.05 * random.normal(),
            "flicker_stops": 0.03,
            "flicker_plate_stops": 0.03,
            "flicker_pop_ratio": 1.0,
        }
        frames.append(QcFrame(number, "measured", faces=(FaceRow(1, "track 1", values),)))
    numbers = tuple(one.frame for one in frames)
    return frames, QcSubject("long", "plate.####.exr", "out.####.exr", numbers, Qc(), "defaults")


def write_long(path: Path, count: int) -> None:
    frames, subject = long_shot(count)
    verdict = judge(frames, Qc())
    wanted = sorted(frames_to_show(frames, verdict, most=48))
    pictures = QcPictures(tuple(FramePictures(n, 64, 36, DOT, DOT, DOT, 50.0) for n in wanted))
    path.write_text(qc_page(subject, frames, verdict, pictures, made="today", files={"JSON": "a.json", "CSV": "a.csv"}))


@pytest.mark.parametrize("count", [1, 4, 2000])
def test_a_few_frames_and_two_thousand(count: int, tmp_path: Path, browser: Page) -> None:
    browser.console.clear()
    write_long(tmp_path / "long.html", count)
    browser.resize(1600, 900)
    browser.go(tmp_path / "long.html")
    assert browser.console == []
    assert browser.run("document.querySelectorAll('.sheet button').length") == min(count, 48)
    assert browser.run("document.querySelectorAll('#plots .trace').length") >= 4
    if count == 2000:
        assert (tmp_path / "long.html").stat().st_size < 1 << 20
        assert frame_shown(browser) == 1700
        assert browser.run("document.querySelectorAll('#plots rect.none').length") >= 4  # the three that are missing
        assert browser.run("document.querySelector('#plot-seam .off').getAttribute('d').length") > 5  # the wild one
        # ... which does not flatten all others.
        box = browser.run(
            "(() => { const b = document.querySelector('#plot-seam .trace').getBBox(); return b.height; })()"
        )
        assert box > 20.0


def test_hostile_names_are_text_and_no_markup(tmp_path: Path, browser: Page) -> None:
    frames, _ = long_shot(3)
    hostile = [
        QcFrame(one.frame, one.status, faces=(FaceRow(1, HOSTILE, one.faces[0].values, (HOSTILE,)),)) for one in frames
    ]
    hostile.append(QcFrame(1004, "failed", HOSTILE))
    numbers = tuple(one.frame for one in hostile)
    subject = QcSubject(
        HOSTILE, HOSTILE, HOSTILE, numbers, Qc(), HOSTILE, facts=((HOSTILE, HOSTILE),), notes=(HOSTILE,)
    )
    verdict = judge(hostile, Qc())
    text = qc_page(
        subject, hostile, verdict, QcPictures(), made=HOSTILE, files={"JSON": HOSTILE, "CSV": HOSTILE}, notes=(HOSTILE,)
    )
    (tmp_path / "hostile.html").write_text(text)
    browser.console.clear()
    browser.go(tmp_path / "hostile.html")
    assert browser.console == []
    assert browser.run("typeof window.owned") == "undefined"
    assert browser.run("document.querySelectorAll('script').length") == 2
    assert browser.run("document.querySelectorAll('img[onerror]').length") == 0
    assert browser.run("document.querySelector('h1').textContent").startswith(HOSTILE)
    left, top, width, height = browser.box("#plot-seam svg")
    browser.mouse("mouseMoved", left + width / 2, top + height / 2)
    assert HOSTILE in browser.run("document.getElementById('why').textContent") or frame_shown(browser) == 1004


def test_a_script_that_got_in_would_not_run(report: QcReport, tmp_path: Path, browser: Page) -> None:
    broken_in = report.page.read_text().replace(
        "</body>", "<script>window.owned = 1</script><img src=x onerror='window.owned=2'></body>"
    )
    (tmp_path / "in.html").write_text(broken_in)
    browser.console.clear()
    browser.go(tmp_path / "in.html")
    assert browser.run("typeof window.owned") == "undefined"
    assert any("Content Security Policy" in line for line in browser.console)


def test_a_hostile_shot_from_its_files(tmp_path: Path) -> None:
    name = '<b>"x"&'  # a shot's name may hold all but slashes and control characters
    shot = make_files(tmp_path, frames=(1, 2), name=name)
    write_log(tmp_path / "out", {1: None, 2: HOSTILE}, name=name)
    report = check(shot, tmp_path / "qc.html")
    page = report.page.read_text()
    assert "<b>" not in page
    assert "<script>window" not in page
    assert "<img src=x" not in page
    assert json.loads(report.json.read_text())["name"] == name


def test_frames_shown_are_the_worst_and_the_shot_s_spread() -> None:
    frames, _ = long_shot(2000)
    verdict = judge(frames, Qc())
    shown = frames_to_show(frames, verdict, most=12)
    assert len(shown) == len(set(shown)) == 12
    assert shown[0] == 1700
    assert {1001, 3000} <= set(shown)
    assert max(np.diff(sorted(shown))) < 800
    assert not {1500, 1501, 1502} & set(shown)
    assert frames_to_show(frames[:3], judge(frames[:3], Qc()), most=12) != ()
    assert len(frames_to_show(frames[:3], judge(frames[:3], Qc()), most=12)) == 3
    assert frames_to_show([], judge([], Qc()), most=12) == ()
    assert frames_to_show(frames, verdict, most=0) == ()


def test_pictures_stay_within_their_bytes(tmp_path: Path) -> None:
    from vfx_swap.colour.ocio import load_config
    from vfx_swap.pipeline.progress import never_cancelled, no_progress
    from vfx_swap.pipeline.qc_pictures import make_pictures
    from vfx_swap.pipeline.qc_read import QcFiles

    made = check(make_files(tmp_path), tmp_path / "qc.html")
    config = load_config()
    with QcFiles(made.subject, config=config) as files:

        def pictures(budget: int) -> QcPictures:
            return make_pictures(
                made.frames,
                (4, 1, 6),
                files,
                config=config,
                progress=no_progress,
                cancelled=never_cancelled,
                budget=budget,
            )

        whole = pictures(24 << 20)
        assert [one.frame for one in whole.frames] == [1, 4, 6]
        assert whole.left_out == ()
        one = next(one for one in whole.frames if one.frame == 4)
        some = pictures(one.size + 10)
        assert [one.frame for one in some.frames] == [4]
        assert some.left_out == (1, 6)
        assert some.size <= one.size + 10
    shutil.rmtree(tmp_path / "out")
