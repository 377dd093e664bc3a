"""TF Serving's protocol: an embedded server and a client. Knows no task, imports no other room."""
