"""List, show and cancel jobs: python -m training.jobs list | show JOB | cancel JOB"""

from __future__ import annotations

import sys

from training.jobs.store import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
