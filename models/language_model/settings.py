"""The settings of language models, each stated once."""

from typing import Annotated, Literal

from pydantic import Field

from tidegate.models.core.settings import (
    Choice,
    FileSettings,
    Memory,
    ModelFile,
    Range,
    Settings,
)


class DataSettings(FileSettings):
    """What is read, and how it is split."""

    text_column: str = Field("text", description="column that holds the text, of tables")
    documents: Literal["stream", "file", "row"] = Field(
        "stream",
        description="stream (all text on end, parted by contiguous parts), file or row (each is a "
        "document, parted by a hash of its beginning; a row of plain text is a line)",
    )
    split_files: bool = Field(
        False, description="the names of the files begin with train, valid, eval or test"
    )
    split_column: str | None = Field(
        None, description="column that says train, valid, eval or test, of tables"
    )
    valid_share: float = Field(
        0.05, ge=0, lt=0.5, description="share of train kept for early stopping and tuning"
    )
    eval_share: float = Field(
        0.05, ge=0, lt=0.5, description="share of train held out; the gates are judged on it"
    )
    held_out: int = Field(
        2_000_000, ge=1, description="characters of a stream that valid and eval have at most, each"
    )
    split_seed: int = Field(0, description="changes which documents the hash puts where")
    max_bad_share: float = Field(
        0.05, ge=0, lt=1, description="share of rows that may be unusable before the run stops"
    )

    @property
    def has_test(self) -> bool:
        """Whether the training data may hold a test split."""
        return self.split_files or self.split_column is not None

    def columns(self, test: bool = False) -> tuple[str, ...]:
        """The columns that a data file must have; a file of test data needs no split column."""
        split = () if test or self.split_column is None else (self.split_column,)
        return (self.text_column, *split)


class FeatureSettings(Settings):
    """How text becomes token ids; fixed before Transform."""

    tokenizer: Literal["words", "spaces", "chars", "wordpiece"] = Field(
        "chars",
        description="words (Unicode words and marks), spaces (text that is in words already, with "
        "spaces between), chars, or wordpiece (learnt from the training text)",
    )
    vocabulary_size: Annotated[int, Memory()] = Field(
        50_000, ge=10, description="most tokens kept, the most frequent first"
    )
    min_count: int = Field(1, ge=1, description="tokens that occur less often are unknown")

    @property
    def longest(self) -> int:
        """The longest n-gram that is counted: of characters, and of words."""
        return 8 if self.tokenizer == "chars" else 5


class ModelSettings(Settings):
    """The network; the Tuner searches over the ranges."""

    embedding: Annotated[int, Range(32, 256, step=32)] = Field(
        64, ge=1, description="width of a token's embedding"
    )
    pretrained: ModelFile | None = Field(
        None,
        description="folder of a run, a model or a version whose network training goes on from",
    )
    cell: Annotated[Literal["lstm", "gru"], Choice(("lstm", "gru"))] = Field(
        "lstm", description="recurrent cell"
    )
    units: Annotated[int, Range(64, 512, step=64)] = Field(
        128, ge=1, description="units of a recurrent layer"
    )
    layers: Annotated[int, Range(1, 3, step=1)] = Field(
        1, ge=1, le=8, description="recurrent layers"
    )
    tied: bool = Field(
        False,
        description="one table for the embedding and the output (Press and Wolf 2017); between "
        "units and embedding of other widths a projection stands",
    )
    embedding_dropout: Annotated[float, Range(0.0, 0.6, step=0.1)] = Field(
        0.0, ge=0, lt=1, description="share of embedding channels dropped for a whole window"
    )
    layer_dropout: Annotated[float, Range(0.0, 0.6, step=0.1)] = Field(
        0.0, ge=0, lt=1, description="share of each layer's input channels dropped for a window"
    )
    dropout: Annotated[float, Range(0.0, 0.6, step=0.1)] = Field(
        0.0, ge=0, lt=1, description="share of the output's channels dropped for a whole window"
    )
    sampled: int = Field(
        0,
        ge=0,
        description="in training, draw so many tokens for the softmax in place of all, for large "
        "vocabularies; 0 for all. Figures are always those of all",
    )
    ngrams: Annotated[int, Memory()] = Field(
        1 << 19,
        ge=0,
        le=1 << 24,
        description="n-grams of the training text that stand beside the network, at most; 0 for "
        "none. Each takes 20 bytes of the model",
    )
    window: Annotated[int, Memory()] = Field(
        64, ge=1, description="tokens of a step, through which gradients are propagated back"
    )
    lane: int = Field(
        1_024,
        ge=1,
        description="tokens on end that carry state from step to step, before another place of the "
        "text begins; made a multiple of the window",
    )


class GateSettings(Settings):
    """What a model must reach to be pushed."""

    gain: float = Field(
        0.2,
        ge=0,
        le=1,
        description="share of the bits that a uniform guess needs, which the model must save",
    )
    baseline: float = Field(
        0.0,
        ge=0,
        description="bits per character that the model may need above the n-gram model's",
    )
    max_loss: float = Field(
        0.02,
        ge=0,
        description="bits per character that it may need above the last blessed model's",
    )
