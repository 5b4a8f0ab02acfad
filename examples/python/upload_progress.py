"""Upload a file and show how far it is, with tqdm or with rich.

Set FLOWAI_API_KEY, and FLOWAI_BASE_URL to talk to something else than the service, then run
python upload_progress.py THREAD_ID FILE [tqdm|rich]
with one of them installed.
"""

import sys
from pathlib import Path

import flowai


def with_tqdm(client: flowai.Client, thread_id: str, file: Path) -> flowai.Receipt:
    """Show a bar of tqdm."""
    from tqdm import tqdm

    with tqdm(desc=file.name, unit="B", unit_scale=True, unit_divisor=1024) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return client.upload_media(thread_id, file, progress=progress)


def with_rich(client: flowai.Client, thread_id: str, file: Path) -> flowai.Receipt:
    """Show a bar of rich."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    with Progress("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn()) as bars:
        task = bars.add_task(file.name)
        return client.upload_media(
            thread_id, file, progress=lambda done, total: bars.update(task, completed=done, total=total)
        )


if __name__ == "__main__":
    upload = with_rich if sys.argv[3:] == ["rich"] else with_tqdm
    with flowai.Client() as client:
        print(upload(client, sys.argv[1], Path(sys.argv[2])).status)
