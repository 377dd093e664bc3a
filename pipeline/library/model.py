"""A model in this process: frames and texts in, frames out."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from tidegate.pipeline.library.wording import in_python
from tidegate.pipeline.predict.in_process import open_model
from tidegate.serving.client import ServingClientError, as_text
from tidegate.serving.client.signatures import Signature
from tidegate.serving.client.tables.predicting import Plan, planned
from tidegate.serving.client.tables.question import Question
from tidegate.serving.client.tables.texts import plan_of_texts
from tidegate.tables.errors import InputError, nearest
from tidegate.tables.rows import FRAME

_GENERATE = "generate"
_CONTINUED = ["text", "continuation", "log_probability", "tokens"]


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
        level: Sequence[float] = (),
        quantiles: Sequence[float] = (),
    ) -> pd.DataFrame:
        """Asks the model.

        Args:
          data: rows, in the form of the data that it was trained on; or texts.
          signature: what is called; None for what fits the data.
          columns: by input, its column, where the name is another.
          level: of a model of quantiles, intervals in percent: ``[80, 95]``.
          quantiles: of such a model, quantiles between 0 and 1; with `level`, in place of all.

        Returns:
          For rows and texts, a row each with the answers beside; for series, a row for each series
          and step.

        Raises:
          InputError: the model cannot read the data.
        """
        with in_python(), self._explained():
            question = Question(
                self.name,
                signature,
                columns=dict(columns or {}),
                max_bad_share=0.0,  # An answer for each row, or none at all.
                levels=tuple(level),
                quantiles=tuple(quantiles),
            )
            if isinstance(data, pd.DataFrame):
                with planned(self._client, question, data) as made:
                    return times_as_given(self._answers(made), data)
            return self._answers(plan_of_texts(self._client, question, _texts(data), FRAME))

    def generate(self, texts: str | Sequence[str], **options: Any) -> pd.DataFrame:
        """Texts that go on, from a model with the signature ``generate``.

        Args:
          texts: the beginnings.
          options: inputs of the signature, as ``temperature=0.5``: a value for all texts, or a list
            of one for each; those left out have the model's defaults.

        Returns:
          A row for each continuation: `text`, `continuation`, `log_probability`, `tokens`. A text
          has several where `samples` or `beams` says so.

        Raises:
          InputError: the model does not generate text, or has no such option.
        """
        with in_python(), self._explained():
            known = self.signatures.get(_GENERATE)
            if known is None:
                raise InputError(f"model {self.name!r} has no signature {_GENERATE!r}")
            for option in options:
                if option not in known.optional:
                    raise InputError(f"option {option!r}: {nearest(option, known.optional)}")
            given = [texts] if isinstance(texts, str) else _texts(texts)
            if not given:
                return pd.DataFrame(columns=_CONTINUED)
            inputs: dict[str, Any] = {"text": given}
            for option, value in options.items():
                rank = known.inputs[option].rank or 1
                each = _depth(value) >= rank
                inputs[option] = list(value) if each else [value] * len(given)
            found = self._client.predict(self.name, inputs, signature=_GENERATE)
        rows = [
            (text, as_text(found["continuations"])[row][lane], float(total), int(tokens))
            for row, text in enumerate(given)
            for lane, (total, tokens) in enumerate(
                zip(found["log_probabilities"][row], found["tokens"][row], strict=True)
            )
            if lane == 0 or tokens
        ]
        return pd.DataFrame(rows, columns=_CONTINUED)

    def _answers(self, made: Plan) -> pd.DataFrame:
        rows = [row for some in made.rows(self._client) for row in some]
        columns = made.layout.columns
        return pd.DataFrame({name: [row[name] for row in rows] for name in columns})

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Whatever keeps a model from answering is the caller's to mend, in one line."""
        try:
            yield
        except ServingClientError as error:
            raise InputError(f"model {self.name!r}: {error.message}") from None

    def close(self) -> None:
        """Frees what the model holds."""
        self._client.close()

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def times_as_given(answers: pd.DataFrame, data: pd.DataFrame) -> pd.DataFrame:
    """Answers with times as the data has them: a file's reader writes them as text."""
    for name in answers.columns:
        level = name in data.index.names
        given = data.index.get_level_values(name) if level else data.get(name)
        if given is not None and pd.api.types.is_datetime64_any_dtype(given.dtype):
            zoned = isinstance(given.dtype, pd.DatetimeTZDtype)  # Then offsets may differ.
            answers[name] = pd.to_datetime(answers[name], utc=zoned).astype(given.dtype)
    return answers


def _depth(value: Any) -> int:
    """How many lists are within each other."""
    deep = 0
    while isinstance(value, list | tuple):
        value, deep = (value[0] if value else None), deep + 1
    return deep


def _texts(data: Any) -> list[str]:
    if isinstance(data, str):
        raise InputError(f"{FRAME}: expected a list of texts, got one: give [text]")
    try:
        texts = list(data)
    except TypeError:
        texts = [None]
    wrong = next((one for one in texts if not isinstance(one, str)), None)
    if wrong is not None or texts == [None]:
        raise InputError(
            f"{FRAME}: expected a pandas DataFrame or a list of texts, got {type(data).__name__}"
            f"{f' of {type(wrong).__name__}' if wrong is not None else ''}"
        )
    return texts
