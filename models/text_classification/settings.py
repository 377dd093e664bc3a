"""The settings of text classification, each stated once."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from models.core.settings import Choice, Range, Settings


class DataSettings(Settings):
    """What is read, and how it is split."""

    text_column: str = Field("text", description="column that holds the text")
    label_column: str = Field("label", description="column that holds the label")
    split_column: str | None = Field(
        None, description="column that says train, valid, eval or test; without it, a hash decides"
    )
    valid_share: float = Field(
        0.05, ge=0, lt=0.5, description="share of train kept for early stopping and tuning"
    )
    eval_share: float = Field(
        0.05, ge=0, lt=0.5, description="share of train held out; the gates are judged on it"
    )
    split_seed: int = Field(0, description="changes which texts the hash puts where")
    max_bad_share: float = Field(
        0.05, ge=0, lt=1, description="share of rows that may be unusable before the run stops"
    )
    encoding: str = Field("utf-8", description="encoding of the files; gb18030 for older Chinese")
    delimiter: str | None = Field(
        None, description="column delimiter; comma for .csv and tab for .tsv where not given"
    )


class FeatureSettings(Settings):
    """How a text becomes token ids; fixed before Transform."""

    tokenizer: Literal["words", "chars", "wordpiece"] = Field(
        "words",
        description="words (Unicode words, Chinese and Japanese by character), chars, "
        "or wordpiece (learnt from the training texts)",
    )
    vocabulary_size: int = Field(
        20_000, ge=10, description="most tokens kept, the most frequent first"
    )
    min_count: int = Field(2, ge=1, description="a token seen less often is unknown")
    max_tokens: int = Field(400, ge=1, description="longer texts are truncated")
    truncation: Literal["head", "head_tail"] = Field(
        "head_tail", description="keep the beginning, or the beginning and the end in halves"
    )
    case_fold: bool = Field(True, description="fold upper and lower case")
    strip_markup: bool = Field(True, description="drop HTML tags")


class ModelSettings(Settings):
    """The network; the Tuner searches over the ranges."""

    embedding: Annotated[int, Range(32, 256, step=32)] = Field(
        96, ge=1, description="width of a token's embedding"
    )
    cell: Annotated[Literal["lstm", "gru"], Choice(("lstm", "gru"))] = Field(
        "lstm", description="recurrent cell"
    )
    units: Annotated[int, Range(32, 256, step=32)] = Field(
        64, ge=1, description="units of a recurrent layer, per direction"
    )
    layers: Annotated[int, Range(1, 3, step=1)] = Field(
        1, ge=1, le=8, description="recurrent layers"
    )
    bidirectional: bool = Field(True, description="read each text in both directions")
    pooling: Annotated[str, Choice(("max", "mean", "last", "attention", "max+mean"))] = Field(
        "max+mean", description="last, max, mean, attention, or several joined by +"
    )
    embedding_dropout: Annotated[float, Range(0.0, 0.6, step=0.1)] = Field(
        0.3, ge=0, lt=1, description="share of embedding channels dropped for a whole text"
    )
    dropout: Annotated[float, Range(0.0, 0.6, step=0.1)] = Field(
        0.4, ge=0, lt=1, description="dropout between recurrent layers and before the output"
    )
    ngrams: int = Field(
        2, ge=0, le=5, description="longest token n-gram of the wide linear part; 0 leaves it out"
    )
    ngram_buckets: int = Field(
        2**18, ge=16, description="hash buckets of the wide linear part's n-grams"
    )
    label_smoothing: Annotated[float, Range(0.0, 0.2, step=0.05)] = Field(
        0.0, ge=0, lt=1, description="share of the target spread over all classes"
    )
    class_balance: float = Field(
        0.5, ge=0, le=1, description="exponent of the class weights: 0 none, 1 fully balanced"
    )

    @model_validator(mode="after")
    def _known_pooling(self) -> "ModelSettings":
        modes = ("last", "max", "mean", "attention")
        for mode in self.pooling.split("+"):
            if mode not in modes:
                raise ValueError(
                    f"pooling={self.pooling!r}: expected {', '.join(modes)}, or several joined by +"
                )
        return self


class GateSettings(Settings):
    """What a model must reach to be pushed."""

    margin: float = Field(
        0.05,
        ge=-1,
        le=1,
        description="accuracy must beat always answering the majority class by this",
    )
    max_loss: float = Field(
        0.01, ge=0, le=1, description="accuracy may be this much below the last blessed model's"
    )
