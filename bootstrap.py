"""Make the virtual environment that ``make run`` and ``make test`` use; standard library only.

    python3 bootstrap.py          the packages of the app
    python3 bootstrap.py --dev    those of the tests too
    python3 bootstrap.py --extra  those of some examples and of the Keras learner too

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
EXTRA, MARS = "requirements-extra.txt", "requirements-mars.txt"
EXTRA_BYTES = 2 * 1024**3
MORE = {"--dev": (DEV,), "--extra": (EXTRA, MARS)}


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


def pip_installs(name, *options, **environment):
    print("installing %s into .venv; the first time takes a few minutes" % name, flush=True)
    command = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *options, "-r", name]
    return subprocess.call(command, cwd=ROOT, env=dict(os.environ, **environment)) == 0


def install(name, *options):
    if not pip_installs(name, *options):
        fail("pip could not install %s (its message is above); check network and disk, then run again." % name)


def locked():
    """Options for pip that keep the locked packages as they are, whatever others would like better."""
    constraints = os.path.join(VENV, "constraints.txt")
    with open(os.path.join(ROOT, LOCK)) as lock, open(constraints, "w") as file:
        file.writelines(line.rstrip(" \\\n") + "\n" for line in lock if line[0].isalnum())
    return "--constraint", constraints


def install_extra():
    if shutil.disk_usage(ROOT).free < EXTRA_BYTES:
        fail("the extra packages need 2 GB, and the disk of %s has less free; free some space." % ROOT)
    install(EXTRA, *locked())
    # It only shows how it fails, so it is compiled as fast as can be.
    if not pip_installs(MARS, *locked(), CFLAGS="-O0"):
        print(
            "MARS could not be compiled (Debian: apt install g++ python3-dev), so examples.mars cannot run; "
            "everything else is installed."
        )


def main():
    option = next((option for option in MORE if option in sys.argv[1:]), "")
    run_key = wanted((LOCK, REQUIREMENTS))
    key = wanted((LOCK, REQUIREMENTS, *MORE.get(option, ())))
    run_stamp = os.path.join(VENV, ".complete")
    stamp = run_stamp + option.replace("--", "-")
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
    if option == "--dev":
        install(DEV)
    if option == "--extra":
        install_extra()
    with open(stamp, "w") as file:
        file.write(key)
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
