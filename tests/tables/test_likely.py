"""The columns that a file of other names likely has, and several files as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.components.example_gen.data_fingerprint import data_fingerprint
from tidegate.models.core.task import load_task
from tidegate.pipeline.config import make_config
from tidegate.pipeline.run.local_run import check_data
from tidegate.pipeline.run.request import RunRequest, make_request
from tidegate.tables.errors import InputError
from tidegate.tables.files import data_files, several, sources

PASSENGERS = "Month,Passengers\n" + "".join(f"1949-{m:02d},{110 + 3 * m}\n" for m in range(1, 13))
SHOPS = "n,when,shop,sold,promo\n" + "".join(
    f"{n},{20 + n % 8}200101,{'north' if n % 2 else 'south'},{n * 1.5},{n % 2}\n" for n in range(16)
)
REVIEWS = "id,stars,review\n" + "".join(
    f"{n},{n % 3},a review of the {n}th river\n" for n in range(20)
)


@pytest.mark.parametrize(
    ("task", "content", "settings", "line"),
    [
        (
            "forecasting",
            PASSENGERS,
            {},
            "--set data.time_column=Month --set data.target_column=Passengers",
        ),
        (
            "forecasting",
            SHOPS,
            {"data.id_column": "store", "data.time_column": "when"},
            "--set data.target_column=sold --set data.id_column=shop",
        ),
        (
            "text_classification",
            REVIEWS,
            {},
            "--set data.text_column=review --set data.label_column=stars",
        ),
        ("text_classification", "text;label\nx;a\n", {}, "set data.delimiter=';')"),
    ],
)
def test_the_line_that_works_is_said(
    task: str, content: str, settings: dict[str, str], line: str, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(content)
    data = {name.removeprefix("data."): value for name, value in settings.items()}
    with pytest.raises(InputError) as caught:
        check_data(
            RunRequest(make_config(load_task(task), {"data": data}), "", str(path), None, "")
        )
    assert str(caught.value).endswith(line) and "no column" in str(caught.value)


def test_several_files_are_read_as_one(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("a.csv", "b.jsonl")]
    Path(paths[0]).write_text("text,label\nx,a\n")
    Path(paths[1]).write_text('{"text": "y", "label": "b"}\n')
    joined = several(paths)
    assert sources(joined) == paths == data_files(joined)
    assert sources(paths[0]) == [paths[0]] == data_files(several(paths[:1]))
    assert sources("[odd name.csv") == ["[odd name.csv"]
    request = make_request("text_classification", paths, None, "out")
    assert (request.train, request.data) == (joined, ", ".join(paths))
    check_data(request)
    assert data_fingerprint(joined, None) != data_fingerprint(paths[0], None)
    with pytest.raises(InputError, match=r"a\.csv: named twice"):
        data_files(several([paths[0], paths[0]]))
    with pytest.raises(InputError, match=r"no such file or folder: .*none\.csv"):
        make_request("text_classification", [paths[0], "none.csv"], None, "out")
    with pytest.raises(InputError, match="a data set's name beside others"):
        make_request("text_classification", [paths[0], "languages"], None, "out")
