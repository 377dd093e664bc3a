"""The embedded server: the engine (models, versions, batching) and its gRPC front."""
