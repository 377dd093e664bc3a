"""Language models, stated once."""

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.models.core.task import (
    Evaluation,
    Imported,
    RawFeature,
    SequenceTask,
    Signature,
    TensorInfo,
)
from tidegate.models.language_model.defaults import GENERATE, NEXT
from tidegate.models.language_model.settings import (
    DataSettings,
    FeatureSettings,
    GateSettings,
    ModelSettings,
)
from tidegate.tables.reads import Column, RecordReads, TextSplits
from tidegate.tables.roles import Input, Output, Roles

_HERE = "tidegate.models.language_model"
_SCORES = (
    "log_probability",
    "tokens",
    "perplexity",
    "bits_per_character",
    "token_log_probabilities",
)


_CONTINUATIONS = (
    "continuation",
    "log_probability",
    "continuations",
    "log_probabilities",
    "tokens",
    "token_log_probabilities",
)
# Of these, what a person reads.
_SHOWN = ("continuation", "log_probability")


def raw_features(data: DataSettings) -> tuple[RawFeature, ...]:
    """A text, and which piece of its document it is, from 0."""
    return (
        RawFeature("text", data.text_column, key=True),
        RawFeature("part", "", kind="int", label=True),
    )


def reads(data: DataSettings) -> RecordReads:
    """A text from each row; of plain text, a line."""
    return RecordReads(
        columns=(Column("text", data.text_column, key=True),),
        how=data.how,
        max_bad_share=data.max_bad_share,
    )


def splits(data: DataSettings, features: FeatureSettings) -> TextSplits:
    """By contiguous parts of the text, or by documents."""
    return TextSplits(
        documents=data.documents,
        files=data.split_files,
        column=data.split_column,
        valid_share=data.valid_share,
        eval_share=data.eval_share,
        most=data.held_out,
        seed=data.split_seed,
    )


def roles(read: RecordReads, features: FeatureSettings, known: Mapping[str, Any]) -> Roles:
    """A file's texts, one a row, to their continuations."""
    return Roles(
        signature="generate",
        reads=read,
        inputs={"text": Input("value", read.columns[0].source)},
        outputs={name: Output("value" if name in _SHOWN else "detail") for name in _CONTINUATIONS},
    )


def samples(raw: Sequence[RawFeature] = ()) -> tuple[dict[str, str], ...]:
    """Requests for warm-up and for the serving check, an empty and a Chinese one among them."""
    return (
        {"text": "A river gate that opens by itself when the tide turns."},
        {"text": "水闸随潮水开合。"},
        {"text": "two\nlines"},
        {"text": ""},
        {"text": "The same words, again and again. " * 20},
    )


def toy() -> tuple[dict[str, Any], ...]:
    """Documents of several lengths in which the next character can be learnt; one has two parts."""
    line = "the tide comes in, the tide goes out. "
    texts = [(line * times, 0) for times in (1, 2, 3, 8)]
    return tuple(
        {"text": text, "part": part}
        for text, part in (*texts, (line, 1), ("水闸开，水闸关。\n", 0))
    )


def signatures(raw: Sequence[RawFeature]) -> dict[str, Signature]:
    """Texts to their probabilities, to continuations, and to what comes next."""
    text = TensorInfo("string", (None,))
    whole, real = TensorInfo("int32", (None,)), TensorInfo("float32", (None,))
    return {
        "score": Signature(
            inputs={"text": text},
            to_features=Imported(f"{_HERE}.predict.text_features"),
            outputs={name: name for name in _SCORES},
        ),
        "generate": Signature(
            inputs={
                "text": text,
                "length": whole,
                "temperature": real,
                "top_k": whole,
                "top_p": real,
                "seed": TensorInfo("int64", (None,)),
                "samples": whole,
                "beams": whole,
                "length_penalty": real,
                "stop": TensorInfo("string", (None, None)),
            },
            outputs={name: name for name in _CONTINUATIONS},
            answers=Imported(f"{_HERE}.generate.generate"),
            defaults=GENERATE,
            rows=Imported(f"{_HERE}.generate.few_tokens"),
        ),
        "next": Signature(
            inputs={"text": text, "state": TensorInfo("float32", (None, None)), "count": whole},
            outputs={name: name for name in ("next", "probabilities", "state")},
            answers=Imported(f"{_HERE}.generate.step_on"),
            defaults=NEXT,
            rows=Imported(f"{_HERE}.generate.beginnings"),
        ),
    }


TASK = SequenceTask(
    name="language_model",
    title="the probability of text, and text that goes on: by characters or words",
    default_data="python_docs",
    example_gen=Imported("tidegate.components.text_example_gen.component.TextExampleGen"),
    data=DataSettings,
    features=FeatureSettings,
    model=ModelSettings,
    gates=GateSettings,
    raw_features=raw_features,
    reads=reads,
    splits=splits,
    roles=roles,
    preprocess=Imported(f"{_HERE}.preprocess.preprocess"),
    materialize=False,
    inputs=Imported(f"{_HERE}.preprocess.model_inputs"),
    batches=Imported(f"{_HERE}.batches.batches"),
    count=Imported(f"{_HERE}.batches.count"),
    training={"learning_rate": 8e-3, "batch_size": 32},
    warm_start=Imported(f"{_HERE}.beginning.warm_start"),
    tokens=Imported(f"{_HERE}.beginning.tokens"),
    build_model=Imported(f"{_HERE}.model.build_model"),
    objective=Imported(f"{_HERE}.model.objective"),
    calibrate=Imported(f"{_HERE}.calibration.calibrate"),
    apply=Imported(f"{_HERE}.scoring.apply"),
    predict=Imported(f"{_HERE}.predict.predict"),
    signatures=signatures,
    evaluation=Evaluation(
        prediction="judged",
        target=None,
        statistics=Imported(f"{_HERE}.evaluation.statistics"),
        scalars=(
            "perplexity",
            "bits_per_character",
            "bits_per_token",
            "gain",
            "tokens",
            "characters",
            "unknown",
        ),
        arrays=("perplexity_by_position", "tokens_by_position"),
        axis=None,
        summarise=Imported(f"{_HERE}.evaluation.summarise"),
        slices=(("length",),),
        gates=Imported(f"{_HERE}.evaluation.gates"),
        headline=("bits_per_character", "perplexity"),
        signature="judge",
        answers=Imported(f"{_HERE}.scoring.judge"),
    ),
    baseline=Imported(f"{_HERE}.baseline.baseline"),
    baseline_title="n-grams with Kneser-Ney smoothing",
    rivals=Imported(f"{_HERE}.baseline.rivals"),
    pictures=Imported(f"{_HERE}.pictures.pictures"),
    asked=Imported(f"{_HERE}.samples.samples"),
    examples="pieces of text",
    samples=samples,
    toy=toy,
)
