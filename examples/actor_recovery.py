"""An actor and a Serve replica that are killed and come back.

The chapter: ``max_restarts`` starts an actor again, ``max_task_retries`` repeats its calls, Serve replaces a replica.
Today: the same. Look at: the actor goes on from what it had stored, so one count is lost; no request is.
"""

import os
import signal
import time
from pathlib import Path

import ray
import requests
from ray import serve

from examples.serving import start_serve


@ray.remote(max_restarts=1, max_task_retries=-1)
class Counter:
    """Counts, and stores even counts alone."""

    def __init__(self, file: Path) -> None:
        self.file, self.count = file, int(file.read_text())

    def add(self) -> tuple[int, int]:
        """The next count, and the process that counts."""
        self.count += 1
        self.file.write_text(str(self.count - self.count % 2))
        return self.count, os.getpid()


@serve.deployment(num_replicas=2, health_check_period_s=0.5)  # by default, Serve looks every 10 s
def replica(_: object) -> str:
    """The process that answers."""
    return str(os.getpid())


def main() -> None:
    """Kill the actor after three counts; then one of two replicas, and ask until its successor answers."""
    url, file = start_serve(), Path("count.txt").resolve()
    file.write_text("0")
    counter = Counter.remote(file)
    count, process = ray.get([counter.add.remote() for _ in range(3)])[-1]
    os.kill(process, signal.SIGKILL)
    again, successor = ray.get(counter.add.remote())
    print(f"actor: counted to {count}, killed, counts {again} in {'a new' if successor != process else 'its'} process")
    serve.run(replica.bind())
    failed, processes = 0, {requests.get(url, timeout=30).text for _ in range(30)}
    os.kill(int(min(processes)), signal.SIGKILL)
    while len(processes) < 3:
        reply = requests.get(url, timeout=30)
        failed += not reply.ok
        processes |= {reply.text} if reply.ok else set()
        time.sleep(0.05)
    print(f"replicas: one of 2 killed, a third one answers, failed requests: {failed}")


if __name__ == "__main__":
    main()
