"""Measures `headrace compile` beside its peers: `python -m bench.run` (see docs/bench.md). Never part of a test run."""
