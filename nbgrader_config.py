"""nbgrader's settings, read when its commands run in this folder. Each line that is not a path mends a known trap."""

from pathlib import Path

from nbgrader.preprocessors import CheckCellMetadata, ClearOutput, DeduplicateIds, OverwriteCells, OverwriteKernelspec

from autograder.metadata import RestoreMetadata

c = get_config()  # noqa: F821  (nbgrader provides it)

here = Path(__file__).parent if "__file__" in globals() else Path.cwd()
c.CourseDirectory.root = str(here)
c.CourseDirectory.course_id = "two-tower-course"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.submitted_directory = "autograder/runs/submitted"
# The same gradebook that `python3 course.py grade SUBMISSIONS` writes to, so that Formgrader shows its grades.
c.CourseDirectory.autograded_directory = "autograder/runs/grade/autograded"
c.CourseDirectory.feedback_directory = "autograder/runs/feedback"
c.CourseDirectory.solution_directory = "autograder/runs/solution"
c.CourseDirectory.db_url = f"sqlite:///{here / 'autograder' / 'runs' / 'grade' / 'gradebook.db'}"
(here / "autograder" / "runs" / "grade").mkdir(parents=True, exist_ok=True)

# Files beside a notebook are copied along: to students from solutions/, into grading from a submission.
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "*.py", "*.so", ".pytest_cache"]
# Metadata that an editor has dropped leaves nothing to grade: tell it from the cells again.
c.Autograde.sanitize_preprocessors = [
    ClearOutput,
    RestoreMetadata,
    DeduplicateIds,
    OverwriteKernelspec,
    OverwriteCells,
    CheckCellMetadata,
]
# A warning on stderr in a graded cell would cost the whole cell.
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = r"[\s\S]*"
# One copied cell would stop the grading of everybody after it.
c.CheckCellMetadata.enabled = False
# A cell that trains takes seconds, on a slow machine many; what has not answered by then is a loop.
c.Execute.timeout = 120
c.Execute.interrupt_on_timeout = True
c.Execute.shutdown_kernel = "immediate"
