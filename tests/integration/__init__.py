"""Real FRR in namespaces, with a real or a fake Kubernetes API server."""
