"""Replicas come with requests and go without them.

The chapter: ``autoscaling_config`` of a deployment, with the fewest and the most replicas and how many requests each
should have at a time. Today: the same; the last is ``target_ongoing_requests``.
Look at: one replica, more while sixteen requests wait at a time, one again.
"""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests
from ray import serve
from starlette.requests import Request

from examples.serving import start_serve

AT_ONCE = 16
SCALING = {"min_replicas": 1, "max_replicas": 3, "target_ongoing_requests": 4}
# By default Serve looks at half a minute and waits ten minutes before it takes a replica away.
SOON = {"look_back_period_s": 1, "metrics_interval_s": 0.2, "upscale_delay_s": 0.5, "downscale_delay_s": 1}


@serve.deployment(autoscaling_config=SCALING | SOON, max_ongoing_requests=8, ray_actor_options={"num_cpus": 0.5})
async def patient(_: Request) -> str:
    """Answers after a quarter of a second of waiting."""
    await asyncio.sleep(0.25)
    return "ok"


def wait_for(replicas: int) -> None:
    """Until so many run; a minute at most."""
    for _ in range(300):
        states = serve.status().applications["default"].deployments["patient"].replica_states
        if states == {"RUNNING": replicas}:
            break
        time.sleep(0.2)
    print(f"replicas: {states.get('RUNNING', 0)}", flush=True)


def main() -> None:
    """Ask sixteen requests at a time until there are three replicas, then nothing until there is one."""
    url, enough = start_serve(), threading.Event()
    serve.run(patient.bind())
    wait_for(1)

    def ask() -> int:
        return sum(requests.get(url, timeout=30).ok for _ in iter(enough.is_set, True))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        clients = [pool.submit(ask) for _ in range(AT_ONCE)]
        wait_for(3)
        enough.set()
    print(f"requests answered meanwhile: {sum(client.result() for client in clients)}")
    wait_for(1)


if __name__ == "__main__":
    main()
