"""The templates of the shared vectors: a program that is written from them reads their fields one by one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import compare
from arguments import literal

from conftest import VECTORS
from test_events import body

Json = Any


def read_field(depth: int, field: str, value: Json) -> Iterator[str]:
    """The statements that read a field of the document `d<depth>` and compare it."""
    part, name, inner = f"d{depth}", literal(field), depth + 1
    match value:
        case None:
            yield f"want_nothing({part}, {name});"
        case bool():
            yield f"want_answer({part}, {name}, {'FLOWAI_YES' if value else 'FLOWAI_NO'});"
        case int() | float():
            yield f"want_number({part}, {name}, {float(value)!r});"
        case str():
            yield f"want_text({part}, {name}, {literal(value)});"
        case dict():
            yield f"{{ flowai_document d{inner} = inner({part}, {name});"
            yield from read_fields(inner, value)
            yield f"flowai_document_free(d{inner}); }}"
        case list():
            yield f"{{ flowai_list l{depth} = inner_list({part}, {name}, {len(value)});"
            for index, item in enumerate(value):
                assert isinstance(item, dict), item
                yield f"{{ flowai_document d{inner} = item(l{depth}, {index});"
                yield from read_fields(inner, item)
                yield f"flowai_document_free(d{inner}); }}"
            yield f"flowai_list_free(l{depth}); }}"


def read_fields(depth: int, fields: dict[str, Json]) -> Iterator[str]:
    for field, value in fields.items():
        yield from read_field(depth, field, value)


def function(vector: Json) -> Iterator[str]:
    """The statements of one case."""
    data, parts = body(vector), vector["expect"]["templates"]
    yield f"vector = {literal(vector['id'])};"
    yield f"{{ flowai_list parts = parts_of({literal(data)}, {len(data)}, {len(parts)});"
    for number, part in enumerate(parts):
        yield f"{{ flowai_document d0 = item(parts, {number});"
        yield f"want_kind(d0, {part['kind']});"
        yield from read_field(0, "type", part["type"])
        yield from read_fields(0, part.get("fields", {}))
        yield from read_fields(0, dict.fromkeys(part.get("missing", [])))
        yield f"print_payload(d0, {number}); flowai_document_free(d0); }}"
    yield "flowai_list_free(parts); }"


def test_templates(compile_c: Callable[..., Path], tmp_path: Path) -> None:
    files = ("templates", "events")
    every = [vector for name in files for vector in json.loads((VECTORS / f"{name}.json").read_text())]
    vectors = {vector["id"]: vector for vector in every if "templates" in vector.get("expect", {})}
    assert len(vectors) > 30
    source = tmp_path / "read_templates.c"
    statements = "\n".join(line for vector in vectors.values() for line in function(vector))
    source.write_text(f'#include "templates.h"\nint main(void)\n{{\n{statements}\nreturn 0;\n}}\n')
    options = [f"-I{Path(__file__).parent}", "-O0", "-Wno-overlength-strings", "-Wno-unused"]
    program = compile_c(source, *options)
    done = subprocess.run([program], capture_output=True, timeout=120, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t", 1) for line in done.stdout.splitlines()]
    problems = [rest for kind, rest in lines if kind == "problem"]
    payloads = [rest.split("\t", 2) for kind, rest in lines if kind == "payload"]
    assert len(payloads) == sum(len(vector["expect"]["templates"]) for vector in vectors.values())
    for name, number, payload in payloads:
        part = vectors[name]["expect"]["templates"][int(number)]
        if "payload" in part and not compare.matches(part["payload"], json.loads(payload)):
            problems.append(f"{name}: payload {number}: {payload}")
    assert not problems, "\n".join(problems)
