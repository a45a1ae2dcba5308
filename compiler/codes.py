"""The catalogue of codes. Core codes stand here; each front end and target declares its own and `catalogue` unites them.

HR1xxx bytes, YAML and Python syntax; HR2xxx shape; HR3xxx meaning; HR4xxx target; HR5xxx files and command line;
HR9xxx our own fault. In the reserved hundreds: front ends take HR21xx to HR26xx and HR31xx to HR36xx, targets HR41xx
(GitLab), HR42xx (GitHub), HR43xx (Argo) and HR44xx (local). A number or a name is never used again.
"""

from __future__ import annotations

from compiler.diagnostics import ERROR, NOTE, WARNING, Code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# HR10xx: bytes and YAML
ENCODING = Code("HR1001", "encoding", ERROR, "the file is not UTF-8")
TOO_LARGE = Code("HR1002", "too-large", ERROR, "the file is larger than headrace reads")
YAML_SYNTAX = Code("HR1003", "yaml-syntax", ERROR, "the file is not YAML")
TAB_INDENTATION = Code("HR1004", "tab-indentation", ERROR, "a tab where YAML takes blanks only")
DUPLICATE_KEY = Code("HR1005", "duplicate-key", ERROR, "a key stands twice in one mapping")
TOO_DEEP = Code("HR1006", "too-deep", ERROR, "the nesting is deeper than 100 levels")
ALIAS_BOMB = Code("HR1007", "alias-bomb", ERROR, "aliases multiply the document beyond reason")
ALIAS_CYCLE = Code("HR1008", "alias-cycle", ERROR, "an alias stands inside what it refers to")
UNQUOTED_HOLE = Code("HR1009", "unquoted-hole", ERROR, "`{{ x }}` without quotes is a mapping in YAML")
COMPLEX_KEY = Code("HR1010", "complex-key", ERROR, "a key is not text")
UNKNOWN_ALIAS = Code("HR1011", "unknown-alias", ERROR, "an alias refers to an anchor that is not there")
SEVERAL_DOCUMENTS = Code("HR1012", "several-documents", ERROR, "the file holds more than one YAML document")
EMPTY_FILE = Code("HR1013", "empty-file", ERROR, "the manifest is empty")
# HR11xx: Python
PYTHON_SYNTAX = Code("HR1101", "python-syntax", ERROR, "an entry script is not Python")

# HR20xx: shape
UNKNOWN_KEY = Code("HR2001", "unknown-key", ERROR, "a key that headrace does not know")
WRONG_TYPE = Code("HR2002", "wrong-type", ERROR, "a value of another type than the key takes")
MISSING_KEY = Code("HR2003", "missing-key", ERROR, "a key that must be there is missing")
WRONG_VALUE = Code("HR2004", "wrong-value", ERROR, "a value that the key does not take")
BAD_NAME = Code("HR2005", "bad-name", ERROR, "a name with characters that not every system takes")
BAD_QUANTITY = Code("HR2006", "bad-quantity", ERROR, "not a quantity as Kubernetes writes it")
BAD_DURATION = Code("HR2007", "bad-duration", ERROR, "not a duration such as 4h30m")
BAD_CRON = Code("HR2008", "bad-cron", ERROR, "not a cron line of five fields")
BAD_CONDITION = Code("HR2009", "bad-condition", ERROR, "a condition that can't be read")
BAD_OBJECTIVE = Code("HR2010", "bad-objective", ERROR, "an objective that can't be read")
BAD_HOLE = Code("HR2011", "bad-hole", ERROR, "a hole that can't be read")
KEYS_EXCLUDE = Code("HR2012", "keys-exclude", ERROR, "keys of which only one may stand")
EMPTY_VALUE = Code("HR2013", "empty-value", ERROR, "a key with nothing behind it")
BAD_PATH = Code("HR2014", "bad-path", ERROR, "a path that leaves the repository or that is not a path")
UNSUPPORTED_VERSION = Code("HR2015", "unsupported-version", ERROR, "the manifest needs another version of headrace")
UNKNOWN_TAG = Code("HR2016", "unknown-tag", ERROR, "a YAML tag that means nothing here")
OUT_OF_RANGE = Code("HR2017", "out-of-range", ERROR, "a number outside of what the key takes")
NOT_A_MANIFEST = Code("HR2018", "not-a-manifest", ERROR, "no dialect knows this file")

# HR30xx: meaning
UNKNOWN_JOB = Code("HR3001", "unknown-job", ERROR, "a job that the manifest does not have")
UNKNOWN_ENVIRONMENT = Code("HR3002", "unknown-environment", ERROR, "an environment that the manifest does not have")
UNKNOWN_DATASET = Code("HR3003", "unknown-dataset", ERROR, "a dataset that the manifest does not have")
UNKNOWN_TEMPLATE = Code("HR3004", "unknown-template", ERROR, "a template that the manifest does not have")
UNKNOWN_SECRET = Code("HR3005", "unknown-secret", ERROR, "a secret that the manifest does not declare")
UNKNOWN_STORE = Code("HR3006", "unknown-store", ERROR, "a store that the manifest does not have")
UNKNOWN_IDENTITY = Code("HR3007", "unknown-identity", ERROR, "an identity that the manifest does not have")
UNKNOWN_PIPELINE = Code("HR3008", "unknown-pipeline", ERROR, "a pipeline that the manifest does not have")
UNKNOWN_PARAMETER = Code("HR3009", "unknown-parameter", ERROR, "a parameter that the manifest does not have")
UNKNOWN_AXIS = Code("HR3010", "unknown-axis", ERROR, "an axis that the job's matrix does not have")
UNKNOWN_SIDECAR = Code("HR3011", "unknown-sidecar", ERROR, "a sidecar that the job does not have")
UNKNOWN_RUNNER = Code("HR3012", "unknown-runner", ERROR, "a runner that the target does not have")
CYCLE = Code("HR3013", "cycle", ERROR, "jobs wait for one another in a circle")
TEMPLATE_CYCLE = Code("HR3014", "template-cycle", ERROR, "templates extend one another in a circle")
TWO_PRODUCERS = Code("HR3015", "two-producers", ERROR, "two jobs write one path")
LEGS_COLLIDE = Code("HR3016", "legs-collide", ERROR, "two legs of a matrix write one path")
NESTED_OUTPUT = Code("HR3017", "nested-output", ERROR, "an output lies inside another job's output")
MISSING_INPUT = Code("HR3018", "missing-input", WARNING, "an input that no job makes and that is not in the work tree")
MISSING_FILE = Code("HR3019", "missing-file", ERROR, "a file that headrace must read is not there")
DUPLICATE_NAME = Code("HR3020", "duplicate-name", ERROR, "two things of one kind have one name")
NAME_COLLISION = Code("HR3021", "name-collision", ERROR, "two names become one variable")
UNKNOWN_ARGUMENT = Code("HR3022", "unknown-argument", ERROR, "the entry script has no such argument")
MISSING_ARGUMENT = Code("HR3023", "missing-argument", ERROR, "the entry script requires an argument that is not given")
WRONG_ARGUMENT = Code("HR3024", "wrong-argument", ERROR, "the entry script does not take this value")
UNREAD_INTERFACE = Code(
    "HR3025", "unread-interface", NOTE, "the entry script's arguments can't be known without running it"
)
QUOTED_HOLE = Code("HR3026", "quoted-hole", ERROR, "a hole where a shell does not expand a variable")
EMPTY_MATRIX = Code("HR3027", "empty-matrix", ERROR, "a matrix without a leg")
BAD_LEGS = Code("HR3028", "bad-legs", ERROR, "legs that the needed job does not have")
GPU_WITHOUT_TIMEOUT = Code("HR3029", "gpu-without-timeout", WARNING, "a GPU job without a timeout of its own")
GPU_ON_CHANGE_REQUEST = Code(
    "HR3030", "gpu-on-change-request", NOTE, "a GPU job without `when` does not run on change requests"
)
REQUIRED_PARAMETER = Code(
    "HR3031", "required-parameter", ERROR, "a required parameter in a pipeline that starts by itself"
)
SECRET_IN_CLEAR = Code("HR3032", "secret-in-clear", ERROR, "a credential is written in the manifest")
ARCHIVED_DATASET = Code("HR3033", "archived-dataset", ERROR, "an archived dataset is used")
DEPRECATED_DATASET = Code("HR3034", "deprecated-dataset", WARNING, "a deprecated dataset is used")
NO_STORE = Code("HR3035", "no-store", ERROR, "a dataset crosses runs without a store")
SAME_EVALUATION = Code("HR3036", "same-evaluation", ERROR, "validation and test are the same job or use the same data")
UNUSED = Code("HR3037", "unused", WARNING, "something is declared and nothing uses it")
NOTHING_TO_DO = Code("HR3038", "nothing-to-do", ERROR, "a pipeline without a job")
WRONG_DEFAULT = Code("HR3039", "wrong-default", ERROR, "a parameter's default that the parameter does not take")
OUTPUT_TOO_LARGE = Code(
    "HR3040", "output-too-large", ERROR, "an output larger than the target's artifacts, without a store"
)
NO_METRICS = Code("HR3041", "no-metrics", ERROR, "objectives without a metrics file")
CALL_CYCLE = Code("HR3042", "call-cycle", ERROR, "pipelines call one another in a circle")
WRONG_CALL = Code("HR3043", "wrong-call", ERROR, "a call with parameters that the pipeline does not take")
SKIPPED_NEED = Code("HR3044", "skipped-need", NOTE, "a job is skipped on some events because a need is")
CACHE_KEY_FILES = Code("HR3045", "cache-key-files", NOTE, "without inputs, all tracked files count for the cache key")
LIFECYCLE_GAP = Code("HR3046", "lifecycle-gap", NOTE, "a lifecycle step that no job does")
CRON_BOTH_DAYS = Code(
    "HR3047", "cron-both-days", WARNING, "day of month and day of week are both set: CI runs on either"
)
CONSTANT_CONDITION = Code("HR3049", "constant-condition", WARNING, "a condition that always comes out the same")
FUNCTION_SERVICE = Code("HR3050", "function-service", ERROR, "a service's function that can't be served as it is")
BARE_SIDECAR = Code("HR3051", "bare-sidecar", WARNING, "a service is smoke-tested without its secrets or its GPU")
DEPLOY_ON_CHANGE_REQUEST = Code(
    "HR3052", "deploy-on-change-request", NOTE, "a deployment without `when` does not run on change requests"
)
UNKEPT_IMAGE = Code("HR3053", "unkept-image", NOTE, "an image is built, and nobody publishes or uses it")

# HR40xx: any target
UNSUPPORTED = Code("HR4001", "unsupported", ERROR, "the target can't do this")
EMULATED = Code("HR4002", "emulated", NOTE, "the target does this by other means")
NO_RUNNER = Code("HR4003", "no-runner", ERROR, "no runner of the target fits a job")
DEFAULT_GPU_RUNNER = Code(
    "HR4004", "default-gpu-runner", NOTE, "no runners are given: GPU jobs ask for a runner named gpu"
)
BAD_OVERLAY = Code("HR4005", "bad-overlay", ERROR, "an overlay that the target does not take")
UNSAFE_OVERLAY = Code("HR4006", "unsafe-overlay", ERROR, "an overlay that undoes a safety rule")
WRONG_SETTING = Code("HR4007", "wrong-setting", ERROR, "a setting that means nothing to this target")
SPLIT = Code("HR4008", "split", NOTE, "the pipeline is split to keep within the target's limits")
LIMIT = Code("HR4009", "limit", ERROR, "the target's limit can't be held")
RENAMED = Code("HR4010", "renamed", NOTE, "a name is not legal on the target and was changed")
ACTION_NEEDED = Code("HR4011", "action-needed", NOTE, "something must be set up outside of the compiled files")
PARAMETER_LIMIT = Code("HR4012", "parameter-limit", ERROR, "more parameters than the target takes")
REGISTRY_IDENTITY = Code(
    "HR4013", "registry-identity", ERROR, "an identity that does not sign in to the registry that it is named for"
)

# HR50xx: files and the command line
NO_MANIFEST = Code("HR5001", "no-manifest", ERROR, "there is no manifest here")
UNREADABLE = Code("HR5002", "unreadable", ERROR, "a file can't be read")
UNWRITABLE = Code("HR5003", "unwritable", ERROR, "a file can't be written")
HAND_WRITTEN = Code("HR5004", "hand-written", ERROR, "a file that headrace did not write stands in the way")
OUTSIDE = Code("HR5005", "outside", ERROR, "a path leads out of the repository")
DRIFT = Code("HR5006", "drift", ERROR, "a compiled file differs from its manifest")
STALE = Code("HR5007", "stale", ERROR, "a compiled file that the manifest no longer makes")
NO_TARGET = Code("HR5008", "no-target", ERROR, "no target is given and none can be guessed")
UNKNOWN_CODE = Code("HR5009", "unknown-code", ERROR, "a code that is not in the catalogue")
SEVERAL_OUTPUTS = Code("HR5010", "several-outputs", ERROR, "two targets or pipelines write one file")
RENAMED_TOGETHER = Code("HR5021", "renamed-together", NOTE, "manifests that are compiled together share a name")
OTHER_MANIFEST = Code(
    "HR5022", "other-manifest", ERROR, "a compiled file is also made from a manifest that was left out"
)
NO_REPOSITORY = Code("HR5023", "no-repository", ERROR, "this is no git repository, or git can't be asked")

NO_DIGEST = Code("HR5014", "no-digest", ERROR, "a registry does not say the digest of an image")
NOT_PINNED = Code("HR5015", "not-pinned", ERROR, "an image has no digest yet")

INTERNAL = Code("HR9001", "internal", ERROR, "a fault of headrace itself")


def core() -> dict[str, Code]:
    """The core's codes by number."""
    return {code.number: code for code in globals().values() if isinstance(code, Code)}


def united(modules: Iterable[object]) -> dict[str, Code]:
    """The core's codes and those that modules of front ends and targets declare as constants, by number, in order.

    Raises ValueError where two different codes share a number or a name.
    """
    found = dict(core())
    names = {code.name: code for code in found.values()}
    for module in modules:
        for code in vars(module).values():
            if not isinstance(code, Code):
                continue
            if found.setdefault(code.number, code) is not code or names.setdefault(code.name, code) is not code:
                raise ValueError(f"two codes share {code!r}")
    return dict(sorted(found.items()))
