"""What a container's command on Kubeflow needs."""
