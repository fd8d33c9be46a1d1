"""The page on light shows every setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.light_pictures import ROWS, Row, _settings
from vfx_swap.settings import Lighting
from vfx_swap.settings.shot import Light

PAGE = Path(__file__).parents[2] / "docs" / "lighting.md"


def test_every_setting_has_a_picture_on_the_page() -> None:
    of_lamp = {f"light.{name}" for name in Light.model_fields} - {"light.key"}
    wanted = set(Lighting.model_fields) - {"light"} | of_lamp
    assert wanted == {row.name for row in ROWS}
    text = PAGE.read_text(encoding="utf-8")
    for row in ROWS:
        name = f"light-{row.name.replace('.', '-').replace('_', '-')}.jpg"
        assert f"(images/{name})" in text
        assert (PAGE.parent / "images" / name).is_file()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_cells_are_settings_and_differ(row: Row, tmp_path: Path) -> None:
    cells = [Lighting.model_validate(_settings(one, hdri=tmp_path / "x.hdr", frame=1012)) for one in row.cells.values()]
    assert len({repr(cell) for cell in cells}) == len(cells) >= 2
