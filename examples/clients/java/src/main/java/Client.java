import com.google.protobuf.ByteString;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.StatusRuntimeException;
import java.time.Instant;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.tensorflow.framework.DataType;
import org.tensorflow.framework.TensorProto;
import org.tensorflow.framework.TensorShapeProto;
import tensorflow.serving.Model.ModelSpec;
import tensorflow.serving.Predict.PredictRequest;
import tensorflow.serving.PredictionServiceGrpc;
import tensorflow.serving.PredictionServiceGrpc.PredictionServiceBlockingStub;

/** Asks a served text classifier and a forecaster: mvn -q compile exec:java [-Dexec.args=HOST:PORT] */
public final class Client {
  public static void main(String[] arguments) {
    String address = arguments.length > 0 ? arguments[0] : "localhost:8500";
    ManagedChannel channel = ManagedChannelBuilder.forTarget(address).usePlaintext().build();
    try {
      ask(PredictionServiceGrpc.newBlockingStub(channel));
    } finally {
      channel.shutdownNow();
    }
  }

  private static void ask(PredictionServiceBlockingStub service) {
    String[] words = {"Donaudampfschiff", "天安门"};
    PredictRequest classification =
        request("text_classification", "predict_text", Map.of("text", texts(words)));
    Map<String, TensorProto> classes = soon(service).predict(classification).getOutputsMap();
    for (int row = 0; row < words.length; row++) {
      System.out.printf(
          "%s: %s %.3f%n",
          words[row],
          classes.get("label").getStringVal(row).toStringUtf8(),
          classes.get("probability").getFloatVal(row));
    }

    TensorProto.Builder values = tensor(DataType.DT_FLOAT, 1, 24);
    TensorProto.Builder known = tensor(DataType.DT_BOOL, 1, 24);
    for (int month = 0; month < 24; month++) {
      values.addFloatVal((float) (20 + 5 * Math.sin(month * Math.PI / 6)));
      known.addBoolVal(true);
    }
    long start = Instant.parse("2024-01-01T00:00:00Z").getEpochSecond();
    PredictRequest series =
        request(
            "forecasting",
            "forecast",
            Map.of(
                "unique_id", texts("bath"),
                "start", tensor(DataType.DT_INT64, 1).addInt64Val(start).build(),
                "y", values.build(),
                "mask", known.build()));
    Map<String, TensorProto> forecast = soon(service).predict(series).getOutputsMap();
    System.out.printf(
        "forecast from %.10s on: %.2f%n",
        Instant.ofEpochSecond(forecast.get("times").getInt64Val(0)),
        forecast.get("mean").getFloatVal(0));

    try {
      soon(service)
          .predict(request("text_classification", "predict_text", Map.of("words", texts(words))));
    } catch (StatusRuntimeException error) {
      System.out.println(error.getStatus().getCode() + ": " + error.getStatus().getDescription());
    }

    Map<String, Integer> codes = new TreeMap<>();
    for (int call = 0; call < 200; call++) {
      String code = "OK";
      try {
        service.withDeadlineAfter(1, TimeUnit.MILLISECONDS).predict(classification);
      } catch (StatusRuntimeException error) {
        code = error.getStatus().getCode().name();
      }
      codes.merge(code, 1, Integer::sum);
    }
    System.out.println("200 calls with a deadline of 1 ms: " + codes);
  }

  private static PredictionServiceBlockingStub soon(PredictionServiceBlockingStub service) {
    return service.withDeadlineAfter(10, TimeUnit.SECONDS);
  }

  private static PredictRequest request(
      String model, String signature, Map<String, TensorProto> inputs) {
    return PredictRequest.newBuilder()
        .setModelSpec(ModelSpec.newBuilder().setName(model).setSignatureName(signature))
        .putAllInputs(inputs)
        .build();
  }

  private static TensorProto.Builder tensor(DataType type, long... sizes) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    for (long size : sizes) {
      shape.addDim(TensorShapeProto.Dim.newBuilder().setSize(size));
    }
    return TensorProto.newBuilder().setDtype(type).setTensorShape(shape);
  }

  private static TensorProto texts(String... values) {
    TensorProto.Builder tensor = tensor(DataType.DT_STRING, values.length);
    for (String value : values) {
      tensor.addStringVal(ByteString.copyFromUtf8(value));
    }
    return tensor.build();
  }
}
