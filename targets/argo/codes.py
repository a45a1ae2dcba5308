"""What only Argo Workflows has to say about a pipeline."""

from __future__ import annotations

from compiler.diagnostics import ERROR, NOTE, WARNING, Code

NO_REGISTRY = Code("HR4301", "argo-no-registry", ERROR, "an image is built and no registry is named for Argo Workflows")
NO_REPOSITORY = Code(
    "HR4302",
    "argo-no-repository",
    WARNING,
    "nothing tells Argo Workflows where the repository is, so nobody listens to it",
)
NO_GPU_KIND = Code("HR4303", "argo-gpu-kind", ERROR, "a kind of GPU that no runner of Argo Workflows names")
BRACES = Code("HR4304", "argo-braces", ERROR, "text with {{ stands where Argo Workflows can't be kept from reading it")
# HR4305 was a job that runs after a failure in another part of a split pipeline; a number is never used again.
SPLIT_CACHE = Code("HR4306", "argo-split-cache", NOTE, "a job of a split pipeline is not cached")
STORE = Code("HR4307", "argo-store", ERROR, "a store that Argo Workflows can't use")
RESUME = Code("HR4308", "argo-resume", ERROR, "checkpoints that can't be kept")
WRONG_OPTION = Code(
    "HR4309", "argo-wrong-option", ERROR, "a setting of Argo Workflows with a value that it does not take"
)
DOCUMENTS = Code("HR4310", "argo-no-documents", ERROR, "a deployment without a document")
