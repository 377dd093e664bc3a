"""A model in this process: frames and texts in, frames out."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from tidegate.pipeline.library.frames import arrow_table, frame_of, rows_of
from tidegate.pipeline.predict.in_process import open_model
from tidegate.serving.client import ServingClientError
from tidegate.serving.client.signatures import Signature
from tidegate.serving.client.tables.formats import TableError
from tidegate.serving.client.tables.predicting import Question, ask, plan
from tidegate.serving.client.tables.reading import LeftOut, Row
from tidegate.serving.client.tables.texts import Texts, question_of_texts
from tidegate.tables.errors import InputError

# Names the rows of a frame in errors.
_DATA = "data"


class Model:
    """A model that was trained and exported; get it from `tidegate.load` or from a `Run`.

    It may be asked from several threads.

    Attributes:
      path: of the version's folder, or of one that it is in.
      name: the model's.
      signatures: what may be called, by name.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._client, self.name = open_model(path)
        self.signatures: dict[str, Signature] = self._client.signatures(self.name)

    def __repr__(self) -> str:
        return f"Model({self.path!r})"

    def predict(
        self,
        data: pd.DataFrame | pd.Series | Sequence[str],
        *,
        signature: str | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> pd.DataFrame:
        """Asks the model.

        Args:
          data: rows, in the form of the data that it was trained on; or texts.
          signature: what is called; None for what fits the data.
          columns: by input, its column, where the name is another.

        Returns:
          For rows and texts, a row each with the answers beside; for series, a row for each series
          and step.

        Raises:
          InputError: the model cannot read the data.
        """
        question = Question(self.name, signature, columns=dict(columns or {}))
        with self._explained():
            if isinstance(data, pd.DataFrame):
                table = arrow_table(data, _DATA)
                return self._answers(question, table.column_names, rows_of(table))
            texts = _texts(data)
            question = question_of_texts(self._client, question)
            source = Texts(texts, _DATA)
            return self._answers(question, source.columns, ({"text": text} for text in texts))

    def _answers(
        self, question: Question, columns: list[str], rows: Iterator[dict[str, Any]]
    ) -> pd.DataFrame:
        left_out = LeftOut(most=0.0)  # An answer for each row, or none at all.
        made = plan(self._client, question, columns, left_out, _DATA)
        places = self._placed(rows, left_out)
        answers: list[Mapping[str, Any]] = []
        for request, outputs in ask(self._client, made, places):
            answers += made.layout.answers(request, outputs)
        left_out.judge()
        return frame_of(answers, made.columns)

    @staticmethod
    def _placed(rows: Iterator[dict[str, Any]], left_out: LeftOut) -> Iterator[Row]:
        for number, cells in enumerate(rows):
            left_out.rows += 1
            yield Row(f"{_DATA}, row {number}", cells)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Whatever keeps a model from answering is the caller's to mend, in one line."""
        try:
            yield
        except TableError as error:
            raise InputError(str(error)) from None
        except ServingClientError as error:
            raise InputError(f"model {self.name!r}: {error.message}") from None

    def close(self) -> None:
        """Frees what the model holds."""
        self._client.close()

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _texts(data: Any) -> list[str]:
    if isinstance(data, str):
        raise InputError(f"{_DATA}: expected a list of texts, got one: give [text]")
    try:
        texts = list(data)
    except TypeError:
        texts = [None]
    wrong = next((one for one in texts if not isinstance(one, str)), None)
    if wrong is not None or texts == [None]:
        raise InputError(
            f"{_DATA}: expected a pandas DataFrame or a list of texts, got {type(data).__name__}"
            f"{f' of {type(wrong).__name__}' if wrong is not None else ''}"
        )
    return texts
