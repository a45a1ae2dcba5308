"""MLReef's own codes: HR22xx shape, HR32xx meaning."""

from __future__ import annotations

from compiler.diagnostics import ERROR, NOTE, WARNING, Code

UNREAD_LINE = Code("HR2201", "mlreef-unread-line", WARNING, "a line of a generated file that is not taken over")
NO_RUN_LINE = Code("HR2202", "mlreef-no-run-line", ERROR, "a generated file that runs and publishes nothing")

UNKNOWN_MODULE = Code("HR3201", "mlreef-unknown-module", ERROR, "a module that no script is")
NO_ENTRY = Code("HR3202", "mlreef-no-entry", ERROR, "a module without one entry script")
LOOSE_ARGUMENT = Code(
    "HR3203", "mlreef-loose-argument", WARNING, "an argument of a module that says less than it means"
)
DROPPED = Code("HR3204", "mlreef-dropped", WARNING, "a decorator that MLReef drops or takes for something else")
NO_DATA_PATH = Code("HR3205", "mlreef-no-data-path", WARNING, "a module that takes no input-path or no output-path")
DATA_TYPES = Code("HR3206", "mlreef-data-types", ERROR, "a module does not read what the one before it writes")
WRONG_KIND = Code("HR3207", "mlreef-wrong-kind", ERROR, "a module of another kind than its place asks for")
SECRET_LEFT = Code("HR3208", "mlreef-secret-left", WARNING, "a secret of a generated file that is not taken over")
NOT_CHECKED = Code("HR3209", "mlreef-not-checked", NOTE, "an image whose arguments can't be tried without running it")
