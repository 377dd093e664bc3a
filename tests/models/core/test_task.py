"""How tasks and their functions are found."""

import json

import pytest

from tidegate.models.core.task import Imported, load_task, task_names
from tidegate.tables.errors import InputError


def test_a_function_is_imported_at_its_first_call() -> None:
    dumps = Imported("json.dumps")
    assert dumps.module == "json"
    assert dumps.load() is json.dumps
    assert dumps({"a": 1}, indent=None) == '{"a": 1}'


@pytest.mark.parametrize(
    "path,error",
    [("json.no_such_name", AttributeError), ("no_such_module.name", ModuleNotFoundError)],
)
def test_a_path_that_names_nothing(path: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        Imported(path)()


def test_the_contract_itself_is_no_task() -> None:
    assert "core" not in task_names()
    assert "layers" not in task_names()
    assert "text_classification" in task_names()


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no task 'text_clasification'. Did you mean 'text_class"):
        load_task("text_clasification")
