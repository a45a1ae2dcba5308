"""What GitHub takes: every check and every split reads its number here.

https://docs.github.com/en/actions/reference/limits
"""

from __future__ import annotations

LIMITS = {
    "workflow file bytes": 500_000,
    "legs of a matrix": 256,
    # https://github.com/actions/runner/blob/v2.328.0/src/Sdk/DTExpressions2/Expressions2/ExpressionConstants.cs
    "characters of an expression": 21_000,
    "characters of an id": 99,  # "less than 100", GitHub's own parser says
    "inputs of a run by hand": 25,
    # On github.com; a GitHub Enterprise Server may take 20 and 4.
    # https://docs.github.com/en/actions/reference/workflows-and-actions/reusing-workflow-configurations
    "reusable workflows of a run": 50,  # each once, all levels together
    "levels of reusable workflows": 10,  # that of who calls included
    "minutes of a hosted job": 6 * 60,
    "minutes of a self-hosted job": 5 * 24 * 60,
}
