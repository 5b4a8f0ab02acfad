"""Writes calls.h: for every function of flowai.h a call whose arguments are made of random bytes."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

# The arguments that must not be random. Waits are short: the time that a sequence takes is theirs.
NAMED = {
    "timeout_ms": "(uint32_t)(byte(in) % 4)",
    "ms": "byte(in) % 40",
    "min_ms": "byte(in) % 40",
    "max_ms": "byte(in) % 40",
    "workers": "(size_t)(1 + byte(in) % 2)",
    "capacity": "(size_t)(byte(in) % 9)",
    "concurrency": "(size_t)(byte(in) % 9)",
    "go_on": "go_on",
    "user_data": "&callbacks",
}
# What a text is most of the time, so that calls come to something.
LIKELY = {
    "address": "127.0.0.1:0",
    "arguments": '{"thread_id": "thread-1", "text": "Hello"}',
    "channel_name": "whatsapp",
    "field": "title",
    "form": "seed",
    "lat": "12.3",
    "lng": "3.21",
    "media_type": "image",
    "method": "GET",
    "mime_type": "image/png",
    "operation": "send_text",
    "path": "a.db",
    "phone_number": "+31612345678",
    "policy": "report",
    "secret": "a secret of more than thirty-two bytes, surely",
    "state": "waiting",
    "thread_id": "thread-1",
    "url": "https://example.org/a.png",
}
DOCUMENTS = {
    "message": '{"type": "text", "speech": "Hello"}',
    "audience": '{"name": "a", "phoneNumber": "+31612345678"}',
    "send_options_set_params": '{"a": ["b"]}',
    "": '{"name": "John", "role": "external"}',
}
CALLBACKS = {
    "flowai_progress": "(byte(in) % 4 ? progress : NULL)",
    "flowai_inbox_handler": "(byte(in) % 8 ? handler : NULL)",
    "flowai_done": "(byte(in) % 4 ? done : NULL)",
    "flowai_read": "(byte(in) % 8 ? read_some : NULL)",
    "flowai_log_function": "(byte(in) % 4 ? said : NULL)",
}
NUMBERS = {"int32_t", "int64_t", "uint32_t", "uint64_t", "uint16_t", "size_t"}
SMALL = {
    "flowai_status",
    "flowai_delivery",
    "flowai_kind",
    "flowai_template_kind",
    "flowai_outcome",
    "flowai_keep_file",
    "flowai_log_level",
}
VALUES = NUMBERS | SMALL | {"_Bool", "double", "flowai_answer", "flowai_str", "void *"}


def prototypes(header: Path) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Give name, result and arguments of every function."""
    command = ["cc", "-E", "-P", str(header)]
    plain = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    plain = re.sub(r"__attribute__\(\(\w+\)\)", "", plain)
    found = []
    for result, name, arguments in re.findall(r"^([\w\s*]*?)\b(flowai_\w+)\(([^;]*)\);", plain, re.MULTILINE):
        split = [re.fullmatch(r"(.*?)(\w+)", each.strip(), re.DOTALL) for each in arguments.split(",")]
        pairs = [(match[1].strip(), match[2]) for match in split if match and match[2] != "void"]
        found.append((name, result.strip(), pairs))
    return found


def handles(header: Path) -> list[str]:
    """Give the names of the types of handles."""
    return re.findall(r"^\} (flowai_\w+);", header.read_text(), re.MULTILINE)


def call(name: str, result: str, arguments: list[tuple[str, str]], types: set[str]) -> str:
    """Write the function that makes one call."""
    before: list[str] = []
    passed: list[str] = []
    after: list[str] = []
    written = None
    for kind, argument in arguments:
        target = kind.removesuffix("*").strip()
        if argument in NAMED:
            passed.append(NAMED[argument])
        elif kind in CALLBACKS:
            passed.append(CALLBACKS[kind])
        elif kind in types:
            passed.append(f"({kind}){{pick(in, TYPE_{kind})}}")
        elif kind == "flowai_error *":
            before.append("flowai_error error = {0};")
            passed.append("byte(in) % 8 ? &error : NULL")
            after.append("keep(in, TYPE_flowai_error, error.id);")
        elif kind.endswith("*") and target in types | VALUES and not kind.startswith("const"):
            written = target
            before.append(f"{target} out = {'{0}' if target in types or target == 'flowai_str' else '0'};")
            passed.append("byte(in) % 32 ? &out : NULL")
        elif kind == "const char *":
            likely = LIKELY.get(argument)
            if argument == "document":
                likely = next(document for part, document in DOCUMENTS.items() if part in name)
            if name.endswith("set_base_url"):
                likely = None
            passed.append(f"likely(in, {json.dumps(likely)})" if likely else "text(in)")
        elif kind == "const void *":
            before.append("size_t size; const void *body = bytes(in, &size);")
            passed.append("body")
        elif kind == "const flowai_pair *":
            before.append(
                "size_t pairs_size = byte(in) % 3; const flowai_pair pairs[] = {pair(in), pair(in)};"
            )
            passed.append("pairs")
        elif kind == "size_t" and argument == "count":
            passed.append("pairs_size")
        elif kind == "size_t" and argument == "len":
            passed.append("size")
        elif kind == "_Bool":
            passed.append("(bool)(byte(in) & 1)")
        elif kind == "double":
            passed.append("(double)number(in) / 16")
        elif kind in NUMBERS:
            passed.append(f"({kind})number(in)")
        elif kind in SMALL:
            passed.append("(int32_t)(int8_t)byte(in)")
        else:
            raise TypeError(
                f"{name}: no idea how to make a {kind} {argument}; add it to {Path(__file__).name}"
            )
    made = f"{name}({', '.join(passed)})"
    lines = [*before]
    if result == "flowai_status":
        lines.append(f"flowai_status status = {made};")
        if written in types:
            lines.append(f"if (status == FLOWAI_OK) keep_new(in, TYPE_{written}, out.id);")
        elif written == "flowai_str":
            lines.append("if (status == FLOWAI_OK) read_text(in, out);")
        elif written:
            lines.append("(void)out;")
        lines += [*after, "return status;"]
    elif result == "const char *":
        lines += [f"return strlen({made}) ? FLOWAI_OK : FLOWAI_ERR_INTERNAL;"]
    elif result == "void":
        lines += [f"{made};", "return FLOWAI_OK;"]
    else:
        lines += [f"(void){made};", "return FLOWAI_OK;"]
    body = "\n    ".join(lines)
    return f"static flowai_status call_{name}(struct input *in)\n{{\n    (void)in;\n    {body}\n}}\n"


def write(header: Path, target: Path) -> None:
    """Write all of them."""
    types = handles(header)
    types = [each for each in types if each not in ("flowai_str", "flowai_pair")]
    functions = prototypes(header)
    enum = ", ".join(f"TYPE_{each}" for each in types)
    frees = ", ".join(f"free_{each}" for each in types)
    # What the functions of sequences.c are for that a header may not have.
    kinds = {kind for _, _, arguments in functions for kind, _ in arguments}
    has = "".join(f"#define HAS_{each}\n" for each in CALLBACKS if each in kinds)
    freeing = "".join(
        f"static void free_{each}(uint64_t id) {{ {each}_free(({each}){{id}}); }}\n" for each in types
    )
    calls = "\n".join(call(*each, set(types)) for each in functions)
    names = ",\n    ".join(f'{{"{name}", call_{name}}}' for name, _, _ in functions)
    target.write_text(
        f"#ifndef CALLS\n{has}enum type {{ {enum}, TYPES }};\n#else\n{freeing}\n"
        f"static void (*const frees[TYPES])(uint64_t) = {{ {frees} }};\n\n{calls}\n"
        "static const struct { const char *name; flowai_status (*call)(struct input *in); } calls[] = {\n"
        f"    {names},\n}};\n#endif\n"
    )
