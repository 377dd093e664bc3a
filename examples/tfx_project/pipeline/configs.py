"""What distinguishes the project's two pipelines."""

from dataclasses import dataclass
from typing import Any

import tensorflow_model_analysis as tfma

from tidegate.components import RecordExampleGen, SeriesExampleGen
from tidegate.tables.reads import Column, RecordReads, RecordSplits, SeriesReads, SeriesSplits

TRAIN_STEPS = 60
EVAL_STEPS = 2


@dataclass(frozen=True)
class Config:
    """A pipeline.

    Attributes:
      name: the model's, too.
      example_gen: a component that reads the data.
      reads: which columns it reads, and what they are.
      splits: how it parts them.
      module: holds `preprocessing_fn` and `run_fn`.
      eval_config: what the Evaluator computes and asks for; None leaves it out.
    """

    name: str
    example_gen: type
    reads: Any
    splits: Any
    module: str
    eval_config: tfma.EvalConfig | None = None


def _accuracy(at_least: float) -> tfma.EvalConfig:
    bound = tfma.GenericValueThreshold(lower_bound={"value": at_least})
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                model_type="tf_generic",  # A Keras 3 model is none of TFMA's.
                signature_name="serving_default",
                prediction_key="probabilities",
                label_key="label_number",
                preprocessing_function_names=["transform_features"],
            )
        ],
        slicing_specs=[tfma.SlicingSpec()],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(
                        class_name="SparseCategoricalAccuracy",
                        threshold=tfma.MetricThreshold(value_threshold=bound),
                    )
                ]
            )
        ],
    )


TEXTS = Config(
    name="texts",
    example_gen=RecordExampleGen,
    reads=RecordReads(columns=(Column("text", key=True), Column("label", label=True))),
    splits=RecordSplits(valid_share=0.1, eval_share=0.2),
    module="models.texts",
    eval_config=_accuracy(at_least=0.6),
)

SERIES = Config(
    name="series",
    example_gen=SeriesExampleGen,
    reads=SeriesReads(time="month", target="sold", id="shop"),
    splits=SeriesSplits(horizon=1, context=24),
    module="models.series",
)

CONFIGS = {config.name: config for config in (TEXTS, SERIES)}
