"""One pod of Argo's controller, really run: what a kubelet and argoexec do around a job's own command.

    pod.py --store FOLDER [--bind FOLDER]... FOLDER

reads FOLDER/pod.json, which tests/tools/argo/headrace_engine_test.go writes, and writes FOLDER/end.json. The pod gets
this machine's files as its image, through an overlay that is thrown away, namespaces of its own for mounts and processes,
and a /tmp of its own; images are not entered. Artifacts lie in the store by their key. Standard library alone.

The rules that bite are kept, each from argo-workflows v3.7.18, workflow/executor: an archive of one entry becomes the path
itself, links that leave an archive are refused, an input that isn't there fails the pod before its command runs, an output
that isn't there fails it afterwards, parameters lose one line break at their end.
"""

from __future__ import annotations

import argparse
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from typing import Any

HOST = "/var/run/secrets/kubernetes.io/serviceaccount"
SCRIPT = "/argo/staging/script"
# What argoexec mounts for itself.
OF_ARGO = {"var-run-argo", "tmp-dir-argo", "argo-staging", "input-artifacts", "argo-env-config"}
# The images that jobs name have `python` and `python3`.
PYTHONS = os.path.dirname(os.path.realpath(sys.executable))
PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


class PodError(Exception):
    """What a container of argoexec would end with; the message is the pod's."""


def main() -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--store", required=True)
    parser.add_argument("--bind", action="append", default=[])
    parser.add_argument("--inside", action="store_true")
    parser.add_argument("folder")
    options = parser.parse_args()
    if not options.inside:
        return subprocess.call([*unshare(), sys.executable, os.path.abspath(__file__), "--inside", *sys.argv[1:]])
    with open(os.path.join(options.folder, "pod.json"), encoding="utf-8") as stream:
        given = json.load(stream)
    pod = Pod(given, options.folder, options.store, options.bind)
    end = pod.run()
    draft = os.path.join(options.folder, "end.draft")
    with open(draft, "w", encoding="utf-8") as stream:
        json.dump(end, stream)
    os.rename(draft, draft[:-5] + "json")
    return 0


def unshare() -> list[str]:
    """The namespaces of a pod. Who isn't root becomes it in a user namespace."""
    mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", *mapped, "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]


class Pod:
    def __init__(self, given: dict[str, Any], folder: str, store: str, binds: list[str]) -> None:
        self.pod, self.template = given["pod"], given["template"]
        self.secrets, self.server, self.authority = given["secrets"], given["server"], given["authority"]
        self.folder, self.store, self.binds = folder, store, binds
        self.root = os.path.join(folder, "base", "root")
        self.log = open(os.path.join(folder, "main.log"), "wb")  # noqa: SIM115  # written to for as long as the pod runs
        self.exits: dict[str, int] = {}
        self.messages: dict[str, str] = {}

    def run(self) -> dict[str, Any]:
        began = time.monotonic()
        limit = self.pod["spec"].get("activeDeadlineSeconds")
        until = began + limit if limit is not None else None
        outputs: dict[str, Any] = {}
        self.prepare()
        try:
            self.step("init", self.load)
            spec = self.pod["spec"]
            stay = [one for one in spec.get("initContainers", []) if one.get("restartPolicy") == "Always"]
            beside = [one for one in spec["containers"] if one["name"] not in ("main", "wait")]
            (body,) = (one for one in spec["containers"] if one["name"] == "main")
            started = [(one, self.start(one)) for one in stay]
            for one, process in started:
                self.probe(one, process, until)
            started += [(one, self.start(one)) for one in beside]
            code = self.wait(self.start(body), until)
            for one, process in started:
                process.kill()
                self.exits[one["name"]] = 137
            if code is None:
                text = "Pod was active on the node longer than the specified deadline"
                return {"reason": "DeadlineExceeded", "message": text, "exits": {"main": 137, "wait": 143}}
            self.exits["main"] = code
            outputs["exitCode"] = str(code)
            self.step("wait", lambda: self.save(outputs))
        except PodError as error:
            if (
                "main" not in self.exits
            ):  # its container can't be made: a kubelet waits for ever, the pod is given up here
                self.exits["main"] = 128
                self.messages.setdefault("main", str(error))
        return {"exits": self.exits, "messages": self.messages, "outputs": outputs}

    def step(self, container: str, do: Callable[[], None]) -> None:
        try:
            do()
            self.exits[container] = 0
        except (PodError, OSError, tarfile.TarError) as error:
            self.exits[container] = 1
            self.messages[container] = str(error)
            raise PodError(str(error)) from error

    # ------------------------------------------------------------------------------------------------------- the folder

    def prepare(self) -> None:
        base = os.path.join(self.folder, "base")
        os.makedirs(base)
        mount("-t", "tmpfs", "tmpfs", base)
        for name in ("upper", "work", "root"):
            os.mkdir(os.path.join(base, name))
        options = f"lowerdir=/,upperdir={base}/upper,workdir={base}/work"
        mount("-t", "overlay", "overlay", "-o", options, self.root)
        mount("--rbind", "/dev", self.at("/dev"))
        mount("-t", "proc", "proc", self.at("/proc"))
        mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", self.at("/tmp"))
        for path in self.binds:
            os.makedirs(self.at(path), exist_ok=True)
            mount("--bind", path, self.at(path))
        if self.pod["spec"].get("automountServiceAccountToken") is not False:
            for name, text in (("ca.crt", self.authority), ("token", "token"), ("namespace", "default")):
                self.write(f"{HOST}/{name}", text)

    def at(self, path: str) -> str:
        """Where a path of the pod lies in this namespace."""
        return self.root + "/" + path.lstrip("/")

    def write(self, path: str, text: str) -> None:
        os.makedirs(os.path.dirname(self.at(path)), exist_ok=True)
        with open(self.at(path), "w", encoding="utf-8", newline="") as stream:
            stream.write(text)

    def mount(self, given: tuple[dict[str, Any], dict[str, Any]]) -> None:
        use, volume = given
        held = os.path.join(self.folder, "base", "volumes", volume["name"])
        if "persistentVolumeClaim" in volume:
            held = os.path.join(self.store, "volumes", volume["persistentVolumeClaim"]["claimName"])
        os.makedirs(held, exist_ok=True)
        for item in volume.get("secret", {}).get("items", []):
            with open(os.path.join(held, item["path"]), "w", encoding="utf-8", newline="") as stream:
                stream.write(self.secret(volume["secret"]["secretName"], item["key"]))
        source, target = os.path.join(held, use.get("subPath", "")), self.at(use["mountPath"])
        if os.path.isdir(source):
            os.makedirs(target, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            open(target, "a").close()
        mount("--bind", source, target)

    def secret(self, name: str, key: str) -> str:
        try:
            return str(self.secrets[name][key])
        except KeyError as error:
            raise PodError(f"couldn't find key {key} in Secret default/{name}") from error

    # --------------------------------------------------------------------------------------------------- the containers

    def start(self, container: dict[str, Any]) -> subprocess.Popen[bytes]:
        words = [*container.get("command", []), *container.get("args", [])]
        if "--" in words[:12] and words[0].endswith("argoexec"):
            words = words[words.index("--") + 1 :]
        env = {"PATH": f"{PYTHONS}:{PATH}", "HOME": "/root", "HOSTNAME": self.pod["metadata"]["name"]}
        host, port = self.server.rsplit(":", 1)
        env |= {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
        for one in container.get("env", []):
            if not one["name"].startswith("ARGO_") and not self.lacks(one):
                env[one["name"]] = self.value(one, env)
        folder = container.get("workingDir", "/")
        os.makedirs(self.at(folder), exist_ok=True)
        root = self.root

        def enter() -> None:
            os.chroot(root)
            os.chdir(folder)

        output: Any = self.log
        if container["name"] == "main" and self.includes_output(container):
            output = open(os.path.join(self.folder, "result"), "wb")  # noqa: SIM115  # the process writes to it
        words = [expanded(word, env) for word in words]
        try:
            return subprocess.Popen(
                words, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=self.log, preexec_fn=enter
            )
        except OSError as error:
            self.exits[container["name"]] = 127
            self.messages[container["name"]] = str(error)
            raise PodError(str(error)) from error

    def includes_output(self, container: dict[str, Any]) -> bool:
        return {"name": "ARGO_INCLUDE_SCRIPT_OUTPUT", "value": "true"} in container.get("env", [])

    def lacks(self, variable: dict[str, Any]) -> bool:
        """A variable that isn't set: its secret may be missing, and is."""
        source = variable.get("valueFrom", {}).get("secretKeyRef", {})
        return bool(source.get("optional")) and source["key"] not in self.secrets.get(source["name"], {})

    def value(self, variable: dict[str, Any], env: dict[str, str]) -> str:
        source = variable.get("valueFrom")
        if source is None:
            return expanded(variable.get("value", ""), env)
        if "secretKeyRef" in source:
            return self.secret(source["secretKeyRef"]["name"], source["secretKeyRef"]["key"])
        path = source["fieldRef"]["fieldPath"]
        known = {"metadata.name": self.pod["metadata"]["name"], "metadata.namespace": "default"}
        return str(known.get(path, ""))

    def probe(self, container: dict[str, Any], process: subprocess.Popen[bytes], until: float | None) -> None:
        """Waits as a startup probe does: for a port that answers."""
        probe = container.get("startupProbe")
        while probe is not None and (until is None or time.monotonic() < until):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", probe["tcpSocket"]["port"])) == 0:
                    return
            if process.poll() is not None:
                process = self.start(container)  # restartPolicy: Always
            time.sleep(0.1)

    def wait(self, process: subprocess.Popen[bytes], until: float | None) -> int | None:
        """Its exit status, or None where its time is over."""
        try:
            code = process.wait(None if until is None else max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return None
        return code if code >= 0 else 128 - code

    # ---------------------------------------------------------------------------------------------------- the artifacts

    def load(self) -> None:
        script = self.template.get("script")
        if script is not None:
            self.write(SCRIPT, script["source"])
            os.chmod(self.at(SCRIPT), 0o755)
        # What lies within another place is mounted after it.
        artifacts = [(one["path"], self.fetch, one) for one in self.template.get("inputs", {}).get("artifacts", [])]
        for _, put, what in sorted([*artifacts, *self.mounts()], key=lambda one: one[0].count("/")):
            put(what)

    def mounts(self) -> list[tuple[str, Callable[[Any], None], Any]]:
        (body,) = (one for one in self.pod["spec"]["containers"] if one["name"] == "main")
        volumes = {one["name"]: one for one in self.pod["spec"].get("volumes", []) if one["name"] not in OF_ARGO}
        uses = [use for use in body.get("volumeMounts", []) if use["name"] in volumes]
        return [(use["mountPath"], self.mount, (use, volumes[use["name"]])) for use in uses]

    def fetch(self, artifact: dict[str, Any]) -> None:
        target = self.at(artifact["path"])
        os.makedirs(os.path.dirname(target), exist_ok=True)
        remove(target)
        if "git" in artifact:
            shutil.move(os.path.join(self.folder, "git-" + artifact["name"]), target)
        elif "raw" in artifact:
            self.write(artifact["path"], artifact["raw"]["data"])
        elif "s3" in artifact:
            source = self.held(artifact["s3"]["key"])
            if not os.path.lexists(source):
                if artifact.get("optional"):
                    return
                raise PodError(f"artifact {artifact['name']} failed to load: {artifact['s3']['key']} is not there")
            if "none" not in artifact.get("archive", {}) and os.path.isfile(source) and tarfile.is_tarfile(source):
                unpack(source, target, os.path.join(self.folder, "base"))
            else:
                copy(source, target)
        else:
            if not artifact.get("optional"):
                raise PodError(f"required artifact '{artifact['name']}' not supplied")
            return
        if "mode" in artifact:
            os.chmod(target, artifact["mode"])

    def held(self, key: str) -> str:
        place = os.path.normpath(os.path.join(self.store, "artifacts", key.lstrip("/")))
        if not place.startswith(self.store):
            raise PodError(f"the key {key!r} leads out of the store")
        return place

    def save(self, outputs: dict[str, Any]) -> None:
        declared = self.template.get("outputs", {})
        result = os.path.join(self.folder, "result")
        if os.path.exists(result):
            with open(result, encoding="utf-8", errors="replace") as stream:
                outputs["result"] = stream.read().removesuffix("\n")
        outputs["parameters"] = [self.parameter(one) for one in declared.get("parameters", [])]
        problems, saved = [], []
        for artifact in declared.get("artifacts", []):
            source = self.at(artifact["path"])
            if not os.path.exists(source):
                if not artifact.get("optional"):
                    problems.append(f"{artifact['path']} no such file or directory")
                continue
            place = self.held(artifact["s3"]["key"])
            os.makedirs(os.path.dirname(place), exist_ok=True)
            remove(place)
            if "none" in artifact.get("archive", {}):
                copy(source, place)
            else:
                with tarfile.open(place, "w:gz", compresslevel=1) as tar:
                    tar.add(source, os.path.basename(artifact["path"]))
            saved.append(artifact)
        outputs["artifacts"] = saved
        if problems:
            raise PodError("; ".join(problems))

    def parameter(self, declared: dict[str, Any]) -> dict[str, Any]:
        source = declared.get("valueFrom", {})
        if "path" not in source:
            return declared
        try:
            with open(self.at(source["path"]), encoding="utf-8", newline="") as stream:
                return {**declared, "value": stream.read().removesuffix("\n")}
        except OSError:
            if "default" not in source:
                raise
            return {**declared, "value": source["default"]}


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def copy(source: str, target: str) -> None:
    if os.path.isdir(source):
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copyfile(source, target)  # a store keeps bytes, not modes


def unpack(archive: str, target: str, scratch: str) -> None:
    held = tempfile.mkdtemp(dir=scratch)
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            within = os.path.normpath(os.path.join(held, member.name)).startswith(held + os.sep)
            if member.issym():
                leads = os.path.normpath(os.path.join(held, os.path.dirname(member.name), member.linkname))
                within = within and leads.startswith(held + os.sep)
            if not within:
                raise PodError(f"illegal symlink target: {member.name} -> {member.linkname}")
        tar.extractall(held, filter="fully_trusted")
    found = glob.glob(os.path.join(glob.escape(held), "*"), include_hidden=True)
    shutil.move(found[0] if len(found) == 1 else held, target)


_REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\))")


def expanded(text: str, env: dict[str, str]) -> str:
    """`$(NAME)` as Kubernetes replaces it, `$$` as one `$`; what is not known stays as it is.

    https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
    """

    def value(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else env.get(found[1], found[0])

    return _REFERENCE.sub(value, text)


if __name__ == "__main__":
    sys.exit(main())
