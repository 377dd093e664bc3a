"""Single texts to a model, and its answers as a person reads them."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tidegate.serving.client.client import Client
from tidegate.serving.client.signatures import DEFAULT, Signature, choose
from tidegate.serving.client.tables.answers import CLASSES, plain, scores_of
from tidegate.serving.client.tables.formats import TableError
from tidegate.serving.client.tables.predicting import Plan, Question, ask, plan
from tidegate.serving.client.tables.reading import LeftOut, Row

# The column of texts, and the feature where the model takes tf.Examples.
TEXT = "text"
_LONGEST = 100
_BAR = 20


class Texts:
    """Texts as rows with the one column `text`.

    Args:
      texts: taken as they are needed.
      path: names them in errors.
    """

    types: dict[str, Any] | None = None

    def __init__(self, texts: Iterable[str], path: str) -> None:
        self.path = path
        self.columns = [TEXT]
        self.left_out = LeftOut()
        self._texts = texts

    def __iter__(self) -> Iterator[Row]:
        """The rows, once."""
        for number, text in enumerate(self._texts, start=1):
            self.left_out.rows += 1
            yield Row(f"{self.path}:{number}", {TEXT: text})


def question_of_texts(client: Client, question: Question) -> Question:
    """The same question with the signature and the input that take a text.

    That is the signature named, else `serving_default`, else the only one with one input of text;
    a signature that takes tf.Examples gets the text as the feature `text`.

    Raises:
      TableError: no signature takes a text, or several do.
      ServingClientError: the server does not answer, or does not know the model or signature.
    """
    signatures = client.signatures(question.model, version=question.version, label=question.label)
    if question.signature is not None:
        chosen = choose(signatures, question.signature, question.model)
    else:
        fitting = {name: one for name, one in signatures.items() if text_input(one) is not None}
        default = signatures.get(DEFAULT)
        if DEFAULT in fitting:
            chosen = fitting[DEFAULT]
        elif len(fitting) > 1:
            raise TableError(
                f"several signatures of model {question.model!r} take a text "
                f"({', '.join(fitting)}): name one with --signature"
            )
        elif fitting:
            (chosen,) = fitting.values()
        elif default is not None and default.examples_input is not None:
            chosen = default
        else:
            raise TableError(
                f"no signature of model {question.model!r} takes a text; it has "
                f"{'; '.join(str(one) for one in signatures.values())}"
            )
    columns = dict(question.columns)
    if chosen.examples_input is None and not columns:
        name = text_input(chosen)
        if name is None:
            raise TableError(f"signature {chosen} does not take one text")
        columns[name] = TEXT
    return dataclasses.replace(question, signature=chosen.name, columns=columns)


def text_input(signature: Signature) -> str | None:
    """The one input that must be given, if it takes a text for each row."""
    if signature.examples_input is not None:
        return None
    needed = [name for name in signature.inputs if name not in signature.optional]
    if len(needed) != 1:
        return None
    spec = signature.inputs[needed[0]]
    return needed[0] if spec.dtype == "string" and spec.rank in (1, None) else None


def blocks(client: Client, question: Question, texts: Texts) -> Iterator[str]:
    """For each text, a few lines: the text, single values, the best classes with a bar.

    Raises:
      TableError, ServingClientError: as `predict_file`.
    """
    question = question_of_texts(client, question)
    made = plan(client, question, texts.columns, texts.left_out, texts.path)
    for request, outputs in ask(client, made, texts):
        # Checks that there is an answer for each.
        made.layout.answers(request, outputs)
        for number, row in enumerate(request.rows):
            one = {name: array[number : number + 1] for name, array in outputs.items()}
            yield "\n".join([shortened(row[TEXT]), *_lines(one, made)])


def _lines(answer: Mapping[str, np.ndarray[Any, Any]], made: Plan) -> Iterator[str]:
    """The lines below a text; each output has one row."""
    top = made.question.top
    scores = scores_of(made.signature) if top else ()
    for name, array in answer.items():
        if not scores or name not in (CLASSES, *scores):
            yield f"  {name}: {_shown(plain(array)[0])}"
    for name in scores:
        if len(scores) > 1:
            yield f"  {name}:"
        (values,) = answer[name]
        best = np.argsort(-values, kind="stable")[:top]
        for label, score in zip(
            plain(answer[CLASSES][0, best]), values[best].tolist(), strict=True
        ):
            filled = round(_BAR * min(max(score, 0.0), 1.0))
            yield f"  {score:8.4f}  {'█' * filled:{_BAR}}  {label}"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        return shortened(value)
    return shortened(json.dumps(value, ensure_ascii=False, default=str))


def shortened(text: str) -> str:
    """A text on one line, its end cut off where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
