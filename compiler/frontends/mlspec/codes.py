"""MLSpec's codes: HR24xx for the shape of documents, HR34xx for their meaning. The pages name the rules (M01 to M32)."""

from __future__ import annotations

from compiler.diagnostics import ERROR, NOTE, WARNING, Code

INDENTATION = Code("HR2401", "mlspec-indentation", ERROR, "the keys of one mapping stand in different columns")
OBJECT_NAME = Code("HR2402", "mlspec-object-name", WARNING, "a name that MLSpec's own rule for objects does not take")
OBJECT_FIELD = Code("HR2403", "mlspec-object-field", ERROR, "an id, status or description that no object may have")
UNKNOWN_KEY = Code("HR2404", "mlspec-unknown-key", WARNING, "a key that MLSpec does not know")
MISSPELT_KEY = Code("HR2405", "mlspec-misspelt-key", WARNING, "a key in a spelling that MLSpec's documents disagree on")
MIXED_FORMS = Code("HR2406", "mlspec-mixed-forms", WARNING, "one key is a list here and a mapping there")
SPEC_VERSION = Code("HR2407", "mlspec-version", WARNING, "the document keeps to another version of MLSpec")
UNKNOWN_KIND = Code("HR2408", "mlspec-unknown-kind", ERROR, "the keys are those of no MLSpec document")
FIELD_VALUE = Code("HR2409", "mlspec-value", ERROR, "a value that MLSpec does not list for the key")

STEP_LIST = Code("HR3401", "mlspec-step-list", ERROR, "the list of steps names what is no step, or names one twice")
REWRITTEN_PATH = Code("HR3402", "mlspec-rewritten-path", WARNING, "two steps write one path")
PLACEHOLDER = Code("HR3403", "mlspec-placeholder", ERROR, "a command has a placeholder without a parameter")
LEFT_OUT = Code("HR3404", "mlspec-left-out", WARNING, "a parameter, data vertex or step that nothing uses")
PARAMETER_VALUE = Code("HR3405", "mlspec-parameter-value", NOTE, "a parameter's value reads like the name of a type")
INCOMPLETE = Code("HR3406", "mlspec-incomplete", ERROR, "a section is switched on and lacks what it needs")
SWITCHED_OFF = Code("HR3407", "mlspec-switched-off", NOTE, "a section is filled in and not switched on")
CONVERSION = Code("HR3408", "mlspec-conversion", WARNING, "the file to convert is not of the model's framework")
UNRESOLVED = Code(
    "HR3409", "mlspec-unresolved", ERROR, "a store, file set, module or data set that no document declares"
)
NO_MOUNT_TYPE = Code("HR3410", "mlspec-no-mount-type", WARNING, "no mount type, which one document requires")
OVERWRITTEN = Code("HR3411", "mlspec-overwritten", WARNING, "the training's results would overwrite its code or data")
MOVING_TAG = Code("HR3412", "mlspec-moving-tag", WARNING, "an image by a tag that moves")
LITERAL_CREDENTIAL = Code("HR3413", "mlspec-credential", ERROR, "a key or token is written in the document")
CONTRADICTION = Code("HR3414", "mlspec-contradiction", ERROR, "two fields say the opposite of one another")
ARCHIVED = Code("HR3415", "mlspec-archived", ERROR, "an archived data set or module is used")
DEPRECATED = Code("HR3416", "mlspec-deprecated", WARNING, "a deprecated data set or module is used")
METRIC_VALUE = Code("HR3417", "mlspec-metric", ERROR, "a metric that an objective compares is not a number")
METRIC_TEXT = Code("HR3418", "mlspec-metric-text", NOTE, "a number is written as text")
OPEN_INTERFACE = Code("HR3419", "mlspec-open-interface", NOTE, "a module does not say what it takes and gives")
PORT = Code("HR3420", "mlspec-port", ERROR, "a module's input is not connected to exactly one source")
CONFLICT = Code("HR3421", "mlspec-conflict", ERROR, "two part files say different things under one name")
UNKNOWN_PHASE = Code("HR3422", "mlspec-unknown-phase", ERROR, "a process whose name is no phase")
PLATFORM = Code(
    "HR3423", "mlspec-platform", ERROR, "a platform that the model was not tested on, or that has no form here"
)
DUPLICATE = Code("HR3424", "mlspec-duplicate", ERROR, "two objects that are in use have one name")
