"""Writes C programs that make the calls of the vectors."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from arguments import Passed, call_text, literal, pass_argument

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
CLIENT_OPTIONS = {"timeout": "seconds", "max_retries": "number", "originator": "originator"}
OPTIONS = {
    "trace_id": "number",
    "lang": "text",
    "timezone": "number",
    "params": "document",
    "write_concern": "bool",
    "title": "text",
    "mime_type": "text",
    "timeout": "seconds",
    "idle_timeout": "seconds",
    "originator": "originator",
}
UPLOAD_OPTIONS = OPTIONS | {"media_type": "text", "filename": "text", "url": "text"}


class Operation(NamedTuple):
    """How an operation is called, and what prints its result."""

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
    "ask": Operation("ask", [*THREAD, "text"], OPTIONS, "reply", "print_reply"),
    "ask_message": Operation("ask_message", [*THREAD, "message"], OPTIONS, "reply", "print_reply"),
    "pause": Operation("pause", THREAD, None, *SENT),
    "resume": Operation("resume", THREAD, None, *SENT),
    "handover": Operation("handover", [*THREAD, "seconds_to_pause"], None, *SENT),
    "resolve": Operation("resolve", [*THREAD, "write_concern"], None, *SENT),
    "takeover": Operation("takeover", THREAD, None, *SENT),
    "trigger_event": Operation("trigger_event", [*THREAD, "event_name"], None, *SENT),
    "broadcast": Operation("broadcast", ["audience", "channel", "message"], OPTIONS, *SENT),
    "broadcast_to_segments": Operation("broadcast_to_segments", ["segments", "message"], OPTIONS, *SENT),
    "request_history": Operation("request_history", [*THREAD, "page", "events"], None, *SENT),
    "request_business_hours": Operation("request_business_hours", [], None, *SENT),
    "request_bot_status": Operation("request_bot_status", THREAD, None, *SENT),
    "request_threads": Operation("request_threads", ["page"], None, *SENT),
    "request_trigger_events": Operation("request_trigger_events", [], None, *SENT),
    "history": Operation("history", [*THREAD, "page", "events"], None, "page", "print_history"),
    "iter_history": Operation(
        "iter_history", [*THREAD, "limit", "events"], None, "history_iter", "print_all_history"
    ),
    "threads": Operation("threads", ["page"], None, "page", "print_threads"),
    "iter_threads": Operation("iter_threads", ["limit"], None, "thread_iter", "print_all_threads"),
    "create_thread": Operation("create_thread", [], None, "string", "print_new_thread"),
    "trigger_events": Operation("trigger_events", [], None, "list", "print_list"),
    "segments": Operation("segments", [], None, "list", "print_list"),
    "business_hours": Operation("business_hours", [], None, "business_hours", "print_hours"),
    "bot_status": Operation("bot_status", THREAD, None, "bot_status", "print_status"),
    "request": Operation("request", ["method", "path", "query", "json"], None, "response", "print_response"),
}


AND = "\n        && "


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
    forms = {
        "text": call_text,
        "document": lambda value: literal(json.dumps(value)),
        "seconds": seconds,
        "bool": lambda value: "true" if value else "false",
        "number": lambda value: f"({'uint64_t' if name == 'trace_id' else 'int32_t'}){value}",
    }
    return f"flowai_{prefix}_set_{name}{suffix}({handle}, {forms[kind](value)}, &error) == FLOWAI_OK"


def print_result(operation: Operation) -> str:
    if operation.result.endswith("_iter"):
        # An iterator fails while it is read.
        reading = f"done ? {operation.printer}(result, &error) : FLOWAI_ERR_INTERNAL"
        return f"done = ({reading}) == FLOWAI_OK;\n        if (!done)\n            print_error(error);"
    printed = f'printf("{{\\"ok\\": "); {operation.printer}(result); printf("}}\\n");'
    return f"if (done) {{ {printed} }} else\n            print_error(error);"


def with_options(options: dict[str, Json]) -> list[str]:
    """The conditions that put a client with other options in the place of the client."""
    if not options:
        return []
    sets = [
        setter("client_options", "other", name, CLIENT_OPTIONS[name], value)
        for name, value in options.items()
    ]
    made = "flowai_client_with_options(client, other, &error, &client) == FLOWAI_OK"
    return ["flowai_client_options_new(&error, &other) == FLOWAI_OK", *sets, made]


def begun(client: dict[str, Json], call: dict[str, Json]) -> str:
    """What must hold before the call of a case is made: there is its client."""
    configures = [setter("config", "config", name, CONFIG[name], value) for name, value in client.items()]
    made = "flowai_client_new(config, &error, &client) == FLOWAI_OK"
    return AND.join([*configures, made, *with_options(call.get("options", {}))])


def case(number: int, vector: Json, ready: str, times: str) -> str:
    """The function that runs one case: sets up a client, and does something so many times."""
    return f"""
/* {vector["id"]} */
static void case_{number}(void)
{{
    flowai_config config = {{0}};
    flowai_client client = {{0}};
    flowai_client_options other = {{0}};
    flowai_error error = {{0}};
    int n;
    bool ready = flowai_config_new(&error, &config) == FLOWAI_OK
        && {ready};

    flowai_config_free(config);
    if (!ready) {{
        print_error(error);
        return;
    }}
    for (n = 0; n < {vector.get("times", 1)}; n++) {{
{times}
        fflush(stdout);
        pause_for(n + 1 < {vector.get("times", 1)} ? {vector.get("pause_ms", 0)} : 0);
    }}
    flowai_client_free(client);
}}
"""


def by_name(number: int, vector: Json, client: dict[str, Json], call: dict[str, Json], how: str) -> str:
    """As `function`, with the operation and its arguments given by name; `how` is "json" or "queue"."""
    args = dict(call["args"])
    fill = (args.get("file") or {}).get("fill")
    if fill is None and how == "json":
        arguments = f"{literal(call['op'])}, {literal(json.dumps(args))}"
        return case(number, vector, begun(client, call), f"        call_json(client, {arguments});")
    if fill is not None:
        args["filename"] = args.pop("file")["filename"]
    arguments = f"{literal(call['op'])}, {literal(json.dumps(args))}, {fill or 0}"
    return case(number, vector, begun(client, call), f"        call_by_queue(client, {arguments});")


def function(number: int, vector: Json, client: dict[str, Json], call: dict[str, Json]) -> str:
    """The function that runs one case, in which every ${name} but ${n} is filled in."""
    args = dict(call["args"])
    op = call["op"]
    if op == "ask" and isinstance(args["message"], str):
        args["text"] = args.pop("message")
    elif op == "ask":
        op = "ask_message"
    operation = OPERATIONS[op]
    if "filename" in (args.get("file") or {}):
        args.setdefault("filename", args["file"]["filename"])
    passed: list[Passed] = [pass_argument(name, args.pop(name, None)) for name in operation.arguments]
    given = [argument.passed for argument in passed]
    conditions = [condition for argument in passed for condition in argument.conditions]
    if operation.options is None:
        assert not args, args
    else:
        conditions += [
            setter("send_options", "options", name, operation.options[name], args[name]) for name in args
        ]
        given.append("options")
    arguments = ", ".join(["client", *given, "&error", "&result"])
    called = f"flowai_client_{operation.function}({arguments}) == FLOWAI_OK"
    lines = [line for argument in passed for line in argument.lines]
    times = f"""
        flowai_{operation.result} result = {{0}};
        flowai_send_options options = {{0}};
        {" ".join(lines)}
        bool done = flowai_send_options_new(&error, &options) == FLOWAI_OK
            && {AND.join([*conditions, called])};

        flowai_send_options_free(options);
        {print_result(operation)}"""
    return case(number, vector, begun(client, call), times)


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
