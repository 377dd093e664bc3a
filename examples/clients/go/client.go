// Asks a served text classifier and a forecaster: go run . [HOST:PORT]
package main

import (
	"context"
	"fmt"
	"log"
	"math"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	tf "tidegate-client/gen/tensorflow/core/framework"
	serving "tidegate-client/gen/tensorflow_serving/apis"
)

func shape(sizes ...int64) *tf.TensorShapeProto {
	shape := &tf.TensorShapeProto{}
	for _, size := range sizes {
		shape.Dim = append(shape.Dim, &tf.TensorShapeProto_Dim{Size: size})
	}
	return shape
}

func texts(values ...string) *tf.TensorProto {
	tensor := &tf.TensorProto{Dtype: tf.DataType_DT_STRING, TensorShape: shape(int64(len(values)))}
	for _, value := range values {
		tensor.StringVal = append(tensor.StringVal, []byte(value))
	}
	return tensor
}

func predict(
	service serving.PredictionServiceClient, deadline time.Duration,
	model, signature string, inputs map[string]*tf.TensorProto,
) (map[string]*tf.TensorProto, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	answer, err := service.Predict(ctx, &serving.PredictRequest{
		ModelSpec: &serving.ModelSpec{Name: model, SignatureName: signature},
		Inputs:    inputs,
	})
	return answer.GetOutputs(), err
}

func main() {
	address := "localhost:8500"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	service := serving.NewPredictionServiceClient(connection)

	words := []string{"Donaudampfschiff", "天安门"}
	inputs := map[string]*tf.TensorProto{"text": texts(words...)}
	classes, err := predict(service, 10*time.Second, "text_classification", "predict_text", inputs)
	if err != nil {
		log.Fatal(err)
	}
	for row, word := range words {
		label, probability := classes["label"].StringVal[row], classes["probability"].FloatVal[row]
		fmt.Printf("%s: %s %.3f\n", word, label, probability)
	}

	months, known := make([]float32, 24), make([]bool, 24)
	for month := range months {
		months[month] = float32(20 + 5*math.Sin(float64(month)*math.Pi/6))
		known[month] = true
	}
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	forecast, err := predict(service, 10*time.Second, "forecasting", "forecast",
		map[string]*tf.TensorProto{
			"unique_id": texts("bath"),
			"start": {
				Dtype: tf.DataType_DT_INT64, TensorShape: shape(1), Int64Val: []int64{start},
			},
			"y": {
				Dtype: tf.DataType_DT_FLOAT, TensorShape: shape(1, 24), FloatVal: months,
			},
			"mask": {
				Dtype: tf.DataType_DT_BOOL, TensorShape: shape(1, 24), BoolVal: known,
			},
		})
	if err != nil {
		log.Fatal(err)
	}
	day := time.Unix(forecast["times"].Int64Val[0], 0).UTC().Format(time.DateOnly)
	fmt.Printf("forecast from %s on: %.2f\n", day, forecast["mean"].FloatVal[0])

	wrong := map[string]*tf.TensorProto{"words": texts(words...)}
	_, err = predict(service, 10*time.Second, "text_classification", "predict_text", wrong)
	fmt.Printf("%s: %s\n", status.Code(err), status.Convert(err).Message())

	counts := map[codes.Code]int{}
	for range 200 {
		_, err := predict(service, time.Millisecond, "text_classification", "predict_text", inputs)
		counts[status.Code(err)]++
	}
	fmt.Println("200 calls with a deadline of 1 ms:", counts)
}
