"""The peer of `tidegate predict`: the stock stubs, a batch at a time, as tutorials show it.

Usage: stub_client.py ADDRESS MODEL SIGNATURE INPUT FILE OUTPUT BATCH
"""

import csv
import itertools
import sys

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


def main() -> None:
    """Asks for each row of a CSV file with a column of the input's name; writes the answers."""
    address, model, signature, name, source, target, size = sys.argv[1:]
    service = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(address))
    with open(source, newline="") as rows, open(target, "w", newline="") as out:
        reader, writer = csv.DictReader(rows), csv.writer(out)
        while batch := [row[name] for row in itertools.islice(reader, int(size))]:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = model
            request.model_spec.signature_name = signature
            request.inputs[name].CopyFrom(tf.make_tensor_proto(batch))
            answer = service.Predict(request, 60.0)
            outputs = [tf.make_ndarray(value).tolist() for value in answer.outputs.values()]
            writer.writerows(zip(batch, *outputs, strict=True))


if __name__ == "__main__":
    main()
