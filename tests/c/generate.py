"""Writes C programs that make the calls of the vectors."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, NamedTuple

Json = Any

CONFIG = {
    "api_key": "text",
    "base_url": "text",
    "auth_scheme": "text",
    "metadata_form": "text",
    "proxy": "text",
    "ca_file": "text",
    "user_agent": "text",
    "max_text_length": "number",
    "max_retries": "number",
    "trace_ids": "bool",
    "allow_http": "bool",
    "timeout": "seconds",
    "originator": "originator",
}
OPTIONS = {
    "trace_id": "number",
    "lang": "text",
    "timezone": "number",
    "params": "document",
    "title": "text",
    "mime_type": "text",
    "timeout": "seconds",
    "idle_timeout": "seconds",
    "originator": "originator",
}
UPLOAD_OPTIONS = OPTIONS | {"media_type": "text", "filename": "text", "url": "text"}


class Operation(NamedTuple):
    """How an operation is called."""

    function: str
    arguments: list[str]
    options: dict[str, str] | None
    result: str
    printer: str


SENT = ("receipt", "print_receipt")
THREAD = ["thread_id"]
OPERATIONS = {
    "send_text": Operation("send_text", [*THREAD, "text"], OPTIONS, *SENT),
    "send_event": Operation("send_event", [*THREAD, "event_name"], OPTIONS, *SENT),
    "send_location": Operation("send_location", [*THREAD, "lat", "long"], OPTIONS, *SENT),
    "send_media": Operation("send_media", [*THREAD, "url", "media_type"], OPTIONS, *SENT),
    "send": Operation("send", [*THREAD, "message"], OPTIONS, *SENT),
    "upload_media": Operation("upload_media_bytes", [*THREAD, "file"], UPLOAD_OPTIONS, *SENT),
    "pause": Operation("pause", THREAD, None, *SENT),
    "resume": Operation("resume", THREAD, None, *SENT),
    "request_history": Operation("request_history", [*THREAD, "page"], None, *SENT),
    "request_business_hours": Operation("request_business_hours", [], None, *SENT),
    "request_bot_status": Operation("request_bot_status", THREAD, None, *SENT),
    "history": Operation("history", [*THREAD, "page"], None, "history_page", "print_page"),
    "iter_history": Operation("iter_history", [*THREAD, "limit"], None, "history_iter", "print_all"),
    "business_hours": Operation("business_hours", [], None, "business_hours", "print_hours"),
    "bot_status": Operation("bot_status", THREAD, None, "bot_status", "print_status"),
}


def literal(text: str | bytes) -> str:
    """A string literal, in octal wherever C could read something else."""
    data = text.encode() if isinstance(text, str) else text
    plain = set(
        b" !#$%&'()*+,-./0123456789:;<=>@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~"
    )
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in data) + '"'


def call_text(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"numbered({literal(text)}, n)" if "${n}" in text else literal(text)


def seconds(value: float) -> str:
    return str(round(value * 1000))


def setter(prefix: str, handle: str, name: str, kind: str, value: Json) -> str:
    """A call of a setter, as an expression that is true when it succeeded."""
    suffix = ""
    if kind == "originator":
        kind, suffix = ("text", "_name") if isinstance(value, str) else ("document", "_json")
    elif kind == "document":
        suffix = "_json"
    elif kind == "seconds":
        suffix = "_ms"
    forms: dict[str, Callable[[Json], str]] = {
        "text": call_text,
        "document": lambda value: literal(json.dumps(value)),
        "seconds": seconds,
        "bool": lambda value: "true" if value else "false",
        "number": lambda value: f"({'uint64_t' if name == 'trace_id' else 'int32_t'}){value}",
    }
    return f"flowai_{prefix}_set_{name}{suffix}({handle}, {forms[kind](value)}, &error) == FLOWAI_OK"


def file_lines(file: dict[str, Json]) -> tuple[list[str], str]:
    """What makes the content of a file, and how it is passed."""
    if "fill" in file:
        size = int(file["fill"])
        return [f"char *file = malloc({size} + 1);", f"memset(file, 'x', {size});"], f"file, {size}"
    data = base64.b64decode(file["base64"]) if "base64" in file else str(file["text"]).encode()
    return [], f"{literal(data)}, {len(data)}"


def print_result(operation: Operation) -> str:
    if operation.result == "history_iter":
        # An iterator fails while it is read.
        reading = "done ? print_all(result, &error) : FLOWAI_ERR_INTERNAL"
        return f"done = ({reading}) == FLOWAI_OK;\n        if (!done)\n            print_error(error);"
    printed = f'printf("{{\\"ok\\": "); {operation.printer}(result); printf("}}\\n");'
    return f"if (done) {{ {printed} }} else\n            print_error(error);"


def function(number: int, vector: Json, client: dict[str, Json], call: dict[str, Json]) -> str:
    """The function that runs one case, in which every ${name} but ${n} is filled in."""
    operation = OPERATIONS[call["op"]]
    args = dict(call["args"])
    lines: list[str] = []
    passed = []
    file = args.get("file")
    if file and "filename" in file:
        args.setdefault("filename", file["filename"])
    for name in operation.arguments:
        if name == "file":
            declarations, data = file_lines(args.pop("file"))
            lines += declarations
            passed.append(data)
        elif name in ("page", "limit"):
            passed.append(str(args.pop(name, "FLOWAI_NONE")))
        else:
            passed.append(call_text(args.pop(name)) if name in args else "NULL")
    sets = []
    if operation.options is not None:
        sets = [setter("send_options", "options", name, operation.options[name], args[name]) for name in args]
        passed.append("options")
    else:
        assert not args, args
    configures = [setter("config", "config", name, CONFIG[name], value) for name, value in client.items()]
    joined = "\n        && ".join
    arguments = ", ".join(["client", *passed, "&error", "&result"])
    return f"""
/* {vector["id"]} */
static void case_{number}(void)
{{
    flowai_config config = {{0}};
    flowai_client client = {{0}};
    flowai_error error = {{0}};
    int n;
    bool ready = flowai_config_new(&error, &config) == FLOWAI_OK
        && {joined(configures)}
        && flowai_client_new(config, &error, &client) == FLOWAI_OK;

    flowai_config_free(config);
    if (!ready) {{
        print_error(error);
        return;
    }}
    for (n = 0; n < {vector.get("times", 1)}; n++) {{
        flowai_{operation.result} result = {{0}};
        flowai_send_options options = {{0}};
        {" ".join(lines)}
        bool done = flowai_send_options_new(&error, &options) == FLOWAI_OK
            && {joined([*sets, f"flowai_client_{operation.function}({arguments}) == FLOWAI_OK"])};

        flowai_send_options_free(options);
        {print_result(operation)}
        fflush(stdout);
        pause_for(n + 1 < {vector.get("times", 1)} ? {vector.get("pause_ms", 0)} : 0);
    }}
    flowai_client_free(client);
}}
"""


def program(functions: list[str]) -> str:
    """A program that runs the case whose number it is given; "driven" after it: beside a receiver."""
    cases = ", ".join(f"case_{number}" for number in range(len(functions)))
    return f"""#include "runner.h"
{"".join(functions)}
int main(int argc, char **argv)
{{
    void (*cases[])(void) = {{{cases}}};

    if (argc < 2)
        return 2;
    if (argc > 2 && strcmp(argv[2], "driven") == 0)
        start_driver();
    cases[atoi(argv[1])]();
    return 0;
}}
"""
