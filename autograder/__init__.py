"""The course's autograder: `check`, `hint` and `progress` in a notebook, `python -m autograder` in a terminal."""

import os
import sys

# TensorFlow Recommenders 0.7.7 is written for Keras 2. TensorFlow 2.16 and later pick Keras 3 unless this is set
# before TensorFlow is imported. This is the one place that sets it, beside the first cell of every notebook.
if "tensorflow" in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS") != "1":
    raise ImportError(
        "TensorFlow was imported before the course could ask it for Keras 2. "
        "Restart the kernel and run the notebook's first cell first."
    )
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def __getattr__(name: str):
    if name in ("check", "hint", "progress"):
        from autograder import notebook

        return getattr(notebook, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
