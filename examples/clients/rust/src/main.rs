//! Asks a served text classifier and a forecaster: cargo run [HOST:PORT]
use std::collections::{BTreeMap, HashMap};
use std::f32::consts::PI;
use std::time::Duration;

use tensorflow::serving::prediction_service_client::PredictionServiceClient;
use tensorflow::serving::{ModelSpec, PredictRequest};
use tensorflow::tensor_shape_proto::Dim;
use tensorflow::{DataType, TensorProto, TensorShapeProto};
use tonic::{Code, Request};

pub mod tensorflow {
    tonic::include_proto!("tensorflow");
    pub mod serving {
        tonic::include_proto!("tensorflow.serving");
    }
}

fn tensor(dtype: DataType, sizes: &[i64]) -> TensorProto {
    let dim = |&size| Dim { size, ..Default::default() };
    TensorProto {
        dtype: dtype.into(),
        tensor_shape: Some(TensorShapeProto {
            dim: sizes.iter().map(dim).collect(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn texts(values: &[&str]) -> TensorProto {
    TensorProto {
        string_val: values.iter().map(|text| text.as_bytes().to_vec()).collect(),
        ..tensor(DataType::DtString, &[values.len() as i64])
    }
}

fn request<const N: usize>(
    deadline: Duration,
    model: &str,
    signature: &str,
    inputs: [(&str, TensorProto); N],
) -> Request<PredictRequest> {
    let mut request = Request::new(PredictRequest {
        model_spec: Some(ModelSpec {
            name: model.into(),
            signature_name: signature.into(),
            ..Default::default()
        }),
        inputs: HashMap::from(inputs.map(|(name, tensor)| (name.into(), tensor))),
        ..Default::default()
    });
    request.set_timeout(deadline);
    request
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("localhost:8500".into());
    let mut service = PredictionServiceClient::connect(format!("http://{address}")).await?;
    let soon = Duration::from_secs(10);

    let words = ["Donaudampfschiff", "天安门"];
    let classification = |deadline, input| {
        request(deadline, "text_classification", "predict_text", [(input, texts(&words))])
    };
    let classes = service.predict(classification(soon, "text")).await?.into_inner().outputs;
    for (row, word) in words.iter().enumerate() {
        let label = String::from_utf8_lossy(&classes["label"].string_val[row]);
        println!("{word}: {label} {:.3}", classes["probability"].float_val[row]);
    }

    let months = (0..24).map(|month| 20.0 + 5.0 * (month as f32 * PI / 6.0).sin());
    let start = chrono::DateTime::parse_from_rfc3339("2024-01-01T00:00:00Z")?.timestamp();
    let series = [
        ("unique_id", texts(&["bath"])),
        ("start", TensorProto { int64_val: vec![start], ..tensor(DataType::DtInt64, &[1]) }),
        ("y", TensorProto { float_val: months.collect(), ..tensor(DataType::DtFloat, &[1, 24]) }),
        ("mask", TensorProto { bool_val: vec![true; 24], ..tensor(DataType::DtBool, &[1, 24]) }),
    ];
    let asked = request(soon, "forecasting", "forecast", series);
    let forecast = service.predict(asked).await?.into_inner().outputs;
    let time = chrono::DateTime::from_timestamp(forecast["times"].int64_val[0], 0).unwrap();
    println!("forecast from {} on: {:.2}", time.date_naive(), forecast["mean"].float_val[0]);

    if let Err(status) = service.predict(classification(soon, "words")).await {
        println!("{:?}: {}", status.code(), status.message());
    }

    let mut codes = BTreeMap::new();
    for _ in 0..200 {
        let answer = service.predict(classification(Duration::from_millis(1), "text")).await;
        let code = answer.err().map_or(Code::Ok, |status| status.code());
        *codes.entry(format!("{code:?}")).or_insert(0) += 1;
    }
    println!("200 calls with a deadline of 1 ms: {codes:?}");
    Ok(())
}
