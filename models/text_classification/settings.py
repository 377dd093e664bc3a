"""The settings of text classification, each stated once."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tidegate.models.core.settings import (
    Choice,
    InputFile,
    Memory,
    ModelFile,
    Range,
    RecordSettings,
    Settings,
)


class DataSettings(RecordSettings):
    """What is read, and how it is split."""

    text_column: str = Field("text", description="column that holds the text")
    label_column: str = Field("label", description="column that holds the label")


class FeatureSettings(Settings):
    """How a text becomes token ids; fixed before Transform."""

    tokenizer: Literal["auto", "words", "chars", "wordpiece"] = Field(
        "auto",
        description="words (Unicode words, Chinese and Japanese by character), chars, wordpiece "
        "(learnt from the training texts), or auto: chars where texts have fewer than 8 words on "
        "average, else words. The linear part reads both anyway",
    )
    vocabulary_size: int = Field(
        20_000, ge=10, description="most tokens kept, the most frequent first"
    )
    min_count: int = Field(2, ge=1, description="tokens that occur less often are unknown")
    max_tokens: Annotated[int, Memory()] = Field(
        800, ge=1, description="longer texts are truncated"
    )
    truncation: Literal["head", "head_tail"] = Field(
        "head_tail", description="keep the beginning, or the beginning and the end in halves"
    )
    case_fold: bool = Field(True, description="fold upper and lower case")
    strip_markup: bool = Field(True, description="drop HTML tags, read its entities")


class ModelSettings(Settings):
    """The network; the Tuner searches over the ranges."""

    embedding: Annotated[int, Range(32, 256, step=32)] = Field(
        64, ge=1, description="width of a token's embedding"
    )
    word_vectors: bool = Field(
        True, description="start the embedding from word vectors of the training texts"
    )
    vectors: InputFile | None = Field(
        None,
        description="file of word vectors that the embedding starts from in place of those: "
        "the text form of fastText (.vec), word2vec or GloVe, also with .gz",
    )
    pretrained: ModelFile | None = Field(
        None,
        description="folder of a run, a model or a version whose embedding and recurrent layers "
        "the LSTM starts from: a language model, or a model of this task",
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
    word_dropout: Annotated[float, Range(0.0, 0.4, step=0.1)] = Field(
        0.2,
        ge=0,
        lt=1,
        description="share of the LSTM's words made unknown in training; of characters none",
    )
    embedding_dropout: Annotated[float, Range(0.0, 0.6, step=0.1)] = Field(
        0.3,
        ge=0,
        lt=1,
        description="share of embedding channels dropped for a whole text; of "
        "characters a third of it",
    )
    recurrent_input_dropout: Annotated[float, Range(0.0, 0.5, step=0.1)] = Field(
        0.0, ge=0, lt=1, description="share of each recurrent layer's input channels dropped"
    )
    dropout: Annotated[float, Range(0.0, 0.7, step=0.1)] = Field(
        0.5,
        ge=0,
        lt=1,
        description="dropout before the output; where characters are read a third of it",
    )
    linear: bool = Field(
        True, description="answer with a linear model over words and characters beside the LSTM"
    )
    word_ngrams: int = Field(
        2, ge=0, le=5, description="longest n-gram of words that the linear part reads"
    )
    character_ngrams: int = Field(
        5, ge=0, le=8, description="longest n-gram of characters within words; 0 for none"
    )
    linear_weights: int = Field(
        2**22,
        ge=64,
        description="weights of the linear part over all classes; as many of the most frequent "
        "n-grams as that allows have some, 262,144 at most",
    )
    linear_values: int = Field(
        2**26,
        ge=1_000,
        description="n-grams of rows that the linear part learns from, 8 bytes each in memory; "
        "rows beyond are left to the LSTM",
    )
    label_smoothing: Annotated[float, Range(0.0, 0.2, step=0.05)] = Field(
        0.0, ge=0, lt=1, description="share of the target spread over all classes"
    )
    top_classes: int = Field(
        5, ge=1, description="classes that an answer names, with their probabilities, best first"
    )
    class_balance: float = Field(
        0.5, ge=0, le=1, description="exponent of the class weights: 0 none, 1 fully balanced"
    )

    @model_validator(mode="after")
    def _known_pooling(self) -> "ModelSettings":
        modes = ("last", "max", "mean", "attention")
        chosen = self.pooling.split("+")
        if set(chosen) - set(modes) or len(set(chosen)) < len(chosen):
            raise ValueError(
                f"pooling={self.pooling!r}: expected {', '.join(modes)}, "
                "or different ones joined by +"
            )
        return self


class GateSettings(Settings):
    """What a model must reach to be pushed."""

    margin: float = Field(
        0.05,
        ge=-1,
        le=1,
        description="accuracy must gain this share of what always answering the largest class "
        "leaves to gain",
    )
    baseline: float = Field(
        0.005,
        ge=0,
        le=1,
        description="accuracy may be this much below the better linear model's, on top of the "
        "uncertainty of eval's rows",
    )
    max_loss: float = Field(
        0.01, ge=0, le=1, description="accuracy may be this much below the last blessed model's"
    )
