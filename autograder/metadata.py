"""nbgrader's metadata, told from the cells themselves: written when a notebook is built, restored when it was lost.

Editors and learning platforms drop metadata; stock nbgrader then finds no cell to grade. `RestoreMetadata` runs first
in `nbgrader autograde` (see nbgrader_config.py) and marks the cells again.
"""

from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.item import Item, item_in


def item_of(cell: NotebookNode) -> tuple[Item, bool] | None:
    """The item of a cell, and whether the cell checks it (True) or defines its function (False)."""
    return item_in(cell.source) if cell.cell_type == "code" else None


def mark(cell: NotebookNode) -> None:
    """Sets the metadata of a cell that defines an item's function or checks it; leaves others alone."""
    if found := item_of(cell):
        item, graded = found
        cell.metadata["nbgrader"] = {
            "grade": graded,
            "grade_id": f"check_{item.function}" if graded else item.function,
            "locked": graded,
            "schema_version": 3,
            "solution": not graded,
            "task": False,
            **({"points": item.points} if graded else {}),
        }


class RestoreMetadata(NbGraderPreprocessor):
    """Marks the cells of a submission that have lost their metadata."""

    def preprocess_cell(self, cell, resources, index):
        if not cell.metadata.get("nbgrader"):
            try:
                mark(cell)
            except KeyError:
                self.log.warning("Cell %s checks an item that does not exist", index)
        return cell, resources
