"""Replay the Dockerfile without a container engine, start the app as the container would, and send it requests.

    make proof-container        as root, on Debian with debootstrap; needs about 12 GB of disk while it runs
    python3 cluster/prove_container.py --build-arg TORCH_INDEX=      with a build argument as for docker build

Each stage is a Debian in a folder; RUN happens in a chroot there. The app then runs as the image's user in
separate namespaces: no network but loopback, and the 64 MB of shared memory that an engine provides by default.
The Debian mirror and pip's configuration are those of this machine. Standard library only.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The parts of python:3.11-slim that matter here; Debian 12's own Python is 3.11.
BASE_PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
RELEASE = "bookworm"
READY_S = 600
QUESTION = """
import json, os, sys
import urllib.request as u
def ask(path, data=None, kind="image/png"):
    headers = {"Content-Type": kind} if data else {}
    return json.load(u.urlopen(u.Request("http://127.0.0.1:7860" + path, data, headers), timeout=60))
print(json.dumps({
    "picture": ask("/api/cifar10/predict", open("docs/example.png", "rb").read())["predictions"][0]["label"],
    "changes": ask("/api/access")["changes"],
    "page": u.urlopen("http://127.0.0.1:7860/", timeout=60).status,
    "writable": [path for path in ("..", ".", "app.py", "ui", sys.prefix) if os.access(path, os.W_OK)],
}))
"""


@dataclass
class Stage:
    """One FROM: its folder, and the values that its instructions set."""

    folder: Path
    user: str = "0"
    workdir: str = "/"
    variables: dict[str, str] = field(default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"})
    command: list[str] = field(default_factory=list)
    health: str = ""


def main() -> int:
    """Build, start, send requests, report; the exit status is 0 if all of it worked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE", help="as of docker build")
    given = dict(pair.partition("=")[::2] for pair in parser.parse_args().build_arg)
    if os.geteuid() != 0 or not shutil.which("debootstrap") or not shutil.which("unshare"):
        print("error: this needs root, debootstrap and unshare; on Debian: apt install debootstrap.", file=sys.stderr)
        return 2
    work = Path(tempfile.mkdtemp(prefix="air-container-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    try:
        say(f"Debian {RELEASE} in {work}")
        base = work / "base"
        run(["debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", RELEASE, str(base), mirror()])
        (base / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        stages = build(work, base, given)
        return prove(stages[-1], base)
    finally:
        shutil.rmtree(work)


def mirror() -> str:
    """The Debian mirror that this machine's apt uses."""
    sources = [*Path("/etc/apt").glob("sources.list"), *Path("/etc/apt").glob("sources.list.d/*")]
    pattern = r"^(?:URIs:|deb(?: \[.*?\])?)\s+(https?://\S+/debian/?)(?:\s|$)"
    for source in sources:
        found = re.search(pattern, source.read_text(), re.MULTILINE)
        if found:
            return found[1]
    sys.exit("error: apt's sources name no Debian mirror.")


def build(work: Path, base: Path, given: dict[str, str]) -> list[Stage]:
    """Run every instruction of the Dockerfile."""
    stages: list[Stage] = []
    named: dict[str, Stage] = {}
    text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE))
    for line in filter(None, map(str.strip, text.splitlines())):
        say(f"  {line}")
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        if word == "FROM":
            stages.append(Stage(work / f"stage-{len(stages)}"))
            run(["cp", "-a", str(base), str(stages[-1].folder)])
            if " AS " in rest:
                named[rest.partition(" AS ")[2]] = stages[-1]
            continue
        stage = stages[-1]
        match word:
            case "RUN":
                chroot(stage, rest, with_network=True)
            case "COPY":
                copy(stage, shlex.split(rest), named)
            case "ARG":
                name, _, value = rest.partition("=")
                stage.variables[name] = given.get(name, value)
            case "ENV":
                pairs = (pair.partition("=") for pair in shlex.split(rest))
                stage.variables |= {name: expand(value, stage.variables) for name, _, value in pairs}
            case "USER":
                stage.user = rest
            case "WORKDIR":
                stage.workdir = rest
                (stage.folder / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "HEALTHCHECK":
                stage.health = rest.partition("CMD ")[2]
            case "CMD":
                stage.command = json.loads(rest)
            case "EXPOSE":
                pass
            case _:
                sys.exit(f"error: this program does not know the instruction {word}.")
    return stages


def expand(value: str, variables: dict[str, str]) -> str:
    """Replace each $NAME with its variable."""
    return re.sub(r"\$(\w+)", lambda name: variables.get(name[1], ""), value)


def copy(stage: Stage, words: list[str], named: dict[str, Stage]) -> None:
    """COPY from this repository, except for .dockerignore's files, or from another stage."""
    options = dict(word[2:].partition("=")[::2] for word in words if word.startswith("--"))
    *sources, target = [word for word in words if not word.startswith("--")]
    absolute = str(Path(stage.workdir) / target)
    there = stage.folder / absolute.lstrip("/")
    for source in sources:
        if "from" in options:
            run(["cp", "-al", str(named[options["from"]].folder / source.lstrip("/")), str(there)])
        elif (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, there, ignore=ignored, dirs_exist_ok=True)
        else:
            shutil.copy(ROOT / source, there)
    if "chown" in options:
        chroot(stage, f"chown -R {options['chown']} {absolute}")


def ignored(folder: str, names: list[str]) -> set[str]:
    """Names in this folder that .dockerignore excludes."""
    patterns = (ROOT / ".dockerignore").read_text().split()
    below = Path(folder).relative_to(ROOT)
    return {
        name
        for name in names
        for pattern in patterns
        if fnmatch.fnmatch(str(below / name), pattern) or (pattern[:3] == "**/" and fnmatch.fnmatch(name, pattern[3:]))
    }


def chroot(stage: Stage, command: str, with_network: bool = False) -> None:
    """Run a line in the stage; ``with_network`` adds this machine's access to packages."""
    mounts, variables = [f"mount -t proc proc {stage.folder}/proc"], dict(stage.variables)
    if with_network:
        variables |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        for name in ("resolv.conf", "hosts"):
            shutil.copy(f"/etc/{name}", stage.folder / "etc" / name)
        mounts += [bind(stage, path) for path in pip_paths()]
    inside = shlex.quote(f"cd {stage.workdir} && {command}")
    script = " && ".join([*mounts, f"exec chroot {stage.folder} sh -c {inside}"])
    run(["unshare", "-m", "sh", "-c", script], env=variables)


def pip_paths() -> set[str]:
    """Files and folders of this machine that pip reads: its configuration, certificates, local packages."""
    printed = subprocess.run([sys.executable, "-m", "pip", "config", "debug"], capture_output=True, text=True).stdout
    files = re.findall(r"^\s+(/\S+), exists: True", printed, re.MULTILINE)
    words = [*files, *os.environ.get("PIP_FIND_LINKS", "").split(), os.environ.get("PIP_CERT", "")]
    for file in files:
        words += re.findall(r"(?:file://)?(/[\w./-]+)", re.sub(r"https?://\S+", "", Path(file).read_text()))
    # An index of pages, "simple", refers to files beside it.
    words = [str(Path(word).parent) if Path(word).name == "simple" else word for word in words]
    return {word for word in words if word and Path(word).exists()}


def bind(stage: Stage, path: str) -> str:
    """The command that mounts a file or folder of this machine at the same path in the stage."""
    there = stage.folder / path.lstrip("/")
    make = f"mkdir -p {there}" if Path(path).is_dir() else f"mkdir -p {there.parent} && touch {there}"
    return f"{make} && mount --bind {path} {there}"


def prove(stage: Stage, base: Path) -> int:
    """Start the image's command as its user without a network, send requests, and report the result."""
    for tool in ("venv/bin/pip", "usr/bin/gcc", "usr/bin/make"):
        if (stage.folder / tool).exists():
            sys.exit(f"error: the image still contains {tool}.")
    hostname = os.uname().nodename
    (stage.folder / "etc/hosts").write_text(f"127.0.0.1 localhost {hostname}\n")
    (stage.folder / "tmp/question.py").write_text(QUESTION)
    log = stage.folder / "tmp/app.log"
    user = f"--userspec={stage.user}:{stage.user}"
    inside = f"exec chroot {user} {stage.folder} sh -c "
    start = shlex.quote(f"cd {stage.workdir} && exec {shlex.join(stage.command)}")
    ask = shlex.quote(f"cd {stage.workdir} && {stage.health} && exec python /tmp/question.py")
    script = f"""
        mount -t proc proc {stage.folder}/proc && mount --bind /dev {stage.folder}/dev
        mount -t tmpfs -o size=64m,mode=1777 shm {stage.folder}/dev/shm
        ip link set lo up
        ({inside} {start}) >{log} 2>&1 & app=$!
        for second in $(seq {READY_S}); do
            kill -0 $app || exit 3
            ({inside} {ask}) 2>/dev/null && break
            sleep 1
        done
        kill $app; wait $app
    """
    began = time.monotonic()
    asked = subprocess.run(
        ["unshare", "-m", "-n", "-p", "-f", "--mount-proc", "bash", "-c", script],
        env=stage.variables,
        capture_output=True,
        text=True,
        timeout=READY_S + 120,
    )
    say(log.read_text())
    try:
        answer = json.loads(asked.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        print(f"error: the app did not answer (status {asked.returncode}). {asked.stderr[-2000:]}", file=sys.stderr)
        return 1
    say(f"answered; {time.monotonic() - began:.0f} s from start to stop: {answer}")
    whole, without = size(stage.folder), size(base)
    say(f"installed size {whole:.1f} GB, of which Debian and Python {without:.1f} GB")
    expected = {"picture": "ship", "changes": "off", "page": 200, "writable": []}
    if answer != expected:
        print(f"error: expected {expected}.", file=sys.stderr)
        return 1
    say("the container's steps work: built, started as its user without a network, answered, stopped")
    return 0


def size(folder: Path) -> float:
    """Size of a folder in GB."""
    return int(subprocess.run(["du", "-sxk", str(folder)], capture_output=True, text=True).stdout.split()[0]) / 1e6


def run(command: list[str], env: dict[str, str] | None = None) -> None:
    """Run a command; exit with its last lines when it fails."""
    ended = subprocess.run(command, env=env, capture_output=True, text=True)
    if ended.returncode:
        sys.exit(f"error: {shlex.join(command)[:300]} failed:\n{(ended.stdout + ended.stderr)[-3000:]}")


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
