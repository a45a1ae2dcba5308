"""Frameworks by the names that documents give them: the package of each, and what converts its models to ONNX."""

from __future__ import annotations

PACKAGES = {
    "tensorflow": "tensorflow",
    "scikit": "scikit-learn",
    "scikit-learn": "scikit-learn",
    "sklearn": "scikit-learn",
    "pytorch": "torch",
    "torch": "torch",
    "sparkml": "pyspark",
    "onnx": "onnxruntime",
    "keras": "keras",
    "xgboost": "xgboost",
}
# The frameworks that headrace's tool converts, with what it needs beside them.
CONVERTERS = {
    "tensorflow": ("tf2onnx",),
    "keras": ("tensorflow", "tf2onnx"),
    "scikit-learn": ("skl2onnx",),
    "torch": (),
}


def framework_of(name: str, path: str) -> str:
    """The package that the model is of, by its file where that tells, else by what the model says."""
    if path.endswith((".pt", ".pth", ".torch")):
        return "torch"
    return PACKAGES.get(name.lower(), name.lower())
