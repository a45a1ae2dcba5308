"""Train a logistic regression on all folds but one, and keep the epoch that does best on the validation split."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Any

import numpy as np
from model import Floats, Model, features, labels, probabilities, save
from tables import read_table

PENALTY = 1e-3  # L2; it also keeps Newton's matrix invertible
BATCH = 128


def array_library(device: str) -> Any:
    """CuPy for `gpu`, where there is one with a device; else NumPy, whose functions have the same names."""
    if device == "gpu":
        try:
            cupy = importlib.import_module("cupy")
            if cupy.cuda.runtime.getDeviceCount() > 0:
                return cupy
        except Exception as error:  # CuPy raises errors of its own where the driver is missing
            print(f"no GPU library that works here ({type(error).__name__}): training with NumPy")
    return np


def class_weights(y: Floats, balanced: bool) -> Floats:
    """A weight a row, 1 on average; balanced: both classes weigh the same."""
    if not balanced:
        return np.ones_like(y)
    rate = y.mean()
    result: Floats = np.where(y == 1.0, 0.5 / rate, 0.5 / (1.0 - rate))
    return result


def log_loss(y: Floats, p: Floats, weight: Floats) -> float:
    p = np.clip(p, 1e-12, 1.0 - 1e-12)
    return float(-np.average(y * np.log(p) + (1.0 - y) * np.log(1.0 - p), weights=weight))


def sgd_epoch(xp: Any, x: Any, y: Any, weight: Any, beta: Any, order: Any, rate: float) -> Any:
    """One pass of mini-batch gradient descent, over the rows in this order."""
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        error = weight[rows] * (1.0 / (1.0 + xp.exp(-x[rows] @ beta)) - y[rows])
        beta = beta - rate * (x[rows].T @ error / len(rows) + PENALTY * beta)
    return beta


def newton_step(xp: Any, x: Any, y: Any, weight: Any, beta: Any) -> Any:
    p = 1.0 / (1.0 + xp.exp(-x @ beta))
    gradient = x.T @ (weight * (p - y)) / len(y) + PENALTY * beta
    curvature = (x.T * (weight * p * (1.0 - p))) @ x / len(y) + PENALTY * xp.eye(len(beta))
    return beta - xp.linalg.solve(curvature, gradient)


def fit(train: tuple[Floats, Floats], valid: tuple[Floats, Floats], options: argparse.Namespace) -> tuple[Model, int]:
    """The best model by validation loss, and the epoch that it is from."""
    xp = array_library(options.device)
    table, y = train
    mean, scale = table.mean(axis=0), table.std(axis=0)
    x = xp.asarray(np.column_stack([(table - mean) / scale, np.ones(len(table))]))  # the last weight is the bias
    target, weight = xp.asarray(y), xp.asarray(class_weights(y, options.balanced))
    valid_weight = class_weights(valid[1], options.balanced)
    rng = np.random.default_rng(options.seed)
    beta = xp.zeros(x.shape[1])
    best, best_loss, best_epoch = Model(np.zeros(x.shape[1] - 1), 0.0, mean, scale), np.inf, 0
    for epoch in range(1, options.epochs + 1):
        if options.solver == "newton":
            beta = newton_step(xp, x, target, weight, beta)
        else:
            order = xp.asarray(rng.permutation(len(y)))
            beta = sgd_epoch(xp, x, target, weight, beta, order, options.learning_rate)
        host = beta if xp is np else xp.asnumpy(beta)
        model = Model(host[:-1], float(host[-1]), mean, scale)
        loss = log_loss(valid[1], probabilities(model, valid[0]), valid_weight)
        if loss < best_loss - 1e-9:
            best, best_loss, best_epoch = model, loss, epoch
    return best, best_epoch


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/splits"), help="folder that prepare.py wrote")
    parser.add_argument("--fold", type=int, help="fold to leave out; without it, all rows are trained on")
    parser.add_argument("--learning-rate", type=float, default=0.05, help="step size of sgd")
    parser.add_argument("--epochs", type=int, default=40, help="passes over the data, or Newton steps")
    parser.add_argument("--seed", type=int, default=7, help="order of the rows in sgd")
    parser.add_argument("--balanced", action="store_true", help="weigh both classes the same")
    parser.add_argument("--solver", choices=["sgd", "newton"], default="sgd")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu", help="gpu needs CuPy, else NumPy does it")
    parser.add_argument("--output", type=Path, help="folder for model.json; models/FOLD, or models/all, if not given")
    return parser.parse_args()


def main() -> None:
    options = parse_arguments()
    name = "all" if options.fold is None else str(options.fold)
    rows = read_table(options.data / "train.csv")
    folds = {row["fold"] for row in rows}
    if options.fold is not None and name not in folds:
        raise SystemExit(f"fold {name} is not in the training split, which has {', '.join(sorted(folds))}")
    kept = [row for row in rows if row["fold"] != name]
    validation = read_table(options.data / "valid.csv")
    valid = (features(validation), labels(validation))
    model, epoch = fit((features(kept), labels(kept)), valid, options)
    accuracy = float(((probabilities(model, valid[0]) >= 0.5) == (valid[1] == 1.0)).mean())
    facts = {"fold": options.fold, "solver": options.solver, "seed": options.seed, "rows": len(kept), "epoch": epoch}
    path = (options.output or Path("models") / name) / "model.json"
    save(model, path, {**facts, "valid_accuracy": round(accuracy, 6)})
    print(f"{len(kept)} rows, best epoch {epoch}, validation accuracy {accuracy:.3f} -> {path}")


if __name__ == "__main__":
    main()
