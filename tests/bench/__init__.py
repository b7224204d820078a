"""Benchmarks: what kubewatch costs beside the least that can do its job. See README.md."""
