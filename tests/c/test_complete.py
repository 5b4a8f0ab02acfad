"""Whatever the core and the Python package can do, a C program can do too, by a function and by its name."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import flowai
from conftest import ROOT, declared

PROGRAM = r"""
#include <flowai.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    flowai_config config = {0};
    flowai_client client = {0};
    int i;

    if (flowai_config_new(NULL, &config) != FLOWAI_OK
        || flowai_config_set_api_key(config, "KEY", NULL) != FLOWAI_OK
        || flowai_client_new(config, NULL, &client) != FLOWAI_OK)
        return 1;
    for (i = 1; i < argc; i++) {
        flowai_call call = {0};

        printf("%s %s\n", argv[i], flowai_status_name(flowai_call_new(client, argv[i], NULL, &call)));
        flowai_call_free(call);
    }
    flowai_client_free(client);
    flowai_config_free(config);
    return 0;
}
"""

# What Python's client has that is no operation of the service.
NO_OPERATIONS = {"base_url", "close", "with_options"}
# What has its own form in C.
OTHER_FUNCTION = {
    "send_many": "flowai_call_new",  # any number of messages are one document
    "iter_send_many": "flowai_queue_submit",
}


def operations_of_the_core() -> set[str]:
    sources = "".join(path.read_text() for path in sorted((ROOT / "crates/flowai/src").rglob("*.rs")))
    return set(re.findall(r"Operation::(?:get|idempotent|send|once)\(\s*\"(\w+)\"", sources))


def operations_of_python() -> set[str]:
    return {name for name in dir(flowai.Client) if not name.startswith("_")} - NO_OPERATIONS


def test_every_operation_has_a_function() -> None:
    operations = operations_of_the_core() | operations_of_python()
    assert len(operations) > 30
    functions = {name: OTHER_FUNCTION.get(name, f"flowai_client_{name}") for name in operations}
    missing = {name for name, function in functions.items() if function not in declared()}
    assert not missing


def test_every_operation_can_be_called_by_its_name(compile_c: Callable[..., Path], tmp_path: Path) -> None:
    source = tmp_path / "operations.c"
    source.write_text(PROGRAM)
    # Iteration over what is being sent is what a queue is for.
    operations = sorted((operations_of_the_core() | operations_of_python()) - {"iter_send_many"})
    command = [compile_c(source), *operations, "no_such_operation"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    answers = dict(line.split() for line in done.stdout.splitlines())
    assert answers.pop("no_such_operation") == "invalid_argument"
    assert answers == dict.fromkeys(operations, "ok")
