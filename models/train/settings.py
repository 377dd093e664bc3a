"""How a model is trained: settings alone, so that listing them needs no TensorFlow."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from tidegate.models.core.settings import Memory, Range, Settings
from tidegate.models.core.task import Pace

# Regularised as the models here are, they learn in about this many steps, small data or large.
_STEPS = 1_500


class TrainingSettings(Settings):
    """How a model is trained."""

    epochs: int | None = Field(
        None,
        ge=1,
        description="most passes over the training data; if not given, those that make about 1,500 "
        "steps: 3 to 20 passes, unless the task needs fewer or more",
    )
    batch_size: Annotated[int, Memory()] = Field(
        64, ge=1, description="rows of a step, over all devices and workers"
    )
    steps: int | None = Field(None, ge=1, description="exact number of steps, in place of epochs")
    max_seconds: float | None = Field(
        None, gt=0, description="stop at the first validation after this many seconds of training"
    )
    learning_rate: Annotated[float | None, Range(5e-4, 1e-2, log=True)] = Field(
        None,
        gt=0,
        description="highest learning rate; it warms up to it and falls to zero; 0.002 if not "
        "given, unless the task needs another for what is read",
    )
    warmup: float = Field(0.1, ge=0, lt=1, description="share of the steps that warm up")
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay (AdamW)")
    clip_norm: float = Field(1.0, gt=0, description="gradients are clipped to this global norm")
    average: float = Field(
        0.0, ge=0, lt=1, description="momentum of the weights' moving average; 0 for none"
    )
    validations: int = Field(
        1, ge=1, description="validations in a pass; at most 10 to 25 in the whole training"
    )
    patience: int = Field(3, ge=1, description="validations without a gain before training stops")
    seed: int = Field(
        0, ge=0, description="seed of the weights, of dropout and of the order of the rows"
    )
    deterministic: bool = Field(
        True, description="same seed, same result; False where a GPU lacks a deterministic kernel"
    )
    mixed_precision: bool = Field(True, description="compute in float16 where there is a GPU")
    checkpoint_seconds: float = Field(
        60.0, ge=0, description="seconds between checkpoints of the training; 0 for none"
    )
    checkpoints: str | None = Field(
        None, description="folder or URI of the checkpoints; beside the model's if not given"
    )
    workers: list[str] = Field(
        default_factory=list,
        description="host:port,host:port of all training workers, the first one the chief",
    )
    worker: int | None = Field(
        None,
        ge=0,
        description="number of this process among the workers, from 0; if not given, 0, and the "
        "process starts the other workers of its own machine",
    )
    shard: Literal["batches", "examples"] = Field(
        "batches",
        description="what the workers divide: each global batch, of which every worker reads all "
        "data, or the examples",
    )

    @field_validator("workers", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """As ``--set`` gives it: addresses with commas between."""
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    def steps_over(self, rows: int, pace: Pace) -> int:
        """The steps of a training, by the size of its data where no setting says.

        Args:
          rows: of the training data.
          pace: the network's.
        """
        fewest, most = pace.passes
        if self.steps is not None:
            return self.steps
        per_pass = max(1, rows // self.batch_size)
        if self.epochs is not None:
            return self.epochs * per_pass
        if not fewest and per_pass > _STEPS:
            return _STEPS
        return per_pass * min(most, max(fewest, round(_STEPS / per_pass)))
