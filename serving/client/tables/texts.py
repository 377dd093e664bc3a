"""Single texts to a model, and its answers as a person reads them."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tidegate.serving.client.signatures import DEFAULT, Signature
from tidegate.serving.client.tables.answers import plain, ranked, whole
from tidegate.serving.client.tables.predicting import Plan, plan
from tidegate.serving.client.tables.question import Asked, Asks, Question, asked
from tidegate.tables.errors import InputError
from tidegate.tables.left_out import LeftOut
from tidegate.tables.roles import Output

# The column of texts, and the feature where the model takes tf.Examples.
TEXT = "text"
_LONGEST = 100
_BAR = 20
_VALUE = Output()


def plan_of_texts(client: Asks, question: Question, texts: Iterable[str], path: str) -> Plan:
    """A plan for texts, as rows with the one column `text`.

    They go to the signature named by the question, else by the model's roles, else
    `serving_default`, else the only one with one input of text; a signature that takes tf.Examples
    gets the text as the feature `text`.

    Args:
      client: asked for the signatures.
      question: what is asked.
      texts: taken as they are needed.
      path: names them in errors.

    Raises:
      InputError: no signature takes a text, or several do.
      ServingClientError: the server does not answer, or does not know the model or signature.
    """
    known = asked(client, question)
    chosen = _signature(known)
    columns = dict(question.columns)
    if chosen.examples_input is None and not columns:
        name = text_input(chosen)
        if name is None:
            raise InputError(f"signature {chosen} does not take one text")
        columns[name] = TEXT
    question = dataclasses.replace(question, signature=chosen.name, columns=columns)
    known = dataclasses.replace(known, question=question)
    records = ((f"{path}:{number}", {TEXT: text}) for number, text in enumerate(texts, start=1))
    return plan(known, records, [TEXT], path, LeftOut(known.max_bad_share), {})


def _signature(known: Asked) -> Signature:
    if (named := known.signature) is not None:
        return named
    signatures, model = known.signatures, known.question.model
    fitting = {name: one for name, one in signatures.items() if text_input(one) is not None}
    default = signatures.get(DEFAULT)
    if DEFAULT in fitting:
        return fitting[DEFAULT]
    if len(fitting) > 1:
        raise InputError(
            f"several signatures of model {model!r} take a text ({', '.join(fitting)}): name one "
            "with --signature"
        )
    if fitting:
        return next(iter(fitting.values()))
    if default is not None and default.examples_input is not None:
        return default
    raise InputError(
        f"no signature of model {model!r} takes a text; it has "
        f"{'; '.join(str(signature) for signature in signatures.values())}"
    )


def text_input(signature: Signature) -> str | None:
    """The one input that must be given, if it takes a text for each row."""
    if signature.examples_input is not None:
        return None
    needed = [name for name in signature.inputs if name not in signature.optional]
    if len(needed) != 1:
        return None
    spec = signature.inputs[needed[0]]
    return needed[0] if spec.dtype == "string" and spec.rank in (1, None) else None


def blocks(client: Asks, made: Plan, aligned: bool = False) -> Iterator[str]:
    """For each text, a few lines: the text, single values, the best classes with a bar.

    Args:
      client: who is asked.
      made: as `plan_of_texts` gives it.
      aligned: whether alignments are shown, where the model gives any.

    Raises:
      InputError, ServingClientError: as `Plan.answers`.
    """
    roles = made.asked.outputs(made.signature)
    for request, outputs in made.answers(client):
        # Checks that there is an answer for each.
        made.layout.answers(request, outputs)
        for number, row in enumerate(request.rows):
            answer = {name: array[number : number + 1] for name, array in outputs.items()}
            lines = [shortened(row[TEXT]), *_lines(answer, made, roles)]
            for name, role in roles.items() if aligned else ():
                if role.kind == "alignment" and name in answer:
                    tokens, sources = (plain(answer[one])[0] for one in role.of.split(" "))
                    lines += alignment(tokens, sources, answer[name][0])
            yield "\n".join(lines)


def _lines(
    answer: Mapping[str, np.ndarray[Any, Any]], made: Plan, roles: Mapping[str, Output]
) -> Iterator[str]:
    """The lines below a text; each output has one row."""
    top = made.asked.question.top
    classes, scores = ranked(made.signature, roles) if top else ("", ())
    for name, array in answer.items():
        if roles.get(name, _VALUE).kind in ("detail", "alignment"):
            continue
        if not scores or name not in (classes, *scores, *whole(roles)):
            yield f"  {name}: {_shown(plain(array)[0])}"
    for name in scores:
        if len(scores) > 1:
            yield f"  {name}:"
        (values,) = answer[name]
        best = np.argsort(-values, kind="stable")[:top]
        for label, score in zip(
            plain(answer[classes][0, best]), values[best].tolist(), strict=True
        ):
            filled = round(_BAR * min(max(score, 0.0), 1.0))
            yield f"  {score:8.4f}  {'█' * filled:{_BAR}}  {label}"


def alignment(
    tokens: Sequence[str], sources: Sequence[str], weights: np.ndarray[Any, Any]
) -> Iterator[str]:
    """A line for each token: it, a bar, and the source's token that has the most of its weight.

    Args:
      tokens: of the answer; empty ones behind its end, which has no line.
      sources: of the text.
      weights: float[tokens, sources].
    """
    wide = min(max((len(_token(one)) for one in tokens), default=0), _BAR)
    for token, each in zip(tokens, weights, strict=True):
        if not token:
            continue
        best = int(np.argmax(each))
        filled = "█" * round(_BAR * min(max(float(each[best]), 0.0), 1.0))
        space = " " * max(wide - len(_token(token)), 0)
        yield f"    {_token(token)}{space}  {filled:{_BAR}}  {_token(sources[best]) or '(end)'}"


def _token(text: str) -> str:
    """A token on one line; of white space alone, in quotes."""
    return " ".join(text.split()) or (repr(text) if text else "")


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):  # What has been asked for: all of it.
        return " ".join(value.split())
    return shortened(json.dumps(value, ensure_ascii=False, default=str))


def shortened(text: str) -> str:
    """A text on one line, its end cut off where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
