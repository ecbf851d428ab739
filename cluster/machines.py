"""Machines made of Linux namespaces, for ``cluster/prove_ray_up.py``: each with its address, processes and home.

Each has its own network, process and mount namespace, runs sshd, and can write nothing that another can read: the
system's disk is read-only to it, /tmp and /dev/shm are its own. In place of an installation, a read-only mount shows
the ``.venv`` of this repository. Needs root. Standard library only.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BRIDGE, NETWORK, DRIVER = "air0", "10.77.0", "10.77.0.1"
BOOT_S = 120
SSHD = """
Port 22
HostKey /run/host_key
AuthorizedKeysFile /root/.ssh/authorized_keys
PermitRootLogin prohibit-password
UsePAM no
StrictModes no
PidFile none
MaxStartups 100
MaxSessions 100
"""
INIT = """
set -e
mkdir -p {home}/air-studio/.venv {home}/.ssh
mount --bind {venv} {home}/air-studio/.venv
mount -o remount,bind,ro {home}/air-studio/.venv
{keep}
mount --rbind {home} /root
mount -o remount,bind,ro /
for folder in /tmp /run /dev/shm; do mount -t tmpfs -o mode=1777 own $folder; done
mkdir -m 755 /run/sshd
cp {folder}/host_key {folder}/sshd_config /run
mount -t tmpfs own {work}
until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
ip link set lo up
ip address add {address}/24 dev eth0
ip link set eth0 up
ip route add default via {driver}
hostname {name}
/usr/sbin/sshd -D -e -f /run/sshd_config &
while :; do wait; sleep 1; done
"""


class Machine:
    """A machine at ``10.77.0.<number>``; its home folder survives a power cut."""

    def __init__(self, work: Path, name: str, number: int, key: Path) -> None:
        self.name, self.address = name, f"{NETWORK}.{number}"
        self._work, self._folder, self.key = work, work / name, key
        self.home = self._folder / "home"
        (self.home / ".ssh").mkdir(parents=True)
        shutil.copy(key.with_suffix(".pub"), self.home / ".ssh" / "authorized_keys")
        (self.home / ".bashrc").write_text("")
        path = f"{Path(sys.base_prefix) / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        (self.home / ".profile").write_text(f"export PATH={path}\n. ~/.bashrc\n")
        make_key(self._folder / "host_key")
        (self._folder / "sshd_config").write_text(SSHD)
        self._process: subprocess.Popen | None = None

    def boot(self) -> None:
        """Switch it on, and wait until it accepts logins."""
        script = INIT.format(
            home=self.home,
            folder=self._folder,
            work=self._work,
            venv=(ROOT / ".venv").resolve(),
            keep=self._keep(),
            address=self.address,
            driver=DRIVER,
            name=self.name,
        )
        namespaces = ["unshare", "-m", "-n", "-u", "-p", "-f", "--kill-child", "--mount-proc"]
        with (self._folder / "console.log").open("a") as log:
            self._process = subprocess.Popen([*namespaces, "bash", "-c", script], stdout=log, stderr=log)
        network = Path(f"/proc/{self._process.pid}/ns/net")
        _wait(lambda: network.readlink() != Path("/proc/self/ns/net").readlink(), f"{self.name} has no network")
        cable = f"to-{self.name}"
        call("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", str(self._process.pid))
        call("ip", "link", "set", cable, "master", BRIDGE, "up")
        _wait(lambda: self.ssh("true", check=False).returncode == 0, f"{self.name} accepts no login")

    def _keep(self) -> str:
        """Commands that mount this Python inside, where it is below the home folder that gets covered."""
        base = Path(sys.base_prefix)
        if not base.is_relative_to("/root"):
            return ""
        there = self.home / base.relative_to("/root")
        return f"mkdir -p {there}; mount --bind {base} {there}; mount -o remount,bind,ro {there}"

    def power_off(self) -> None:
        """Cut its power: all its processes end at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            subprocess.run(["ip", "link", "delete", f"to-{self.name}"], capture_output=True)

    def login(self) -> list[str]:
        """The command that logs in."""
        options = ["-i", str(self.key), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        return ["ssh", *options, "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=5", f"root@{self.address}"]

    def ssh(self, command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a line on it in a login shell."""
        line = f"bash --login -c {shlex.quote(command)}"
        ended = subprocess.run([*self.login(), line], capture_output=True, text=True, timeout=300)
        if check and ended.returncode:
            sys.exit(f"error: {self.name}: {command[:200]} failed:\n{(ended.stdout + ended.stderr)[-3000:]}")
        return ended


def make_key(path: Path) -> None:
    """Make an SSH key without a passphrase."""
    call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path))


def make_network() -> None:
    """Make the network switch that connects the machines and the driver."""
    call("ip", "link", "set", "lo", "up")
    call("ip", "link", "add", BRIDGE, "type", "bridge")
    call("ip", "address", "add", f"{DRIVER}/24", "dev", BRIDGE)
    call("ip", "link", "set", BRIDGE, "up")


def call(*command: str) -> None:
    """Run a command; exit with its error output when it fails."""
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        sys.exit(f"error: {shlex.join(command)[:300]} failed: {ended.stderr[-1000:]}")


def missing() -> str | None:
    """Why machines cannot be made here, in a sentence; None when they can."""
    if os.geteuid() != 0:
        return "this needs root, to make namespaces for the machines."
    tools = [tool for tool in ("unshare", "ip", "ssh", "ssh-keygen", "sshd", "rsync") if not _found(tool)]
    if tools:
        return f"{', '.join(tools)} cannot be found; on Debian: apt install openssh-server rsync iproute2."
    script = "mount -t tmpfs own /tmp && ip link add air0 type bridge && ip link add end0 type veth peer name end1"
    tried = subprocess.run(
        ["unshare", "-m", "-n", "-u", "-p", "-f", "--mount-proc", "sh", "-c", script], capture_output=True, text=True
    )
    return f"namespaces are not allowed here: {tried.stderr.strip()}" if tried.returncode else None


def _found(tool: str) -> bool:
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None


def _wait(done: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + BOOT_S
    while not done():
        if time.monotonic() > deadline:
            sys.exit(f"error: {complaint} after {BOOT_S} s.")
        time.sleep(0.1)
