"""The fixtures of every check. Run by pytest alone, the student is the reference solution."""

import numpy as np
import pytest

from autograder.reference import reference
from autograder.run import ANSWER, SEED
from autograder.student import Host, Student


@pytest.fixture
def student(request) -> Student:
    """The student whose functions a check calls by name."""
    answer = request.config.stash.get(ANSWER, None)
    return Student(answer or Host(reference(request.path.stem.removeprefix("test_"))).answer)


@pytest.fixture
def rng(request) -> np.random.Generator:
    """Fresh inputs, the same for the same seed."""
    return np.random.default_rng(request.config.stash.get(SEED, 0))
