"""The fixtures of every check. Run by pytest, the student is the reference solution."""

import numpy as np
import pytest

from autograder.reference import reference
from autograder.student import Host, Student


@pytest.fixture
def student(request) -> Student:
    """The student whose functions a check calls by name."""
    return Student(Host(reference(request.path.stem.removeprefix("test_"))).answer)


@pytest.fixture
def rng() -> np.random.Generator:
    """Fresh inputs, the same for the same seed."""
    return np.random.default_rng(0)
