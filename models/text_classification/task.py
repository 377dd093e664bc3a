"""Text classification, stated once."""

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
from tidegate.models.text_classification.settings import (
    DataSettings,
    FeatureSettings,
    GateSettings,
    ModelSettings,
)
from tidegate.tables.reads import Column, RecordReads, RecordSplits
from tidegate.tables.roles import Input, Output, Roles

_HERE = "tidegate.models.text_classification"
_ANSWERS = ("label", "probability", "classes", "probabilities", "probabilities_all")


def raw_features(data: DataSettings) -> tuple[RawFeature, ...]:
    """A text, which decides the split, and its label."""
    return (
        RawFeature("text", data.text_column, key=True),
        RawFeature("label", data.label_column, label=True),
    )


def reads(data: DataSettings) -> RecordReads:
    """A text and its label from each row."""
    return RecordReads(
        columns=(
            Column("text", data.text_column, key=True),
            Column("label", data.label_column, label=True),
        ),
        how=data.how,
        max_bad_share=data.max_bad_share,
    )


def splits(data: DataSettings, features: FeatureSettings) -> RecordSplits:
    """By a hash of the text, or by a column."""
    return RecordSplits(data.split_column, data.valid_share, data.eval_share, data.split_seed)


def roles(read: RecordReads, features: FeatureSettings, known: Mapping[str, Any]) -> Roles:
    """A file's texts, one a row, to their best classes."""
    return Roles(
        signature="predict_text",
        reads=read,
        inputs={"text": Input("value", read.columns[0].source)},
        outputs={
            "label": Output(),
            "probability": Output(),
            "probabilities": Output("scores", of="classes"),
            "classes": Output("classes"),
            "probabilities_all": Output("scores"),
        },
    )


def samples(raw: Sequence[RawFeature] = ()) -> tuple[dict[str, str], ...]:
    """Requests for warm-up and for the serving check, an empty and a Chinese one among them."""
    return (
        {"text": "A river gate that opens by itself when the tide turns."},
        {"text": "水闸随潮水开合。"},
        {"text": "short"},
        {"text": ""},
        {"text": "The same words, again and again. " * 40},
    )


def toy() -> tuple[dict[str, str], ...]:
    """Texts of several lengths in three classes of unlike size, each with words of its own."""
    words = {"weather": ("rain", "wind", "cloud"), "music": ("song", "drum"), "茶": ("茶", "水")}
    return tuple(
        {"text": " ".join(own * times) + (" today!" if times % 2 else ""), "label": label}
        for label, own in words.items()
        for times in range(1, 4 * len(own))
    )


def signatures(raw: Sequence[RawFeature]) -> dict[str, Signature]:
    """Texts as they are, and TF Serving's Classify."""
    return {
        "predict_text": Signature(
            inputs={"text": TensorInfo("string", (None,))},
            to_features=Imported(f"{_HERE}.predict.text_features"),
            outputs={name: name for name in _ANSWERS},
        ),
        "classify": Signature(
            inputs={"inputs": TensorInfo("string", (None,))},
            to_features=Imported(f"{_HERE}.predict.classify_features"),
            outputs={"classes": "_classes_all", "scores": "probabilities_all"},
            method="tensorflow/serving/classify",
        ),
    }


TASK = SequenceTask(
    name="text_classification",
    title="one label per text: sentiment, topic, intent, language",
    default_data="languages",
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
    pace=Imported(f"{_HERE}.model.pace"),
    build_model=Imported(f"{_HERE}.model.build_model"),
    objective=Imported(f"{_HERE}.model.objective"),
    warm_start=Imported(f"{_HERE}.vectors.warm_start"),
    tokens=Imported(f"{_HERE}.vectors.tokens"),
    calibrate=Imported(f"{_HERE}.calibration.calibrate"),
    predict=Imported(f"{_HERE}.predict.predict"),
    names=Imported(f"{_HERE}.predict.names"),
    signatures=signatures,
    evaluation=Evaluation(
        prediction="probabilities_all",
        target="target",
        statistics=Imported(f"{_HERE}.evaluation.statistics"),
        scalars=(
            *("accuracy", "accuracy_uncertainty", "macro_f1", "auc", "majority", "margin"),
            "calibration_error",
        ),
        arrays=("precision", "recall", "f1", "rows", "confusion"),
        axis="labels",
        summarise=Imported(f"{_HERE}.evaluation.summarise"),
        slices=(("label",), ("length",)),
        gates=Imported(f"{_HERE}.evaluation.gates"),
        headline=("accuracy", "macro_f1", "auc"),
    ),
    baseline=Imported(f"{_HERE}.baseline.baseline"),
    baseline_title="logistic regression over TF-IDF of words",
    rivals=Imported(f"{_HERE}.baseline.rivals"),
    pictures=Imported(f"{_HERE}.pictures.pictures"),
    samples=samples,
    toy=toy,
)
