from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.settings.shot_file_tables import tables
from vfx_swap.settings import Shot, shot_from_values
from vfx_swap.settings.messages import table_of

PAGE = Path(__file__).parents[2] / "docs" / "shot-file.md"


def test_the_tables_of_the_page_are_those_of_the_models() -> None:
    found = re.search(r"<!-- keys -->\n\n(.*)\n\n<!-- /keys -->", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert found is not None
    assert found[1] == tables(), "run python -m tests.settings.shot_file_tables and paste between the marks"


def test_the_page_names_every_key_once_with_its_meaning() -> None:
    text = tables()
    models = [Shot] + [inner for field in Shot.model_fields.values() if (inner := table_of(field)) is not None]
    for model in models:
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name} has no docstring"
            if table_of(field) is None:
                assert f"| `{field.alias or name}` |" in text


def test_the_page_s_example_is_a_good_shot_but_for_its_files(tmp_path: Path) -> None:
    block = re.search(r"```toml.*?\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert block is not None
    draft = shot_from_values(tomllib.loads(block[1]), folder=tmp_path, knows_colour_space=lambda name: name == "ACEScg")
    assert draft.shot is not None
    assert {problem.what.split(" '")[0] for problem in draft.problems} == {"there is no file"}
