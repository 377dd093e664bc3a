"""Translation, stated once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tidegate.models.core.task import (
    Evaluation,
    Imported,
    RawFeature,
    SequenceTask,
    Signature,
    TensorInfo,
)
from tidegate.models.translation.defaults import TRANSLATE
from tidegate.models.translation.settings import (
    DataSettings,
    FeatureSettings,
    GateSettings,
    ModelSettings,
)
from tidegate.tables.formats import TEXT_COLUMN
from tidegate.tables.reads import Column, RecordReads, RecordSplits
from tidegate.tables.roles import Input, Output, Roles

_HERE = "tidegate.models.translation"
_TRANSLATIONS = (
    "translation",
    "score",
    "translations",
    "scores",
    "log_probabilities",
    "tokens",
    "source_tokens",
    "alignment",
)
# Of these, what a person reads.
_SHOWN = ("translation", "score")
_SCORES = ("log_probability", "tokens", "perplexity", "token_log_probabilities")


def raw_features(data: DataSettings) -> tuple[RawFeature, ...]:
    """A text, which decides the split, and its translation."""
    return (
        RawFeature("source", data.source_column, key=True),
        RawFeature("target", data.target_column, label=True),
    )


def reads(data: DataSettings) -> RecordReads:
    """A text and its translation from each row, or line of parallel files."""
    return RecordReads(
        columns=(
            Column("source", data.source_column, key=True),
            Column("target", data.target_column),
        ),
        how=replace(data.how, lines=bool(data.parallel)),
        max_bad_share=data.max_bad_share,
        parallel=data.parallel,
    )


def splits(data: DataSettings, features: FeatureSettings) -> RecordSplits:
    """By a hash of the source, or by a column."""
    return RecordSplits(data.split_column, data.valid_share, data.eval_share, data.split_seed)


def roles(read: RecordReads, features: FeatureSettings, known: Mapping[str, Any]) -> Roles:
    """A file's texts, one a row, to their translations."""
    return Roles(
        signature="translate",
        reads=read,
        inputs={"source": Input("value", TEXT_COLUMN if read.parallel else read.columns[0].source)},
        outputs={
            **{name: Output("value" if name in _SHOWN else "detail") for name in _TRANSLATIONS},
            "alignment": Output("alignment", of="tokens source_tokens"),
        },
    )


def samples(raw: Sequence[RawFeature] = ()) -> tuple[dict[str, str], ...]:
    """Requests for warm-up and for the serving check, an empty and a Chinese one among them."""
    return (
        {"source": "The gate opens when the tide turns."},
        {"source": "水闸随潮水开合。"},
        {"source": "two\nlines"},
        {"source": ""},
        {"source": "The same words, again. " * 4},
    )


def toy() -> tuple[dict[str, str], ...]:
    """Pairs of several lengths, whose words become others and stand in the other order."""
    words = {"gate": "Tor", "tide": "Flut", "river": "Fluss", "sea": "Meer", "水": "Wasser"}
    return tuple(
        {"source": " ".join(some), "target": " ".join(words[one] for one in reversed(some)) + "!"}
        for times in range(1, 5)
        for first in range(len(words))
        for some in [[[*words][(first + place) % len(words)] for place in range(times)]]
    )


def signatures(raw: Sequence[RawFeature]) -> dict[str, Signature]:
    """Texts to their translations, and pairs to their probabilities."""
    text = TensorInfo("string", (None,))
    return {
        "translate": Signature(
            inputs={
                "source": text,
                "beams": TensorInfo("int32", (None,)),
                "length_penalty": TensorInfo("float32", (None,)),
                "length": TensorInfo("int32", (None,)),
            },
            outputs={name: name for name in _TRANSLATIONS},
            answers=Imported(f"{_HERE}.decoding.translate"),
            defaults=TRANSLATE,
            rows=Imported(f"{_HERE}.decoding.sources"),
        ),
        "score": Signature(
            inputs={"source": text, "target": text},
            outputs={name: name for name in _SCORES},
            answers=Imported(f"{_HERE}.decoding.score"),
            rows=Imported(f"{_HERE}.decoding.pairs"),
        ),
    }


TASK = SequenceTask(
    name="translation",
    title="text to text: translations, corrections, normal forms",
    default_data="cldr_phrases",
    example_gen=Imported("tidegate.components.record_example_gen.component.RecordExampleGen"),
    data=DataSettings,
    features=FeatureSettings,
    model=ModelSettings,
    gates=GateSettings,
    raw_features=raw_features,
    reads=reads,
    splits=splits,
    roles=roles,
    preprocess=Imported(f"{_HERE}.preprocess.preprocess"),
    inputs=Imported(f"{_HERE}.preprocess.model_inputs"),
    batches=Imported(f"{_HERE}.batches.batches"),
    count=Imported(f"{_HERE}.batches.count"),
    training={"learning_rate": 6e-3},
    build_model=Imported(f"{_HERE}.model.build_model"),
    objective=Imported(f"{_HERE}.model.objective"),
    apply=Imported(f"{_HERE}.decoding.apply"),
    predict=Imported(f"{_HERE}.decoding.predict"),
    signatures=signatures,
    evaluation=Evaluation(
        prediction="judged",
        target=None,
        statistics=Imported(f"{_HERE}.evaluation.statistics"),
        scalars=(
            "bleu",
            "chrf",
            "exact",
            "token_accuracy",
            "perplexity",
            "length_ratio",
            "unknown",
            "sentences",
        ),
        arrays=("bleu_by_length", "sentences_by_length"),
        axis=None,
        summarise=Imported(f"{_HERE}.evaluation.summarise"),
        slices=(("length",),),
        gates=Imported(f"{_HERE}.evaluation.gates"),
        headline=("bleu", "chrf", "exact"),
        signature="judge",
        answers=Imported(f"{_HERE}.judging.judge"),
    ),
    baseline=Imported(f"{_HERE}.baseline.baseline"),
    baseline_title="word for word, by a dictionary of IBM model 1",
    rivals=Imported(f"{_HERE}.baseline.rivals"),
    pictures=Imported(f"{_HERE}.pictures.pictures"),
    examples="pairs",
    samples=samples,
    toy=toy,
)
