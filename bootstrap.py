"""Make the virtual environment that ``make run`` and ``make test`` use; standard library only.

    python3 bootstrap.py          the packages of the app
    python3 bootstrap.py --dev    those of the tests too

Installs every package but torch by the hashes of requirements.lock, then torch, from AIR_TORCH_INDEX where that is
set. Torch's dependencies are installed by then, so that index provides nothing but torch.

Does nothing when the environment is complete for these requirements. Completes a half-made one,
and replaces a broken one.
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
    """A Python of at least 3.11: this interpreter, or one on the PATH."""
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
    """The key of a complete environment: a digest of the requirement files."""
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
    print("installing %s into .venv; the first time takes a few minutes" % name, flush=True)
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
        fail("%s is not writable; copy the repository to a folder of your own and run again." % ROOT)
    if not works():
        if shutil.disk_usage(ROOT).free < NEEDED_BYTES:
            fail("the packages need 9 GB, and the disk of %s has less free; free some space." % ROOT)
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
        fail("stopped; run again to continue.")
    except OSError as error:
        where = error.filename or ROOT
        fail("%s: %s. Check the disk and the folder's permissions, then run again." % (where, error.strerror))
