"""docs/tutorial.md, played: files are written, commands are run in one shell, what they print is compared.

python -m tests.tutorial --write    writes what was printed into the page; read the difference
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "tutorial.md"
FENCE = re.compile(r"(?:`(?P<file>[^`\n]+)`:\n\n)?```(?P<kind>\w+)\n(?P<body>.*?)```\n", re.DOTALL)
ANY = "…"
# What differs from one run, day or machine to the next.
VOLATILE = (
    (re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}"), ANY),
    (re.compile(r"\bcommit [0-9a-f]{8}\b"), f"commit {ANY}"),
    (re.compile(r"\b\d+(\.\d+)?s\b"), f"{ANY}s"),
    (re.compile(r"^( *)…s", re.MULTILINE), r"\1…s"),
    (re.compile(r"(?<=run: )\S+"), ANY),
    (re.compile(r"(?<=^slowest: ).*", re.MULTILINE), ANY),
    (re.compile(r"index [0-9a-f]{7}\.\.[0-9a-f]{7}"), f"index {ANY}"),
    (re.compile(r"Python 3\.\d+\.\d+"), f"Python {ANY}"),
)


class Step(NamedTuple):
    """A command and what the page says that it prints; or a file (`command` is empty) and its text."""

    command: str
    text: str
    file: str = ""


def steps(page: str) -> list[Step]:
    found = []
    for match in FENCE.finditer(page):
        if match["kind"] != "console":
            if match["file"]:
                found.append(Step("", match["body"], match["file"]))
            elif "headrace.yaml" in page[: match.start()].rstrip().rsplit("\n", 1)[-1]:
                found.append(Step("", match["body"], "headrace.yaml"))
            continue
        for part in re.split(r"^\$ ", match["body"], flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            found.append(Step(command, printed))
    return found


class Shell:
    """One bash for the whole page, so that a folder and an activated environment last."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> str:
        """What a command prints, on both streams."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        mark = "@end-of-command@"
        self.process.stdin.write(f"{command}\necho {mark}\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line.rstrip("\n").endswith(mark):
                lines.append(line.rstrip("\n").removesuffix(mark))
                break
            lines.append(line)
        return "".join(lines)

    def write(self, name: str, text: str) -> None:
        folder = Path(self.run("pwd").strip())
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)


def environment(home: Path, wheel: Path) -> dict[str, str]:
    """An empty machine's: nothing but the programs. `pip install headrace` takes this checkout's wheel, and what that
    needs is there already, so that no package index is asked."""
    import yaml

    there = home / "packages"
    there.mkdir(parents=True)
    for package in Path(yaml.__file__).parent.parent.iterdir():
        if "headrace" not in package.name and not package.name.endswith(".pth"):
            (there / package.name).symlink_to(package)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SSL_CERT_FILE") if name in os.environ}
    own = {
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "PIP_FIND_LINKS": str(wheel.parent),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONPATH": str(there),
        "HEADRACE_CACHE": str(home / "cache"),
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    for role in ("AUTHOR", "COMMITTER"):
        own |= {f"GIT_{role}_NAME": "You", f"GIT_{role}_EMAIL": "you@example.org"}
    return {**kept, **own}


def made_here(text: str) -> str:
    """The page asks for Python 3.12; the machine that plays it has the one that runs this."""
    return text.replace('python: "3.12"', f'python: "{sys.version_info.major}.{sys.version_info.minor}"')


def matches(expected: str, printed: str) -> bool:
    """Whether what was printed is what the page says; … is anything in a line, and alone in a line any lines."""
    pattern = "".join(
        "(?:.*\n)*?" if line.strip() == ANY else re.escape(line).replace(re.escape(ANY), ".*?") + "\n"
        for line in expected.splitlines()
    )
    return re.fullmatch(pattern, printed if not printed or printed.endswith("\n") else printed + "\n") is not None


def recorded(printed: str) -> str:
    for pattern, text in VOLATILE:
        printed = pattern.sub(text, printed)
    lines = [line.rstrip() for line in printed.splitlines()]
    return "".join(f"{line}\n" for line in lines)


def wheel(folder: Path) -> Path:
    """This checkout as a wheel. Raises RuntimeError where setuptools is not there to make it."""
    import shutil

    source = folder / "source"
    source.mkdir(parents=True)
    for name in ("compiler", "targets", "schemas"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    done = subprocess.run([*pip, "--wheel-dir", str(folder), str(source)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return next(folder.glob("*.whl"))


def write() -> None:
    page = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="headrace-tutorial-") as name:
        folder = Path(name)
        (folder / "here").mkdir()
        shell = Shell(folder / "here", environment(folder / "home", wheel(folder / "wheel")))
        out, at = [], 0
        for step in steps(page):
            if step.file:
                shell.write(step.file, made_here(step.text))
                continue
            shown = f"$ {step.command}\n"
            begin = page.index(shown + step.text, at)
            printed = shell.run(step.command)
            text = step.text if step.text and matches(step.text, printed) else recorded(printed)
            out += [page[at:begin], shown, text]
            at = begin + len(shown) + len(step.text)
        shell.close()
        PAGE.write_text("".join(out) + page[at:], encoding="utf-8")


if __name__ == "__main__":
    if "--write" not in sys.argv:
        sys.exit("usage: python -m tests.tutorial --write")
    write()
