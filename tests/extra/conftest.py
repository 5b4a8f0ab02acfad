"""Tests with tools that not every machine has.

A missing tool skips its tests by name; under CI that is a failure.
"""

from __future__ import annotations

import os
import shutil

import pytest


@pytest.fixture
def tool(request: pytest.FixtureRequest) -> str:
    """The path of the tool that the test is marked with: `@pytest.mark.tool("valgrind")`."""
    marker = request.node.get_closest_marker("tool")
    assert marker is not None
    for name in marker.args:
        if found := shutil.which(name):
            return found
    missing = f"missing: {' or '.join(marker.args)} (scripts/setup-debian installs it)"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "tool(*names): the test needs one of these tools")
