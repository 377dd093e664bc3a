"""TFX's ExampleValidator, but anomalies stop the run."""
