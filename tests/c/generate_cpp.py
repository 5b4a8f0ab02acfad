"""Writes C++ programs that make the calls of the vectors through flowai.hpp."""

from __future__ import annotations

import base64
import json
from typing import Any

from arguments import literal
from generate import CLIENT_OPTIONS, CONFIG, UPLOAD_OPTIONS

Json = Any

THREAD = ["thread_id"]
OPERATIONS = {
    "send_text": [*THREAD, "text"],
    "send_event": [*THREAD, "event_name"],
    "send_location": [*THREAD, "lat", "long"],
    "send_media": [*THREAD, "url", "media_type"],
    "send": [*THREAD, "message"],
    "upload_media": [*THREAD, "file"],
    "ask": [*THREAD, "message"],
    "pause": THREAD,
    "resume": THREAD,
    "handover": [*THREAD, "seconds_to_pause"],
    "resolve": [*THREAD, "write_concern"],
    "trigger_event": [*THREAD, "event_name"],
    "broadcast": ["audience", "channel", "message"],
    "broadcast_to_segments": ["segments", "message"],
    "request_history": [*THREAD, "page", "events"],
    "request_business_hours": [],
    "request_bot_status": THREAD,
    "request_threads": ["page"],
    "request_trigger_events": [],
    "history": [*THREAD, "page", "events"],
    "iter_history": [*THREAD, "limit", "events"],
    "threads": ["page"],
    "iter_threads": ["limit"],
    "create_thread": [],
    "trigger_events": [],
    "segments": [],
    "bot_status": THREAD,
}
TRUTHS = {"events", "write_concern"}


def text(value: Json) -> str:
    data = value if isinstance(value, str) else json.dumps(value)
    return f"std::string_view({literal(data)}, {len(data.encode())})"


def argument(name: str, value: Json) -> tuple[list[str], str]:
    """Give the lines that make an argument, and what is passed."""
    match name:
        case "page" | "limit":
            return [], "std::nullopt" if value is None else f"std::int64_t{{{value}}}"
        case "seconds_to_pause":
            return [], "std::nullopt" if value is None else f"std::chrono::seconds({value})"
        case "message" if not isinstance(value, str):
            return [f"const auto message = flowai::message::json({text(value)});"], "message"
        case "audience" | "segments":
            kind = {"audience": "recipient", "segments": "segment"}[name]
            adds = [f"{name}.add_{kind}_json({text(item)});" for item in value]
            return [f"auto {name} = flowai::audience::make();", *adds], name
        case "channel":
            return [], ", ".join(text(value[part]) for part in ("channelName", "externalId"))
        case "file" if "fill" in value:
            return [], f"std::string({value['fill']}, 'x')"
        case "file":
            data = base64.b64decode(value["base64"]) if "base64" in value else str(value["text"]).encode()
            return [], f"std::string_view({literal(data)}, {len(data)})"
        case _ if name in TRUTHS:
            return [], "true" if value else "false"
    return [], text(value)


def settings(variable: str, kinds: dict[str, str], values: dict[str, Json]) -> list[str]:
    """Give the lines that set the fields of a struct of options."""
    lines = []
    for name, value in values.items():
        field, kind = name, kinds[name]
        if kind == "originator":
            field += "_name" if isinstance(value, str) else "_json"
        elif kind == "document":
            field += "_json"
        match kind:
            case "seconds":
                given = f"std::chrono::milliseconds({round(value * 1000)})"
            case "bool":
                given = "true" if value else "false"
            case "number":
                given = str(value)
            case _:
                given = text(value)
        lines.append(f"{variable}.{field} = {given};")
    return lines


def function(number: int, vector: Json, client: dict[str, Json], call: dict[str, Json]) -> str:
    """Give the function that runs one case."""
    args, op = dict(call["args"]), call["op"]
    if "filename" in (args.get("file") or {}):
        args.setdefault("filename", args["file"]["filename"])
    made = [argument(name, args.pop(name, None)) for name in OPERATIONS[op]]
    passed = [given for _, given in made]
    lines = [line for each, _ in made for line in each]
    if args:
        lines += ["flowai::send_options options;", *settings("options", UPLOAD_OPTIONS, args)]
        passed.append("options")
    other = call.get("options", {})
    if other:
        lines += ["flowai::client_options other;", *settings("other", CLIENT_OPTIONS, other)]
        lines.append("client = client.with_options(other);")
    name = {"upload_media": "upload_media_bytes"}.get(op, op)
    show = "new_thread" if op == "create_thread" else "shown"
    lines += [f"auto result = client.{name}({', '.join(passed)});", f"return {show}(result);"]
    body = "\n    ".join(["flowai::config config;", *settings("config", CONFIG, client)])
    body += "\n    auto client = flowai::client::make(config);\n    " + "\n    ".join(lines)
    return f"// {vector['id']}\nstatic std::string case_{number}()\n{{\n    {body}\n}}\n"


def program(functions: list[str]) -> str:
    """Give the program that runs the case whose number it is given."""
    cases = ", ".join(f"case_{number}" for number in range(len(functions)))
    return f"""#include "runner.hpp"

{chr(10).join(functions)}
int main(int, char **argv)
{{
    std::string (*const cases[])() = {{{cases}}};

    try {{
        std::puts(("{{\\"ok\\": " + cases[std::atoi(argv[1])]() + "}}").c_str());
    }} catch (const flowai::error &error) {{
        std::puts(("{{\\"error\\": " + shown(error) + "}}").c_str());
    }}
    return 0;
}}
"""
