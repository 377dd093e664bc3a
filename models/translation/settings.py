"""The settings of translation, each stated once."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tidegate.models.core.settings import Choice, Memory, Range, RecordSettings, Settings
from tidegate.tables.formats import known_format
from tidegate.tables.reads import Parallel

_SPLITS = {"train": "", "valid": "valid_", "eval": "eval_", "test": "test_"}


class DataSettings(RecordSettings):
    """What is read, and how it is split."""

    source_column: str = Field("source", description="column of the texts that are translated")
    target_column: str = Field("target", description="column of their translations")
    source_file: str | None = Field(
        None,
        description="plain file of texts, a line each, below the data's folder; instead of tables",
    )
    target_file: str | None = Field(
        None, description="plain file of their translations, line by line"
    )
    valid_source_file: str | None = Field(None, description="the same for the split valid")
    valid_target_file: str | None = Field(None, description="the same for the split valid")
    eval_source_file: str | None = Field(None, description="the same for the split eval")
    eval_target_file: str | None = Field(None, description="the same for the split eval")
    test_source_file: str | None = Field(None, description="the same for the split test")
    test_target_file: str | None = Field(None, description="the same for the split test")

    @property
    def parallel(self) -> tuple[Parallel, ...]:
        """The plain files by split; empty where tables are read."""
        return tuple(
            Parallel(split, (source, target))
            for split, (source, target) in self._files().items()
            if source is not None and target is not None
        )

    @property
    def has_test(self) -> bool:
        """Whether the training data may hold a test split."""
        return super().has_test or self.test_source_file is not None

    def _files(self) -> dict[str, tuple[str | None, str | None]]:
        return {
            split: (getattr(self, f"{prefix}source_file"), getattr(self, f"{prefix}target_file"))
            for split, prefix in _SPLITS.items()
        }

    @model_validator(mode="after")
    def _whole_pairs(self) -> "DataSettings":
        for split, names in self._files().items():
            prefix = _SPLITS[split]
            if (names[0] is None) != (names[1] is None):
                raise ValueError(
                    f"expected data.{prefix}source_file and data.{prefix}target_file, both or none"
                )
            if names[0] is not None and self.source_file is None:
                raise ValueError(f"data.{prefix}source_file needs data.source_file: that of train")
            for name in names:
                if name is not None and known_format(name):
                    raise ValueError(f"{name} is a table; expected a plain file of lines")
        if self.source_file is not None and self.split_column is not None:
            raise ValueError("received source_file and split_column; plain files have no columns")
        return self


class FeatureSettings(Settings):
    """How both sides become token ids; fixed before Transform."""

    tokenizer: Literal["words", "spaces", "chars", "wordpiece"] = Field(
        "wordpiece",
        description="wordpiece (learnt from the training texts of each side), words (Unicode words "
        "and marks), spaces (text that is in words already, with spaces between), or chars",
    )
    vocabulary_size: Annotated[int, Memory()] = Field(
        8_000, ge=10, description="most tokens kept of each side, the most frequent first"
    )
    min_count: int = Field(1, ge=1, description="tokens that occur less often are unknown")
    max_tokens: Annotated[int, Memory()] = Field(
        100,
        ge=1,
        description="pairs with more tokens on either side are not trained on; they are counted",
    )
    max_ratio: float = Field(
        9.0,
        ge=1,
        description="pairs of which a side has more than this many times the other's tokens, and "
        "ten more, are not trained on; they are counted",
    )
    lower_case: bool = Field(False, description="make both sides lower case")
    shared_vocabulary: bool = Field(
        False,
        description="one vocabulary for both sides, learnt from both, of so many tokens in "
        "all: for sides of one language, or of one script with many names",
    )
    copy_unknown: bool = Field(
        False,
        description="give out unknown tokens, each as the source's token that it looks at most; of "
        "words, spaces or chars, as wordpiece has none but characters never seen",
    )

    @model_validator(mode="after")
    def _unknown_tokens(self) -> "FeatureSettings":
        if self.copy_unknown and self.tokenizer == "wordpiece":
            raise ValueError("copy_unknown needs tokenizer words, spaces or chars; got wordpiece")
        return self


class ModelSettings(Settings):
    """The network; the Tuner searches over the ranges."""

    embedding: Annotated[int, Range(32, 256, step=32)] = Field(
        128, ge=1, description="width of a token's embedding, on both sides"
    )
    units: Annotated[int, Range(64, 512, step=64)] = Field(
        128,
        ge=2,
        multiple_of=2,
        description="units of a decoder's layer; an encoder's has half of them in each direction",
    )
    layers: Annotated[int, Range(1, 3, step=1)] = Field(
        1, ge=1, le=8, description="recurrent layers of the encoder, and of the decoder"
    )
    attention: Annotated[
        Literal["dot", "general", "additive"], Choice(("dot", "general", "additive"))
    ] = Field("general", description="how the decoder's outputs are compared with the encoder's")
    tied: bool = Field(
        True,
        description="one table for the decoder's embedding and output (Press and Wolf 2017); "
        "between units and embedding of other widths a projection stands",
    )
    embedding_dropout: Annotated[float, Range(0.0, 0.6, step=0.1)] = Field(
        0.1, ge=0, lt=1, description="share of embedding channels dropped for a whole text"
    )
    layer_dropout: Annotated[float, Range(0.0, 0.6, step=0.1)] = Field(
        0.0, ge=0, lt=1, description="share of each layer's input channels dropped for a text"
    )
    dropout: Annotated[float, Range(0.0, 0.6, step=0.1)] = Field(
        0.1, ge=0, lt=1, description="share of the output's channels dropped for a whole text"
    )
    label_smoothing: Annotated[float, Range(0.0, 0.2, step=0.05)] = Field(
        0.1, ge=0, lt=1, description="share of the target spread over all tokens, in training"
    )


class GateSettings(Settings):
    """What a model must reach to be pushed."""

    chrf: float = Field(20.0, ge=0, le=100, description="chrF that the model must reach, 0 to 100")
    baseline: float = Field(
        0.0,
        ge=0,
        le=100,
        description="BLEU may be this much below the better of word for word and the copied source",
    )
    max_loss: float = Field(
        1.0, ge=0, le=100, description="BLEU may be this much below the last blessed model's"
    )
