"""What Argo CD and Flux make of a repository: their own code, without a cluster."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.tools.process import Completed, ToolError, expect, program, run

START_SECONDS = 20.0


class Plugin:
    """A config management plugin that Argo CD's sidecar serves."""

    def __init__(self, sockets: Path) -> None:
        self.environment = {"ARGOCD_PLUGINSOCKFILEPATH": str(sockets)}

    def sync(self, application: Path, checkout: Path, *options: str) -> Completed:
        """What the repo server does for an application: status 0 and {"type", "manifests"} as JSON, or 1 and its error."""
        argv = [program("gitops-argocd"), "manifests", *options, str(application), str(checkout)]
        return expect(run(argv, env=self.environment), (0, 1), "gitops-argocd")

    def manifests(self, application: Path, checkout: Path, *options: str) -> list[dict[str, Any]]:
        told = json.loads(expect(self.sync(application, checkout, *options), (0,), "gitops-argocd").stdout)
        assert told["type"] == "Plugin"
        found: list[dict[str, Any]] = told["manifests"]
        return found


@contextmanager
def argocd_plugin(config: Path, folder: Path, path: str) -> Iterator[Plugin]:
    """Runs argocd-cmp-server with a plugin.yaml, whose commands are looked up on `path`; `folder` is for its files."""
    places = {name: folder / name for name in ("config", "sockets", "work")}
    for place in places.values():
        place.mkdir(parents=True)
    (places["config"] / "plugin.yaml").write_bytes(config.read_bytes())
    plugin = Plugin(places["sockets"])
    environment = {**os.environ, **plugin.environment, "ARGOCD_CMP_WORKDIR": str(places["work"]), "PATH": path}
    argv = [program("gitops-argocd"), "server", "--config-dir-path", str(places["config"])]
    log = folder / "log"
    with log.open("wb") as stream:
        server = subprocess.Popen(argv, env=environment, stdout=stream, stderr=stream)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not list(places["sockets"].iterdir()):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise ToolError(f"argocd-cmp-server does not listen: {log.read_text(encoding='utf-8')}")
                time.sleep(0.05)
            yield plugin
        finally:
            server.kill()  # it takes note of a SIGTERM, and goes on
            server.wait()


def argocd_files() -> Path:
    """A folder with what Argo CD is installed by: argoproj.io_applications.yaml, its definition, and repo-server.yaml."""
    return Path(program("gitops-argocd-manifests")).parent


def flux_sync(objects: Path, checkout: Path) -> list[dict[str, Any]]:
    """What Flux's kustomize controller would apply of a checkout, which gets a kustomization.yaml where it has none."""
    return _built("sync", str(objects), str(checkout))


def kustomize_build(folder: Path) -> list[dict[str, Any]]:
    """What `kustomize build` makes of a folder."""
    return _built("build", str(folder))


def _built(*words: str) -> list[dict[str, Any]]:
    done = expect(run([program("gitops-flux"), *words]), (0,), "gitops-flux")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found
