"""Tasks for a worker of Celery, which forks its children from a parent whose client was used."""

from __future__ import annotations

import os
import time

from celery import Celery  # type: ignore[import-untyped]

import flowai

FOLDER = os.environ["CELERY_FOLDER"]
QUEUE = f"{FOLDER}/queue"

app = Celery("tasks", broker="filesystem://")
app.conf.update(
    broker_transport_options={
        "data_folder_in": QUEUE,
        "data_folder_out": QUEUE,
        "control_folder": f"{FOLDER}/control",
        "polling_interval": 0.05,
    },
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    worker_lost_wait=0.2,
    # What a killed child had begun is begun anew by another.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    broker_connection_retry_on_startup=True,
    # A child ends after a few tasks, and another one is forked.
    worker_max_tasks_per_child=int(os.environ.get("CELERY_TASKS_PER_CHILD", "1000")),
)

client = flowai.Client(timeout=20.0)
if "CELERY_WORKER" in os.environ:
    client.send_text("parent", "at import")


@app.task  # type: ignore[untyped-decorator]
def send(number: int, pause: float = 0.0) -> None:
    if pause > 1:
        with open(f"{FOLDER}/begun", "a") as file:
            file.write(f"{os.getpid()}\n")
    time.sleep(pause)
    receipt = client.send_text("child", f"{os.getpid()} {number}")
    assert receipt.status == "ok"
