"""Check whether AIR Studio can run on this machine, and print how to fix what would stop it; standard library only.

    make doctor        or: python3 cluster/doctor.py

Reads the same settings as ``make run``. Exit status 1 when something would keep it from running.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NEWER_PYTHONS = ("python3.13", "python3.12", "python3.11")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MB, GB = 1024**2, 1024**3
MIN_MEMORY, GOOD_MEMORY = 3 * GB, 6 * GB
MIN_DISK, PACKAGES = 512 * MB, 9 * GB
ANSWER_S = 3
OK, NOTE, WRONG = "ok", "note", "WRONG"


def setting(name, default):
    """The environment variable, or the default where it is unset or empty."""
    return os.environ.get(name) or default


def first_line(path):
    """The first line of a file that may not be there."""
    try:
        with open(path) as file:
            return file.readline().strip()
    except OSError:
        return ""


def python():
    """Python 3.11 or newer, with venv."""
    version = sys.version.split()[0]
    if sys.version_info >= (3, 11):
        missing = subprocess.call([sys.executable, "-c", "import ensurepip, venv"], stderr=subprocess.DEVNULL)
        if missing and not has_environment():
            return WRONG, "Python %s cannot make a virtual environment. Debian: apt install python3-venv" % version
        return OK, "Python %s" % version
    for name in NEWER_PYTHONS:
        if shutil.which(name):
            return OK, "Python %s is too old, but %s is installed and will be used" % (version, name)
    return (
        WRONG,
        "Python %s is too old: 3.11 or newer is needed. Debian: apt install python3.11-venv" % version,
    )


def has_environment():
    """Whether ``make run`` has installed its packages."""
    return os.path.exists(os.path.join(ROOT, ".venv", ".complete"))


def cores():
    """Cores of this process: affinity, the container's quota and AIR_CPUS."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = first_line("/sys/fs/cgroup/cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        count = max(1, min(count, int(quota) // int(period)))
    wanted = setting("AIR_CPUS", "")
    if wanted and not (wanted.isdigit() and int(wanted)):
        return WRONG, "AIR_CPUS is %r; a whole number of cores is needed, for example 2" % wanted
    count = min(count, int(wanted or count))
    if count < 2:
        return NOTE, "1 core: it works, but predictions slow down during a training; 2 or more are better"
    return OK, "%d cores" % count


def memory():
    """Free memory: the machine's, or what the container's limit leaves."""
    sizes = []
    try:
        with open("/proc/meminfo") as file:
            sizes += [int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable")]
    except OSError:
        return NOTE, "memory: how much is free is unknown on this system; %d GB are needed" % (MIN_MEMORY // GB)
    limit, used = first_line("/sys/fs/cgroup/memory.max"), first_line("/sys/fs/cgroup/memory.current")
    if limit.isdigit():
        sizes.append(max(0, int(limit) - int(used or 0)))
    free = min(sizes)
    found = "%.1f GB of memory free" % (free / GB)
    if free < MIN_MEMORY:
        return WRONG, "%s, %d GB are needed. Stop other programs, or give the container more" % (
            found,
            MIN_MEMORY // GB,
        )
    if free < GOOD_MEMORY:
        return NOTE, "%s: enough to predict; training the image model needs %d GB" % (found, GOOD_MEMORY // GB)
    return OK, found


def shared_memory():
    """Room in /dev/shm for Ray's object store."""
    text = setting("AIR_OBJECT_STORE_MB", "1024")
    if not text.isdigit():
        return WRONG, "AIR_OBJECT_STORE_MB is %r; a whole number of MiB is needed, for example 1024" % text
    if not os.path.isdir("/dev/shm"):
        return OK, "no /dev/shm on this system, and none is needed"
    free = shutil.disk_usage("/dev/shm").free // MB
    if free < int(text):
        fix = "In a container: --shm-size=%dm. Or use less: AIR_OBJECT_STORE_MB=%d" % (
            int(text) + 512,
            max(128, free * 3 // 4),
        )
        return WRONG, "/dev/shm has %d MB free; Ray's objects need %s MB and would go to disk. %s" % (
            free,
            text,
            fix,
        )
    return OK, "%d MB free in /dev/shm for %s MB of Ray's objects" % (free, text)


def is_free(host, port):
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def answers(port):
    """Whether it is AIR Studio that listens there."""
    try:
        with urllib.request.urlopen("http://127.0.0.1:%d/api/access" % port, timeout=ANSWER_S) as reply:
            return "changes" in json.loads(reply.read().decode())
    except (OSError, ValueError, http.client.HTTPException):
        return False


def ports():
    """The public port and the three behind it."""
    host, found = setting("AIR_HOST", "127.0.0.1"), []
    for offset, name in enumerate(
        ("AIR_PORT", "AIR_HAPROXY_STATS_PORT", "AIR_HAPROXY_METRICS_PORT", "AIR_FALLBACK_PORT")
    ):
        text = setting(name, str(found[0] + offset + 1) if found else "7860")
        if not (text.isdigit() and 1024 <= int(text) <= 60000):
            return WRONG, "%s is %r; a number from 1024 to 60000 is needed" % (name, text)
        found.append(int(text))
    port, behind = found[0], found[1:]
    taken = [one for one in (port, *behind) if not is_free(host if one == port else "127.0.0.1", one)]
    if not taken:
        return OK, "ports %d, %s are free" % (port, ", ".join(map(str, behind)))
    if port in taken and answers(port):
        return OK, "AIR Studio is already running: http://localhost:%d" % port
    return WRONG, "port %s is taken by another program. Stop it, or choose other ports: AIR_PORT=%d make run" % (
        " and ".join(map(str, taken)),
        port + 100,
    )


def existing(folder):
    """The folder, or the nearest one above it that exists."""
    folder = os.path.abspath(os.path.expanduser(folder))
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    return folder


def home():
    """AIR_HOME: writable, with free space."""
    folder = os.path.abspath(os.path.expanduser(setting("AIR_HOME", os.path.join(ROOT, ".air"))))
    probe = os.path.join(existing(folder), ".write-test-%d" % os.getpid())
    try:
        os.mkdir(probe)
        os.rmdir(probe)
    except OSError as error:
        return WRONG, "AIR_HOME (%s) is not writable: %s. Set it to a folder that is" % (
            folder,
            error.strerror,
        )
    free = shutil.disk_usage(existing(folder)).free
    if free < MIN_DISK:
        return WRONG, "the disk of AIR_HOME (%s) has %d MB free, %d MB are needed. Free space, or move AIR_HOME" % (
            folder,
            free // MB,
            MIN_DISK // MB,
        )
    return OK, "AIR_HOME (%s) is writable, %d GB free" % (folder, free // GB)


def packages():
    """The installed packages, or room for them."""
    if has_environment():
        return OK, "the packages are installed in .venv"
    if not os.access(ROOT, os.W_OK):
        return WRONG, "%s is not writable. Copy the repository to a folder of your own" % ROOT
    free = shutil.disk_usage(ROOT).free
    if free < PACKAGES:
        return WRONG, "%s has %.1f GB free, the packages need %d. Free some space" % (ROOT, free / GB, PACKAGES // GB)
    return NOTE, "the packages are not installed yet: make run installs them, which takes minutes and a network"


def has_pictures(folder):
    """Whether the folder holds CIFAR-10 in one of the three forms."""
    names = [name for _, _, files in os.walk(folder) for name in files]
    if any(name.startswith("train") and name.endswith(".parquet") for name in names):
        return any(name.startswith("test") and name.endswith(".parquet") for name in names)
    if os.path.isdir(os.path.join(folder, "cifar-10-batches-py")) or "data_batch_1" in os.listdir(folder):
        return "test_batch" in names
    base = os.path.join(folder, "train") if os.path.isdir(os.path.join(folder, "train")) else folder
    classes = [name for name in os.listdir(base) if os.path.isdir(os.path.join(base, name)) and name[0] != "."]
    return len(classes) > 1


def pictures():
    """Where retraining the image model finds CIFAR-10."""
    folder = os.path.expanduser(setting("CIFAR10_DIR", ""))
    forms = "Parquet files of the hub, cifar-10-batches-py, or one folder of images per class"
    if folder and not os.path.isdir(folder):
        return WRONG, "CIFAR10_DIR (%s) is not a folder. Set it to one with %s, or unset it" % (folder, forms)
    try:
        here = bool(folder) and has_pictures(folder)
    except OSError as error:
        return WRONG, "CIFAR10_DIR (%s) cannot be read: %s. Make it readable, or unset it" % (folder, error.strerror)
    if folder and not here:
        return WRONG, "CIFAR10_DIR (%s) does not hold CIFAR-10. Supported: %s" % (folder, forms)
    if folder:
        return OK, "CIFAR-10 is in %s" % folder
    cache = os.path.join(setting("AIR_HOME", os.path.join(ROOT, ".air")), "cache", "cifar-10-batches-py")
    if os.path.isdir(os.path.expanduser(cache)):
        return OK, "CIFAR-10 is already downloaded"
    return NOTE, "CIFAR10_DIR is not set: retraining the image model downloads CIFAR-10 (170 MB); nothing else needs it"


def gpu():
    """GPUs that a training could use."""
    command = shutil.which("nvidia-smi")
    if not command:
        return NOTE, "no GPU: everything runs on the CPU, which is enough for AIR Studio"
    listed = subprocess.run([command, "-L"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    found = [line.split(" (UUID")[0] for line in listed.stdout.decode().splitlines() if line.startswith("GPU")]
    if listed.returncode or not found:
        return NOTE, "nvidia-smi is installed but finds no GPU: its driver may not be loaded; the CPU is used"
    return OK, ", ".join(found)


def browser():
    """The browser that the tests use."""
    found = [name for name in BROWSERS if shutil.which(name)]
    if found:
        return OK, "%s is installed, for the tests" % found[0]
    return NOTE, "no Chromium: make test installs one; make run does not need it"


CHECKS = (python, cores, memory, shared_memory, ports, home, packages, pictures, gpu, browser)


def main():
    """Print a line per check; returns 1 when something would keep AIR Studio from running."""
    wrong = 0
    for check in CHECKS:
        state, sentence = check()
        wrong += state == WRONG
        print("%-6s %s." % (state, sentence))
    print()
    if wrong:
        print("1 problem to fix first." if wrong == 1 else "%d problems to fix first." % wrong)
        return 1
    print("No problem found. Start with: make run")
    return 0


if __name__ == "__main__":
    sys.exit(main())
