"""Manifests that nobody wrote: every key of headrace.yaml, in values that stand beside one another in a whole project.

What is drawn is meant to be valid: names that are named are there, edges have no cycle, an output names the axes that
vary. What some target can't do is drawn too; it has to say so.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

Data = dict[str, Any]

NAMES = (
    "train",
    "prepare-data",
    "Eval_2",
    "x",
    "on",
    "null",
    "1e3",
    "job",
    "a-b",
    "a_b",
    "A-B",
    "default",
    "pages",
    "0x1",
)
AXES = ("fold", "max-depth", "Model", "os")
VALUES = ("0", "1e-3", "true", "3.10", "a b", "no", "$HOME", "it's", 'x"y', "é", "08", "-1")
TEXTS = (
    "plain", "", "$CI_COMMIT_SHA", "$$x", "${{ github.sha }}", "$[[ inputs.x ]]", "#no", "a: b", " lead", "trail ", "it's",
    'say "x"', "back\\slash", "`id`", "$(id)", "line\nline", "tab\tx", "%d", "~", "2001-01-01", "0o17", "☃",
)  # fmt: skip
SHELL = (
    "python train.py", "echo 'one two' | tee out.txt", "true && false || :", "cat <<EOF\n$HOME\nEOF", "set -x\necho \"$HOME\"\n",
    "printf '%s' \"${X:-y}\"", "exit 0", "echo a: b # c", "echo [1, 2]", "- x", "for i in 1 2; do\n  echo $i\ndone",
)  # fmt: skip
QUANTITIES = ("1", "500m", "2Gi", "1e9", "0.5", "128M", 4, 0.25)
MEMORY = ("2Gi", "512Mi", "1G", "1.5Gi", "3e9", "1Ti")
DURATIONS = ("30s", "5m", "4h30m", "2d", "90m")
PLATFORMS = ("linux/amd64", "linux/arm64")
FILES = {
    "train.py": (
        "import argparse\n\nparser = argparse.ArgumentParser()\nparser.add_argument('--rate', type=float, default=0.1)\n"
        "parser.add_argument('--name')\nparser.add_argument('-v', '--verbose', action='store_true')\n"
        "parser.add_argument('--sizes', type=int, nargs='*')\nparser.parse_args()\n"
    ),
    "data/raw.csv": "a,b\n1,2\n",
    "data/validate.csv": "a,b\n3,4\n",
    "data/test.csv": "a,b\n5,6\n",
    "requirements.txt": "numpy==2.0.0\n",
    "uv.lock": "version = 1\n",
    "pyproject.toml": '[project]\nname = "x"\nversion = "1.2.3"\n',
    "Dockerfile": "FROM scratch\n",
    "deploy/app.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\n",
    ".gitlab/own.yml": "own:\n  script: ['true']\n",
}


class Drawing:
    """What is drawn so far, for what comes after to name."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.parameters: Data = {}
        self.secrets: list[str] = []
        self.identities: list[str] = []
        self.environments: list[str] = []
        self.stores: list[str] = []
        self.built: list[str] = []  # environments that are images of this repository
        self.datasets: list[str] = []
        self.templates: list[str] = []
        self.done: list[tuple[str, Data]] = []  # jobs, in order
        self.outputs: list[str] = []  # literal paths that a job may take in

    def one(self, *values: Any) -> Any:
        return self.draw(st.sampled_from(values))

    def maybe(self, one_in: int = 3) -> bool:
        return bool(self.draw(st.integers(0, one_in - 1)) == one_in - 1)

    def some(self, values: tuple[Any, ...] | list[Any], least: int = 0, most: int = 3) -> list[Any]:
        if not values:
            return []
        return self.draw(st.lists(st.sampled_from(list(values)), min_size=least, max_size=most, unique=True))

    def chosen(self, **ways: Any) -> Data:
        """Some keys, each with what its function draws; a key whose function gives None stays unsaid."""
        keys = self.draw(st.lists(st.sampled_from(sorted(ways)), max_size=5, unique=True)) if ways else []
        found = {key: ways[key]() for key in keys}
        return {key: value for key, value in found.items() if value is not None}

    # ------------------------------------------------------------------------------------------------------- text

    def hole(self, axes: Data) -> str:
        kinds = ["git.commit", "git.short", "git.branch", "git.ref", "git.event", "run.id", "run.attempt", "run.url"]
        kinds += ["git.default_branch", "git.repository", "git.tag", "project.name"]
        kinds += [f"parameters.{name}" for name in self.parameters]
        kinds += [f"matrix.{axis}" for axis in axes]
        return "{{ " + self.one(*kinds) + " }}"

    def text(self, axes: Data) -> str:
        given = self.one(*TEXTS).replace("{{", "{{ '{{' }}")
        return given + self.hole(axes) if self.maybe(4) else given

    def env(self, axes: Data) -> Data:
        names = self.some(("A", "LOG_LEVEL", "PATH_X", "x", "PYTHONPATH"), 1, 2)
        return {name: self.text(axes) for name in names}

    # ---------------------------------------------------------------------------------------------------- sections

    def parameter(self) -> Data:
        kind = self.one("string", "int", "float", "bool", "choice")
        found: Data = {"type": kind}
        if kind == "choice":
            found["choices"] = self.some(("a", "b c", "1", "on"), 1)
        default = {
            "string": self.one("x", "", "a b", "$HOME", "true", "1e3", "it's"),
            "int": self.one(0, 7, -3),
            "float": self.one(0.5, 0, 1e-3, -1.25),
            "bool": self.one(True, False),
            "choice": found.get("choices", [""])[0],
        }[kind]
        found["default"] = default
        if kind in ("int", "float") and self.maybe():
            found |= {"minimum": -5, "maximum": 10}
        if self.maybe():
            found["help"] = self.one("step size", "a: b", 'it\'s "so"', "per cent %")
        return found

    def secret(self) -> Data:
        if self.maybe(4):
            return {"store": "vault", "path": "team/x", "key": "token"}
        if self.maybe(6):
            return {"store": "kubernetes", "path": "app", "key": "token"}
        return self.one({}, {"store": "env"}, {"key": "OTHER_NAME"})

    def identity(self) -> Data:
        return self.one(
            {"aws": {"role": "arn:aws:iam::123456789012:role/ci", "region": "eu-west-1"}},
            {
                "gcp": {
                    "provider": "projects/1/locations/global/workloadIdentityPools/p/providers/x",
                    "service_account": "a@b.c",
                }
            },
            {"azure": {"client": "c", "tenant": "t", "subscription": "s"}},
            {"kubernetes": {"service_account": "robot"}},
        )

    def software(self) -> Data:
        found: Data = {}
        if self.maybe():
            found["image"] = self.one("python:3.12", "ghcr.io/a/b:1.2", "localhost:5000/x@sha256:" + "0" * 64)
        if self.maybe(2):
            found["python"] = self.one("3.11", "3.12", "3.13")
        if "python" in found or "image" in found:
            found |= self.chosen(
                install=lambda: self.one("pip", "uv"),
                apt=lambda: self.some(("git", "libgomp1"), 1),
                setup=lambda: self.one("make tools", ["a", "b"]),
                groups=lambda: ["dev"],
                extras=lambda: ["gpu"],
            )
        if found.get("install") == "pip" and self.maybe():
            found["file"] = "requirements.txt"
        if ("groups" in found or "extras" in found) and "install" not in found:
            found["install"] = "uv"
        if found.get("install") == "pip":
            found.pop("groups", None)
            found.pop("extras", None)
        if "install" in found and self.maybe(5):
            found["prebuild"] = True
        if "image" in found and self.secrets and self.maybe(4):
            found["credentials"] = self.one(*self.secrets)
        return found or {"python": "3.12"}

    def environment(self) -> Data:
        if not self.maybe(4):
            return self.software()
        build = self.chosen(
            context=lambda: ".", file=lambda: "Dockerfile", target=lambda: "final", args=lambda: {"A": self.text({})}
        )
        if self.maybe(3):
            generated = {
                "generate": True,
                "command": ["python", "train.py"],
                "checks": [["python", "-c", "import numpy"]],
            }
            return {**self.software(), "build": generated, "publish": self.publish()}
        return {"build": build, "publish": self.publish()}

    def publish(self) -> Data:
        return self.chosen(
            repository=lambda: self.one("app", "team/app"),
            tags=lambda: self.some(("commit", "branch", "tag", "version", "latest", "v-{{ git.short }}"), 1),
            registry=lambda: "registry.example.com",
            provenance=lambda: self.one(True, False),
        )

    def store(self) -> Data:
        kind = self.one("s3", "s3", "gcs", "azure", "pvc", "ci")
        urls = {"s3": "s3://lake/x", "gcs": "gs://lake/x", "azure": "az://account/container/x"}
        found: Data = {"kind": kind}
        if kind in urls:
            found["url"] = urls[kind]
        if kind == "pvc":
            found["mount"] = "/mnt/lake"
        provider = {"s3": "aws", "gcs": "gcp", "azure": "azure"}.get(kind)
        fitting = [name for name in self.identities if provider and name.startswith(provider)]
        if fitting and self.maybe():
            found["identity"] = fitting[0]
        return found

    # --------------------------------------------------------------------------------------------------------- jobs

    def matrix(self) -> Data:
        axes = {axis: self.some(VALUES, 1) for axis in self.some(AXES, 1, 2)}
        found: Data = dict(axes)
        if self.maybe(4):
            found["exclude"] = [{axis: values[0] for axis, values in axes.items()}]
            found["include"] = [dict.fromkeys(axes, "more")]
        if self.maybe(4):
            found["max_parallel"] = self.one(1, 2)
        return found

    def condition(self) -> str:
        atoms = [
            "event == 'push'",
            "event != 'change_request'",
            "branch == 'main'",
            "tag != ''",
            "branch in ['a', 'b c']",
        ]
        atoms += ["branch matches 'release/**'", "event in ['manual', 'schedule']"]
        for name, parameter in self.parameters.items():
            if parameter["type"] == "bool":
                atoms.append(f"parameters.{name}")
            elif parameter["type"] in ("string", "choice"):
                atoms.append(f"parameters.{name} == 'x'")
        atoms += ["changed('src/**', '*.py')"] if self.maybe(4) else []
        first = self.one(*atoms)
        if self.maybe():
            return f"({first}) {self.one('and', 'or')} not {self.one(*atoms)}"
        return first

    def action(self, axes: Data, sidecars: list[str]) -> Data:
        way = self.one("run", "run", "list", "entry", *(() if axes else ("build", "tool", "deploy", "own")))
        if way == "own" and not self.built:
            way = "run"
        if way == "own":
            return {"build": self.one(*self.built)}
        if way == "deploy":
            return {"deploy": self.deploy()}
        legs = [("{{ matrix." + axis + " }}") for axis in axes]  # by them the readers of output tell legs
        if way == "run":
            text = self.one(*SHELL)
            if self.maybe():
                text += f"\necho {self.hole(axes)}"
            for leg in legs:
                text += f"\necho {leg}"
            for name in sidecars:
                text += "\necho {{ sidecars." + name + ".host }}"
            return {"run": text}
        if way == "list":
            return {"run": ["python", "train.py", self.text(axes), self.hole(axes), *legs]}
        if way == "entry":
            given = self.chosen(
                rate=lambda: self.one(0.5, "1e-3"),
                name=lambda: self.text(axes),
                verbose=lambda: True,
                sizes=lambda: [1, 2],
            )
            if legs:
                given["name"] = "-".join(legs)
            return {"entry": {"script": "train.py", "with": given}}
        if way == "build":
            return {"build": {"file": "Dockerfile", "args": {"A": self.text(axes)}, "publish": {"repository": "tool"}}}
        return {"tool": {"name": "objectives", "arguments": ["accuracy >= 0.5", "--metrics", "data/raw.csv"]}}

    def job(self, name: str) -> Data:
        found: Data = {}
        if self.maybe(3):
            found["matrix"] = self.matrix()
        axes = {axis: v for axis, v in found.get("matrix", {}).items() if axis in AXES}
        sidecars: list[str] = []
        if self.maybe(6):
            sidecars.append("db")
            found["sidecars"] = [
                {"name": "db", "image": "postgres:17", **self.chosen(port=lambda: 5432, env=lambda: self.env({}))}
            ]
        found |= self.action(axes, sidecars)
        scripted = not found.keys() & {"build", "deploy"}
        if scripted:
            found |= self.scripted(name, axes)
            if not isinstance(found.get("run"), str):
                found.pop("shell", None)
            if "tool" in found:
                found.pop("working_directory", None)
        found |= self.chosen(
            when=self.condition,
            run_on=lambda: self.one("success", "failure", "always"),
            retry=lambda: {"max": self.one(0, 1, 2, 5), **self.chosen(on=lambda: self.some(("failure", "timeout"), 1))},
            timeout=lambda: self.one(*DURATIONS),
            allow_failure=lambda: self.one(True, False),
            approve=lambda: self.one(True, {"for": "production"}),
            lock=lambda: self.one("gpu-box", {"name": "db", "limit": 1}),
            extends=lambda: self.one(*self.templates) if self.templates else None,
        )
        if "approve" in found and not self.maybe(8):  # a person's word is asked for what then runs
            found = {key: value for key, value in found.items() if key not in ("run_on", "allow_failure")}
        if self.done and self.maybe(2):
            found["needs"] = self.needs(axes, "inputs" in found)
        return found

    def scripted(self, name: str, axes: Data) -> Data:
        found = self.chosen(
            environment=lambda: self.one(*self.environments) if self.environments else self.software(),
            env=lambda: self.env(axes),
            secrets=lambda: self.uses(),
            identity=lambda: self.one(*self.identities) if self.identities else None,
            resources=self.resources,
            shell=lambda: self.one("sh", "bash"),
            cache=lambda: self.one(True, {"max_age": "7d"}),
            datasets=lambda: self.some(self.datasets, 1, 2) or None,
            inputs=lambda: self.some([*self.outputs, "data/raw.csv", "train.py"], 1),
            resume=lambda: {"paths": [f"ckpt/{name}"], "store": self.stores[0]} if self.stores else None,
            working_directory=lambda: "data",
            volumes=lambda: (
                [{"name": "scratch", "path": "/scratch", **self.chosen(size=lambda: "1Gi", read_only=lambda: False)}]
                if self.maybe(3)
                else None
            ),
            permissions=lambda: (
                {self.one("contents", "issues", "packages"): self.one("read", "write", "none")}
                if self.maybe(3)
                else None
            ),
            platform=lambda: self.one(*PLATFORMS) if self.maybe(3) else None,
        )
        if self.maybe(2):
            found["outputs"] = self.written(name, axes)
        if found.get("cache") and not any("path" in one or isinstance(one, str) for one in found.get("outputs", ())):
            found.pop("cache")
        if self.maybe(5):
            found.setdefault("outputs", []).append({"path": f"m/{name}{self.leg(axes)}.json", "kind": "metrics"})
            found["objectives"] = self.some(("accuracy >= 0.9", "abs(a - b) <= 0.1", "f1[slice=new] > 0.5"), 1)
        return found

    def leg(self, axes: Data) -> str:
        return "".join("-{{ matrix." + axis + " }}" for axis in axes)

    def written(self, name: str, axes: Data) -> list[Any]:
        path = f"out/{name}{self.leg(axes)}"
        found: list[Any] = [path if self.maybe(2) else {"path": path, **self.about()}]
        if not axes and self.maybe(8):
            found.append({"changed": [f"edited/{name}"]})
        if self.maybe(3):
            found.append({"path": f"more/{name}/{'/'.join('{{ matrix.' + a + ' }}' for a in axes)}x", **self.about()})
        if not axes:
            self.outputs.append(path)
        return found

    def about(self) -> Data:
        return self.chosen(
            kind=lambda: self.one("file", "directory", "model"),
            keep=lambda: self.one("30d", "1h"),
            store=lambda: self.one(*self.stores) if self.stores else None,
            size=lambda: "10Mi",
            name=lambda: "result",
        )

    def uses(self) -> Any:
        if not self.secrets:
            return None
        secret = self.one(*self.secrets)
        return self.one(
            [secret], {"TOKEN": secret}, [{"name": secret, "file": "/run/secret"}], [{"name": secret, "optional": True}]
        )

    def resources(self) -> Data:
        return self.chosen(
            cpu=lambda: self.one(*QUANTITIES[:2]),
            memory=lambda: self.one(*MEMORY),
            storage=lambda: "1Gi",
            shm=lambda: "64Mi",
            gpu=lambda: self.one(1, 2, {"count": 1, "kind": "a100", "memory": "40Gi"}),
            spot=lambda: self.one(True, False),
        )

    def needs(self, axes: Data, inputs: bool) -> list[Any]:
        found: list[Any] = []
        for name, other in self.draw(
            st.lists(st.sampled_from(self.done), min_size=1, max_size=3, unique_by=lambda one: one[0])
        ):
            theirs = {axis: v for axis, v in other.get("matrix", {}).items() if axis in AXES}
            about = self.chosen(
                artifacts=lambda: True if inputs else self.one(True, False),
                optional=lambda: True,
                legs=lambda theirs=theirs, other=other: self.legs(axes, theirs, "exclude" in other.get("matrix", ())),
            )
            found.append({"job": name, **about} if about else name)
        return found

    def legs(self, axes: Data, theirs: Data, excludes: bool) -> Any:
        if axes and axes == theirs and self.maybe(2):
            return "same"
        if theirs and not excludes and self.maybe(2):
            axis = next(iter(theirs))
            return {axis: theirs[axis][-1]}
        return "all"

    def deploy(self) -> Data:
        if self.maybe(4):
            return {
                "platform": "gitops",
                "documents": ["deploy"],
                "branch": "live",
                **self.chosen(message=lambda: self.text({})),
            }
        return {
            "platform": self.one("apply", "kubernetes"),
            "documents": ["deploy/app.yaml"],
            **self.chosen(
                to=lambda: self.one("production", "staging"),
                namespace=lambda: "apps",
                cluster=lambda: "eu",
                health=lambda: "https://app.example.com/health",
                url=lambda: "https://app.example.com",
                service=lambda: "app",
                restart=lambda: True,
            ),
        }

    def service(self) -> Data:
        found: Data = {
            "environment": self.one(*self.built),
            "command": ["python", "train.py", self.one(*TEXTS[:4])],
            "port": 8080,
        }
        found |= self.chosen(
            replicas=lambda: 2,
            resources=lambda: {"cpu": "500m", "memory": "1Gi"},
            env=lambda: {"LOG_LEVEL": "a: b"},
            health=lambda: "/health",
            user=lambda: 1000,
            secrets=self.uses,
            smoke=lambda: self.one(
                {"path": "/predict", "method": "POST", "body": "{}"}, {"path": "/health", "status": 200}
            ),
        )
        if self.maybe(2):
            found["deploy"] = {
                "platform": self.one("kubernetes", "knative", "kserve", "seldon"),
                **self.chosen(
                    to=lambda: "production",
                    namespace=lambda: "apps",
                    approve=lambda: True,
                    ingress=lambda: {"host": "x.example.com", **self.chosen(path=lambda: "/v1", tls=lambda: True)},
                ),
            }
        return found

    def model(self) -> Data:
        """Its steps are jobs of its own, whose names no other job has."""
        steps: Data = {}
        for step in ("train", "validate", "test"):
            steps[step] = {"run": f"python train.py {step}", "environment": {"python": "3.12"}}
        steps["train"]["outputs"] = [{"path": "model.bin", "kind": "model"}]
        for step in ("validate", "test"):
            steps[step] |= {"outputs": [{"path": f"{step}.json", "kind": "metrics"}], "inputs": [f"data/{step}.csv"]}
        steps["objectives"] = ["accuracy >= 0.9"]
        if self.built and self.maybe(2):
            steps["package"] = {"build": self.one(*self.built)}
        return steps

    # ---------------------------------------------------------------------------------------------------- triggers

    def triggers(self) -> Data:
        found: Data = self.chosen(
            push=lambda: self.chosen(
                branches=lambda: self.some(("main", "release/**", "a b"), 1),
                tags=lambda: self.some(("v*", "**"), 0),
                paths=lambda: self.some(("src/**", "*.py"), 1),
            ),
            change_request=lambda: self.chosen(branches=lambda: ["main"], paths=lambda: ["src/**"]),
            schedule=lambda: {
                "cron": self.one("0 4 * * *", "*/15 6-18 * * 1-5", "30 2 1 * *"),
                **self.chosen(timezone=lambda: "Europe/Berlin"),
            },
            manual=dict,
            call=dict,
        )
        return found or {"manual": {}}

    def pipelines(self, jobs: Data) -> Data:
        found: Data = {}
        whole = list(jobs)
        for name in self.some(("main", "nightly", "on"), 1, 2):
            found[name] = {"on": self.triggers(), "jobs": whole}
            if self.maybe():
                found[name]["concurrency"] = self.one({"cancel": True}, {"group": "one"}, {"group": "g-{{ git.ref }}"})
            if self.maybe(6):
                found[name]["attest"] = "unsigned"
        if "main" in found and len(found) > 1 and self.maybe(2):
            other = next(name for name in found if name != "main")
            found[other]["on"] = {"pipeline": "main"} if self.maybe(2) else {**found[other]["on"], "call": {}}
            if "call" in found[other]["on"]:
                found["main"]["jobs"] = [*whole, {"next": {"call": other}}]
        return found

    def target(self, name: str) -> Data:
        runners = {
            "gitlab": [
                {"tags": ["small"], "executor": "kubernetes", "overwrite": True, "cpu": 8, "memory": "64Gi"},
                {"tags": ["gpu"], "executor": "docker", "gpu": {"count": 4, "kind": "a100", "memory": "80Gi"}, "spot": True},
            ],
            "github": [{"labels": ["ubuntu-24.04"]}, {"labels": ["self-hosted", "gpu"], "gpu": True}],
            "argo": [
                {"node_selector": {"pool": "cpu"}},
                {"node_selector": {"pool": "gpu"}, "gpu": {"count": 8, "kind": "a100", "memory": "80Gi"}, "tolerations": [{"key": "gpu", "operator": "Exists"}]},
            ],
        }  # fmt: skip
        ways: Data = {"runners": lambda: runners[name], "registry": lambda: "registry.example.com/team"}
        if self.stores:
            ways["store"] = lambda: self.one(*self.stores)
        if name == "argo":
            ways |= {
                "namespace": lambda: "ml",
                "service_account": lambda: "robot",
                "repository": lambda: "https://example.com/a/b.git",
            }
        if name == "gitlab":
            ways["include"] = lambda: [".gitlab/own.yml"]
        return self.chosen(**ways)

    def manifest(self) -> Data:
        found: Data = {"version": 1, "name": self.one("churn", "x", "Big_Project-2")}
        for name in self.some(("lr", "gpu", "Mode", "batch-size"), 0):
            self.parameters[name] = self.parameter()
        self.secrets = self.some(("TOKEN", "deploy_key", "X"), 0)
        secrets = {name: self.secret() for name in self.secrets}
        given = [self.identity() for _ in range(self.one(0, 1, 2))]
        identities = {f"{next(iter(one))}-{at}": one for at, one in enumerate(given)}
        self.identities = list(identities)
        environments = {name: self.environment() for name in self.some(("py", "base", "serve"), 0)}
        self.environments = list(environments)
        self.built = [name for name, one in environments.items() if "build" in one]
        stores = {name: self.store() for name in self.some(("lake", "disk"), 0)}
        self.stores = list(stores)
        templates = {}
        for name in self.some(("common", "big"), 0, 1):
            templates[name] = self.chosen(env=lambda: self.env({}), timeout=lambda: "2h", resources=self.resources)
            self.templates.append(name)
        datasets: Data = {}
        if self.maybe():
            datasets["raw"] = {
                "path": "data",
                **self.chosen(version=lambda: "3", state=lambda: "active", size=lambda: "1Mi"),
            }
            self.datasets.append("raw")
        jobs: Data = {}
        for name in self.draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)):
            jobs[name] = self.job(name)
            self.done.append((name, jobs[name]))
        sections = {
            "parameters": self.parameters,
            "secrets": secrets,
            "identities": identities,
            "environments": environments,
            "stores": stores,
            "templates": templates,
            "datasets": datasets,
        }
        found |= {key: value for key, value in sections.items() if value}
        if self.maybe():
            found["env"] = self.env({})
        if self.maybe(4):
            found["defaults"] = self.chosen(
                timeout=lambda: "20m", retry=lambda: {"max": 1}, env=lambda: self.env({}), cache=lambda: False
            )
        found["jobs"] = jobs
        if self.built and self.maybe(3):
            found["services"] = {self.one("score", "api-2"): self.service()}
        if self.maybe(6):
            found["models"] = {"m": self.model()}
        if self.maybe():
            found["pipelines"] = self.pipelines(jobs)
        targets = {name: self.target(name) for name in self.some(("gitlab", "github", "argo"), 0)}
        if targets:
            found["targets"] = targets
        return found


@st.composite
def manifests(draw: st.DrawFn) -> Data:
    return Drawing(draw).manifest()


def text_of(manifest: Data) -> str:
    """JSON, which every reader of YAML 1.2 takes."""
    return json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
