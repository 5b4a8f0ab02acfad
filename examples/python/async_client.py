"""Ask a bot in several threads at the same time.

Set FLOWAI_API_KEY, and FLOWAI_BASE_URL to talk to something else than the service, then run
python async_client.py THREAD_ID...
"""

import asyncio
import sys

import flowai


async def main(thread_ids: list[str]) -> None:
    """Print each reply, in the order of the threads."""
    async with flowai.AsyncClient(originator="John Doe") as client:
        replies = await asyncio.gather(*[client.ask(name, "Are you there?") for name in thread_ids])
        for reply in replies:
            print(f"{reply.thread_id}: {reply.text}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or ["thread-1", "thread-2"]))
