"""The pipelines of fixtures/engines, run by every engine that can be had, and what the engines make of them.

A case is a manifest whose jobs call `witness.py`, which writes down what the job got: arguments, variables, files, time.
`expected.json` says, from the semantics and not from an engine, what each job comes to and what it must have seen.
`python -m tests.engines` runs all of it and shows the matrix; with `--write` it also puts it into docs/engines.md.
"""
