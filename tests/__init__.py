"""Tests in Python: the lab, the fake API server, and what runs against them."""
