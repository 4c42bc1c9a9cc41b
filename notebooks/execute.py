"""Executes a notebook from its first cell to its last and writes it with its outputs: `execute.py NOTEBOOK OUT`.

What differs from run to run or from machine to machine (times, the kernel's version) is left out, so that a notebook
that is executed again changes only where its results do. Exit code 1 and the cell's error when a cell fails.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

CELL_TIMEOUT_SECONDS = 240


def complaint_of(output):
    """What a cell complained about. tslab reports errors of types as text on stderr, and fails the cell or not."""
    return output.text if output.output_type == "stream" and output.name == "stderr" else None


def main(notebook: Path, out: Path) -> int:
    document = nbformat.read(notebook, as_version=4)
    client = NotebookClient(
        document,
        timeout=CELL_TIMEOUT_SECONDS,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(notebook.resolve().parent)}},
    )
    failure = None
    try:
        client.execute()
    except CellExecutionError as error:
        failure = str(error)
    complaints = [
        complaint
        for cell in document.cells
        for output in cell.get("outputs", [])
        if (complaint := complaint_of(output)) is not None
    ]
    if failure is not None or complaints:
        print("\n".join([f"{notebook.name}:", *complaints, failure or ""]).rstrip(), file=sys.stderr)
        return 1
    document.metadata.pop("language_info", None)
    for cell in document.cells:
        cell.metadata.pop("execution", None)
    nbformat.write(document, out)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: execute.py NOTEBOOK OUT")
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
