"""The churn model: one place for its features, so that training and serving cannot drift apart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tables import SEGMENTS, write_json

Floats = NDArray[np.float64]
Customer = Mapping[str, str | float]

NUMBERS = ("tenure_months", "monthly_fee", "usage_hours", "support_calls", "late_payments")
FEATURES = (*NUMBERS, *(f"segment={segment}" for segment in SEGMENTS[1:]))


class Model(NamedTuple):
    """A logistic regression over standardised features."""

    weights: Floats
    bias: float
    mean: Floats
    scale: Floats


def features(customers: Sequence[Customer]) -> Floats:
    """One row a customer, one column a name in FEATURES. ValueError says what is missing or malformed."""
    return np.array([_features_of(customer) for customer in customers], dtype=np.float64)


def _features_of(customer: Customer) -> list[float]:
    missing = [name for name in (*NUMBERS, "segment") if name not in customer]
    if missing:
        raise ValueError(f"a customer lacks {', '.join(missing)}")
    segment = customer["segment"]
    if segment not in SEGMENTS:
        raise ValueError(f"segment is {segment!r}, not one of {', '.join(SEGMENTS)}")
    try:
        numbers = [float(customer[name]) for name in NUMBERS]
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{', '.join(NUMBERS)} must be numbers") from None
    if not np.isfinite(numbers).all():
        raise ValueError(f"{', '.join(NUMBERS)} must be finite")
    return [*numbers, *(float(segment == other) for other in SEGMENTS[1:])]


def labels(rows: Sequence[Mapping[str, str]]) -> Floats:
    return np.array([float(row["churned"]) for row in rows])


def sigmoid(x: Floats) -> Floats:
    # The clip keeps exp from overflowing; beyond 30 the result is 0 or 1 to thirteen digits anyway.
    result: Floats = 1.0 / (1.0 + np.exp(-np.clip(x, -30.0, 30.0)))
    return result


def probabilities(model: Model, table: Floats) -> Floats:
    """The probability of churn of each row of features()."""
    return sigmoid((table - model.mean) / model.scale @ model.weights + model.bias)


def average(models: Sequence[Model], table: Floats) -> Floats:
    """What the models of all folds say together."""
    result: Floats = np.mean([probabilities(model, table) for model in models], axis=0)
    return result


def save(model: Model, path: Path, facts: Mapping[str, object]) -> None:
    """Write the model as JSON, together with facts about its training."""
    numbers = {name: np.round(value, 8).tolist() for name, value in model._asdict().items()}
    write_json(path, {"features": list(FEATURES), **numbers, **facts})


def load(path: Path) -> Model:
    """Read what save() wrote; ValueError if it was trained on other features."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if content["features"] != list(FEATURES):
        raise ValueError(f"{path} was trained on other features: {content['features']}")
    weights, mean, scale = (np.array(content[name]) for name in ("weights", "mean", "scale"))
    return Model(weights, float(content["bias"]), mean, scale)


def load_all(folder: Path) -> list[Model]:
    """The model of every fold, each in a folder of its own."""
    paths = sorted(folder.glob("*/model.json"))
    if not paths:
        raise FileNotFoundError(f"no model under {folder}: train.py writes one a fold")
    return [load(path) for path in paths]
