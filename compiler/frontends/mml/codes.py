"""What only MML's manifests can have wrong: HR23xx and HR33xx."""

from __future__ import annotations

from compiler.diagnostics import ERROR, NOTE, WARNING, Code

BAD_OVERRIDE = Code("HR2301", "mml-bad-override", ERROR, "an override that Hydra can't read")
UNKNOWN_OPTION = Code("HR2302", "mml-unknown-option", ERROR, "a mode, an option or a key that MML does not have")
BAD_COMMAND = Code("HR2303", "mml-bad-command", ERROR, "a line that is no command line of MML's")
BAD_TASK_FILE = Code("HR2304", "mml-bad-task-file", ERROR, "a task's json that tells no folds")

REFUSED = Code("HR3301", "mml-refused", ERROR, "a configuration that MML itself refuses")
UNKNOWN_FOLDS = Code("HR3302", "mml-unknown-folds", ERROR, "a task whose number of folds is not known")
MISSING_TASK = Code("HR3303", "mml-missing-task", ERROR, "a task that is not there when a run begins")
UNKNOWN_DATASET = Code("HR3304", "mml-unknown-dataset", ERROR, "a task is created whose dataset is not known")
UNKNOWN_MODELS = Code("HR3305", "mml-unknown-models", ERROR, "a project is reused that no run makes")
HEADRACES_OWN = Code("HR3306", "mml-own-key", ERROR, "a key that headrace sets for each step")
NO_STORAGE = Code("HR3307", "mml-no-storage", ERROR, "several jobs search together and share no storage")
NO_CHECKPOINTS = Code("HR3308", "mml-no-checkpoints", NOTE, "what is interrupted begins anew: no store is named")
NO_EFFECT = Code("HR3309", "mml-no-effect", WARNING, "a key that mml-core reads and does not heed")
