"""Make the virtual environment that ``make run`` and ``make test`` use; standard library only.

    python3 bootstrap.py          what the app needs
    python3 bootstrap.py --dev    and what the tests need

Every package but torch comes by the hashes of requirements.lock. Then torch, from AIR_TORCH_INDEX where that is
set: what else it needs is there by then, so nothing but torch is taken from that index.

Does nothing when the environment is complete for these requirements. A half-made one is finished,
or made anew where it is broken.
"""

import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
NEWEST_FIRST = ("python3.13", "python3.12", "python3.11")
NEEDED_BYTES = 9 * 1024**3
LOCK, REQUIREMENTS, DEV = "requirements.lock", "requirements.txt", "requirements-dev.txt"


def fail(sentence):
    sys.exit("error: " + sentence)


def find_python():
    """This interpreter, or a newer one on the PATH, that is at least 3.11."""
    if sys.version_info >= (3, 11):
        return sys.executable
    for name in NEWEST_FIRST:
        if shutil.which(name):
            return shutil.which(name)
    fail(
        "AIR Studio needs Python 3.11 or newer; this is %s. Install one (Debian: apt install python3.11 "
        "python3.11-venv) and run again." % sys.version.split()[0]
    )


def wanted(names):
    """What identifies a complete environment: the contents of the requirement files."""
    digest = hashlib.sha256()
    for name in names:
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def is_complete(stamp, key):
    if not os.path.exists(PYTHON) or not os.path.exists(stamp):
        return False
    with open(stamp) as file:
        return file.read() == key


def works():
    return os.path.exists(PYTHON) and subprocess.call([PYTHON, "-c", "import pip"], stderr=subprocess.DEVNULL) == 0


def install(name, *options):
    print("installing %s into .venv; the first time takes some minutes" % name, flush=True)
    command = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *options, "-r", name]
    if subprocess.call(command, cwd=ROOT):
        fail("pip could not install %s (its message is above); check network and disk, then run again." % name)


def main():
    dev = "--dev" in sys.argv[1:]
    run_key = wanted((LOCK, REQUIREMENTS))
    key = wanted((LOCK, REQUIREMENTS, DEV)) if dev else run_key
    dev_stamp, run_stamp = os.path.join(VENV, ".complete-dev"), os.path.join(VENV, ".complete")
    stamp = dev_stamp if dev else run_stamp
    if is_complete(stamp, key):
        return
    python = find_python()
    if not os.access(ROOT, os.W_OK):
        fail("%s cannot be written; copy the repository to a folder of your own and run again." % ROOT)
    if not works():
        if shutil.disk_usage(ROOT).free < NEEDED_BYTES:
            fail("the disk of %s has less than 9 GB free, which the packages need; free some space." % ROOT)
        print("making the virtual environment .venv", flush=True)
        if subprocess.call([python, "-m", "venv", "--clear", VENV]):
            fail("Python cannot make a virtual environment; on Debian: apt install python3-venv, then run again.")
    index = os.environ.get("AIR_TORCH_INDEX")
    install(LOCK, "--require-hashes")
    install(REQUIREMENTS, *(["--index-url", index] if index else []))
    if dev:
        install(DEV)
    with open(stamp, "w") as file:
        file.write(key)
    if dev:
        with open(run_stamp, "w") as file:
            file.write(run_key)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        fail("stopped; run again to go on.")
    except OSError as error:
        where = error.filename or ROOT
        fail("%s: %s. Check the disk and the folder's rights, then run again." % (where, error.strerror))
