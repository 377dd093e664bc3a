"""The client: a model's signatures are asked of the server, and nothing else of it is known."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np

from tidegate.serving.client import examples, messages, stream, tensors
from tidegate.serving.client.answers import Answers, Score, VersionStatus
from tidegate.serving.client.channel import Calls, Channel, Retries, Tls
from tidegate.serving.client.errors import (
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    UnavailableError,
    mismatch,
)
from tidegate.serving.client.examples import Examples
from tidegate.serving.client.metadata import KnownModels, Metadata, Which, ask_versions, fill
from tidegate.serving.client.signatures import Signature, choose, encode
from tidegate.tables.errors import nearest

_PREDICTION = "PredictionService"


class Client:
    """Calls models on a server of TF Serving's protocol. Thread-safe.

    Each method takes `version` or `label` (one of TF Serving's version labels), by default the
    newest version, and `deadline`, seconds for the call with all its retries, by default the
    client's. Each raises a subclass of `ServingClientError` by the gRPC status code;
    `InvalidArgumentError` also where inputs do not fit the signature, before they are sent.

    Args:
      address: ``host:port``.
      tls: for a server with TLS; None for a plain connection.
      deadline: seconds.
      retries: when to try again while the server is not available; a number is that of attempts.
      metadata: sent with each request, for example ``[("authorization", "Bearer …")]``.
      channel: what is called in place of a connection to `address`.
    """

    def __init__(
        self,
        address: str = "",
        *,
        tls: Tls | None = None,
        deadline: float = 60.0,
        retries: Retries | int | None = None,
        metadata: Iterable[tuple[str, str]] = (),
        channel: Calls | None = None,
    ) -> None:
        if deadline <= 0:
            raise ValueError(f"expected a deadline above 0 seconds, got {deadline}")
        if isinstance(retries, int):
            retries = Retries(attempts=retries)
        self._deadline = deadline
        self._channel = channel or Channel(address, tls, retries or Retries(), tuple(metadata))
        self.address = self._channel.address
        self._known = KnownModels(self._channel)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection; what still runs on it is cancelled."""
        self._channel.close()

    def signatures(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        deadline: float | None = None,
    ) -> dict[str, Signature]:
        """A model's signatures by name, asked anew."""
        metadata = self._known.ask((model, version, label), self._end(deadline))
        return dict(metadata.signatures)

    def status(
        self, model: str, *, version: int | None = None, deadline: float | None = None
    ) -> list[VersionStatus]:
        """The versions of a model on the server, the newest first."""
        return ask_versions(self._channel, model, version, self._end(deadline))

    def wait_until_available(
        self, model: str, *, version: int | None = None, timeout: float = 60.0
    ) -> int:
        """Waits until a model answers requests, also for the server itself to come up.

        Returns:
          The version that is available; the newest if there are several.

        Raises:
          TimeoutError: it was not available in time; the message says why.
        """
        end = time.monotonic() + timeout
        pause = 0.05
        while True:
            left = max(end - time.monotonic(), 0.1)
            try:
                found = self.status(model, version=version, deadline=left)
                ready = [one.version for one in found if one.state == "AVAILABLE"]
                if ready:
                    # A server that still loads other models may know this one as available and
                    # answer no requests yet.
                    self._known.ask((model, ready[0], None), time.monotonic() + left)
                    return ready[0]
                why = "; ".join(
                    f"version {one.version} is {one.state} {one.error_message}".rstrip()
                    for one in found
                )
            except (NotFoundError, UnavailableError, TimeoutError) as error:
                why = str(error)
            if time.monotonic() + pause >= end:
                raise TimeoutError(
                    f"model {model!r} at {self.address} was not available within {timeout:g} s: "
                    f"{why}"
                )
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        *,
        signature: str | None = None,
        version: int | None = None,
        label: str | None = None,
        outputs: Sequence[str] = (),
        deadline: float | None = None,
    ) -> Answers:
        """Calls a signature.

        Args:
          model: its name.
          inputs: by name, an array or a list, as the signature states; see `signatures`.
          signature: ``serving_default`` if not given.
          version, label: which version.
          outputs: those to be sent back; all if none is named.
          deadline: seconds.
        """
        which, end = (model, version, label), self._end(deadline)

        def request(metadata: Metadata) -> Any:
            chosen = choose(metadata.signatures, signature, model)
            for name in outputs:
                if name not in chosen.outputs:
                    raise mismatch(
                        f"signature {chosen.name!r}: no output {name!r}. "
                        f"{nearest(name, chosen.outputs)}",
                        model=model,
                        method="Predict",
                    )
            message = messages.PredictRequest(output_filter=outputs)
            fill(message.model_spec, which, chosen.name)
            for name, proto in encode(chosen, inputs, model).items():
                message.inputs[name].CopyFrom(proto)
            return message

        return self._predict(which, request, end)

    def predict_examples(
        self,
        model: str,
        rows: Examples,
        *,
        signature: str | None = None,
        version: int | None = None,
        label: str | None = None,
        deadline: float | None = None,
    ) -> Answers:
        """Calls a signature that takes serialized tf.Examples, made here of plain values.

        Args:
          model: its name.
          rows: ``{"text": ["a", "b"]}`` or ``[{"text": "a"}, {"text": "b"}]``: str or bytes become
            a feature's bytes_list, bool and int its int64_list, float its float_list. The server
            does not tell which features the model reads, nor their types.
          signature: ``serving_default`` if not given.
          version, label: which version.
          deadline: seconds.
        """
        which, end = (model, version, label), self._end(deadline)
        array = np.array(examples.serialize(examples.rows_of(rows)), object)

        def request(metadata: Metadata) -> Any:
            chosen = choose(metadata.signatures, signature, model)
            name = chosen.examples_input
            if name is None:
                raise mismatch(
                    f"{chosen} takes no tf.Examples: use predict", model=model, method="Predict"
                )
            message = messages.PredictRequest()
            fill(message.model_spec, which, chosen.name)
            message.inputs[name].CopyFrom(tensors.to_proto(array))
            return message

        return self._predict(which, request, end)

    def classify(
        self,
        model: str,
        rows: Examples,
        *,
        signature: str | None = None,
        version: int | None = None,
        label: str | None = None,
        deadline: float | None = None,
    ) -> list[list[Score]]:
        """TF Serving's Classify: for each example, classes and scores in the model's order.

        Args: as `predict_examples`.
        """
        request = messages.ClassificationRequest()
        fill(request.model_spec, (model, version, label), signature)
        _fill_examples(request, rows)
        response = self._channel.call(
            _PREDICTION,
            "Classify",
            request,
            messages.ClassificationResponse,
            end=self._end(deadline),
        )
        return [
            [Score(one.label, one.score) for one in example.classes]
            for example in response.result.classifications
        ]

    def regress(
        self,
        model: str,
        rows: Examples,
        *,
        signature: str | None = None,
        version: int | None = None,
        label: str | None = None,
        deadline: float | None = None,
    ) -> np.ndarray[Any, Any]:
        """TF Serving's Regress: float32[batch], a value for each example.

        Args: as `predict_examples`.
        """
        request = messages.RegressionRequest()
        fill(request.model_spec, (model, version, label), signature)
        _fill_examples(request, rows)
        response = self._channel.call(
            _PREDICTION, "Regress", request, messages.RegressionResponse, end=self._end(deadline)
        )
        return np.array([one.value for one in response.result.regressions], np.float32)

    def predict_rows(
        self,
        model: str,
        rows: Iterable[Mapping[str, Any]],
        *,
        signature: str | None = None,
        version: int | None = None,
        label: str | None = None,
        outputs: Sequence[str] = (),
        batch_size: int = 64,
        in_flight: int = 4,
        deadline: float | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Calls a signature for any number of rows, in constant memory and in order.

        Args:
          model: its name.
          rows: each with a value for each input, without the batch's dimension; read as needed.
          signature: ``serving_default`` if not given; one that takes serialized tf.Examples gets
            them made of the rows.
          version, label: which version.
          outputs: those to be sent back; all if none is named.
          batch_size: rows to a request.
          in_flight: requests that run at the same time.
          deadline: seconds, of each request.

        Yields:
          For each row, its value of each output.
        """
        end = self._end(deadline)
        known = self._known.ask((model, version, label), end)
        wanted = choose(known.signatures, signature, model)

        def answered(batch: list[Mapping[str, Any]]) -> Answers:
            if wanted.examples_input is not None:
                return self.predict_examples(
                    model,
                    batch,
                    signature=wanted.name,
                    version=version,
                    label=label,
                    deadline=deadline,
                )
            return self.predict(
                model,
                stream.columns(batch),
                signature=wanted.name,
                version=version,
                label=label,
                outputs=outputs,
                deadline=deadline,
            )

        batches = stream.batched(rows, batch_size)
        for batch, answers in stream.in_order(answered, batches, in_flight):
            yield from stream.rows_of(answers, len(batch))

    def _end(self, deadline: float | None) -> float:
        """When a call that begins now must have ended, by `time.monotonic`."""
        return time.monotonic() + (self._deadline if deadline is None else deadline)

    def _predict(self, which: Which, request: Any, end: float) -> Answers:
        """Makes a request of the metadata, which may be of a former version, and sends it."""
        cached = self._known.cached(which)
        metadata = cached or self._known.ask(which, end)
        try:
            message = request(metadata)
        except InvalidArgumentError:
            if cached is None:
                raise
            # What does not fit the signature as it was may fit the one of a newer version.
            metadata = self._known.ask(which, end)
            message = request(metadata)
        try:
            response = self._channel.call(
                _PREDICTION, "Predict", message, messages.PredictResponse, end=end
            )
        except (InvalidArgumentError, FailedPreconditionError, NotFoundError):
            self._known.forget(which)
            raise
        spec = response.model_spec
        if spec.version.value != metadata.version:
            self._known.forget(which)
        return Answers(
            # A map on the wire has no order.
            {name: tensors.from_proto(proto) for name, proto in sorted(response.outputs.items())},
            model=spec.name,
            version=spec.version.value,
            signature=spec.signature_name,
        )


def _fill_examples(request: Any, rows: Examples) -> None:
    """Fills the Input of a Classify or Regress request."""
    request.input.example_list.examples.extend(
        examples.example(row) for row in examples.rows_of(rows)
    )
