"""What only a run on this machine has to say: HR44xx."""

from __future__ import annotations

from compiler.diagnostics import ERROR, NOTE, WARNING, Code

NO_GPU = Code("HR4401", "local-no-gpu", ERROR, "a job asks for a GPU that this machine does not have")
NO_ENGINE = Code(
    "HR4402", "local-no-container-engine", ERROR, "something that only a container engine can do, and there is none"
)
IMAGE_NOT_USED = Code("HR4403", "local-image-not-used", NOTE, "a job runs on this machine instead of in its image")
OTHER_PYTHON = Code("HR4404", "local-other-python", WARNING, "the Python of an environment is not on this machine")
NO_INSTALLER = Code("HR4405", "local-no-installer", ERROR, "the installer of an environment is not on this machine")
TOO_LARGE_HERE = Code("HR4406", "local-machine-too-small", WARNING, "a job asks for more than this machine has")
NO_VALUE = Code("HR4407", "local-no-secret-value", ERROR, "a secret that has no value here")
WRONG_PARAMETER = Code("HR4408", "local-wrong-parameter", ERROR, "a value that a parameter does not take")
WHICH_PIPELINE = Code("HR4409", "local-which-pipeline", ERROR, "it is not clear which pipeline is meant")
WRONG_SELECTION = Code("HR4410", "local-wrong-selection", ERROR, "a job or a leg that the pipeline does not have")
NO_COMMIT = Code("HR4411", "local-no-commit", ERROR, "there is no commit to run")
PACKAGES_NOT_INSTALLED = Code(
    "HR4412", "local-packages-not-installed", NOTE, "system packages are not installed on this machine"
)
UNCOMMITTED = Code("HR4413", "local-uncommitted", NOTE, "the work tree holds changes that the commit does not")
NO_RUN = Code("HR4414", "local-no-such-run", ERROR, "a run that is not recorded")
MISSING_OUTPUT = Code("HR4415", "local-missing-output", ERROR, "a job did not write what it declares")
DATA_ELSEWHERE = Code("HR4416", "local-data-elsewhere", ERROR, "data that lies in a store, not here")
BUILD_SKIPPED = Code("HR4417", "local-build-skipped", NOTE, "an image is not built, and what depends on it is skipped")
NO_APPROVAL = Code("HR4418", "local-no-approval", ERROR, "a job waits for a person and there is no terminal to ask at")
NOT_TRACKED = Code("HR4419", "local-not-tracked", WARNING, "a run could not be logged to MLflow")
NOT_MADE = Code("HR4420", "local-environment-not-made", ERROR, "an environment could not be made")
NO_ATTESTATION = Code("HR4421", "local-no-attestation", ERROR, "an attestation that is not there or can't be read")
