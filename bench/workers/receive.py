"""A webhook as users of a framework write it: read the event, answer. Nothing is kept. Ends with SIGTERM."""

import json
import socket
import sys


def listening() -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    return listener


def aiohttp() -> None:
    from aiohttp import web

    async def receive(request: web.Request) -> web.Response:
        event = await request.json()
        event.get("type")
        return web.json_response({"status": "ok"})

    app = web.Application()
    app.add_routes([web.post("/", receive)])
    web.run_app(app, sock=listening(), print=None, access_log=None)


def fastapi() -> None:
    import uvicorn
    from fastapi import FastAPI, Request

    app = FastAPI()

    @app.post("/")
    async def receive(request: Request) -> dict[str, str]:
        event = await request.json()
        event.get("type")
        return {"status": "ok"}

    config = uvicorn.Config(app, access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listening()])


if __name__ == "__main__":
    {"aiohttp": aiohttp, "fastapi": fastapi}[sys.argv[1]]()
