// Asks a served text classifier and a forecaster: node client.js [HOST:PORT]
const path = require("path");
const { promisify } = require("util");
const grpc = require("@grpc/grpc-js");
const protoLoader = require("@grpc/proto-loader");

const { tensorflow } = grpc.loadPackageDefinition(
  protoLoader.loadSync("tensorflow_serving/apis/prediction_service.proto", {
    includeDirs: [path.join(__dirname, "../protos")],
    keepCase: true,
    longs: String,
  }),
);
const service = new tensorflow.serving.PredictionService(
  process.argv[2] ?? "localhost:8500",
  grpc.credentials.createInsecure(),
);
const predict = promisify(service.Predict).bind(service);

const tensor = (dtype, sizes, values) => ({
  dtype,
  tensor_shape: { dim: sizes.map((size) => ({ size })) },
  ...values,
});
const texts = (values) =>
  tensor("DT_STRING", [values.length], { string_val: values.map((text) => Buffer.from(text)) });
const classification = (inputs) => ({
  model_spec: { name: "text_classification", signature_name: "predict_text" },
  inputs,
});

async function main() {
  const soon = () => ({ deadline: Date.now() + 10_000 });
  const words = ["Donaudampfschiff", "天安门"];
  const classes = await predict(classification({ text: texts(words) }), soon());
  words.forEach((word, row) => {
    const label = classes.outputs.label.string_val[row].toString();
    console.log(`${word}: ${label} ${classes.outputs.probability.float_val[row].toFixed(3)}`);
  });

  const months = Array.from({ length: 24 }, (_, month) => 20 + 5 * Math.sin((month * Math.PI) / 6));
  const start = Date.UTC(2024, 0) / 1000;
  const forecast = await predict(
    {
      model_spec: { name: "forecasting", signature_name: "forecast" },
      inputs: {
        unique_id: texts(["bath"]),
        start: tensor("DT_INT64", [1], { int64_val: [start] }),
        y: tensor("DT_FLOAT", [1, months.length], { float_val: months }),
        mask: tensor("DT_BOOL", [1, months.length], { bool_val: months.map(() => true) }),
      },
    },
    soon(),
  );
  const { times, mean } = forecast.outputs;
  const day = new Date(times.int64_val[0] * 1000).toISOString().slice(0, 10);
  console.log(`forecast from ${day} on: ${mean.float_val[0].toFixed(2)}`);

  try {
    await predict(classification({ words: texts(words) }), soon());
  } catch (error) {
    console.log(`${grpc.status[error.code]}: ${error.details}`);
  }

  const codes = {};
  for (let call = 0; call < 200; call++) {
    const code = await predict(classification({ text: texts(words) }), {
      deadline: Date.now() + 1,
    }).then(
      () => "OK",
      (error) => grpc.status[error.code],
    );
    codes[code] = (codes[code] ?? 0) + 1;
  }
  console.log("200 calls with a deadline of 1 ms:", codes);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
