"""The notebook among the examples, run by a real kernel: it shows what its file shows."""

from __future__ import annotations

import copy
import pathlib
from typing import TYPE_CHECKING, Any

import nbclient
import nbformat
import pytest

import flowai

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTEBOOK = pathlib.Path(__file__).parents[2] / "examples" / "python" / "notebook.ipynb"


def shown(notebook: Any) -> list[list[object]]:
    """What each cell shows: a table where there is one, else text, and everything that was printed."""

    def of_cell(cell: Any) -> Iterator[object]:
        for output in cell.outputs:
            if "data" in output:
                yield output.data.get("text/html", output.data.get("text/plain"))
            else:
                yield output.get("name"), output.get("text"), output.get("ename")

    return [list(of_cell(cell)) for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_it_shows_what_is_kept(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    kept = nbformat.read(NOTEBOOK, as_version=4)
    run = copy.deepcopy(kept)
    for cell in run.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    nbclient.NotebookClient(run, timeout=60, kernel_name="python3").execute()
    assert shown(run) == shown(kept)
    # Synchronous calls do not warn here, although the loop of the kernel runs.
    assert not [output for cell in shown(run) for output in cell if "stderr" in output]
    assert [output for cell in shown(run) for output in cell if str(output).startswith("<table>")]
    assert any("await " in cell.source for cell in run.cells)


def test_a_table_is_text_and_no_html() -> None:
    said = "<script>alert('a & \"b\"')</script>\nsecond line"
    originator = flowai.Originator("<b>Jane</b>")
    with flowai.Sandbox(bot="none") as sandbox, sandbox.client(originator=originator) as client:
        client.send_text("thread-1", said)
        html = client.history("thread-1")._repr_html_()
    assert "<td>&lt;b&gt;Jane&lt;/b&gt;</td><td>user</td>" in html
    assert (
        "<td>&lt;script&gt;alert(&#39;a &amp; &quot;b&quot;&#39;)&lt;/script&gt;<br>second line</td>" in html
    )
