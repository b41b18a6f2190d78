"""A small class to look at: the reference solutions as one student, and six invented ones with typical mistakes."""

import shutil
from pathlib import Path

from autograder.corpus import NAMES, Bait, Draft

CLASS = {
    "ada": {},
    "ben": {"candidate_recall": "return len(relevant & set(candidates[:k])) / k", "recall_curve": None},
    "chen": {"two_stage": "best = np.argsort(retrieval)[:k]\nreturn best[np.argsort(-ranking[best])][:n]"},
    "dora": {"row_of": "return vocab.index(word) if word in vocab else 0",
             "n_parameters": "return (n_users + n_titles) * dim"},
    "emil": {"row_of": "return int(word) if word in vocab else 0", "top_k": None, "score_matrix": "return u * v"},
    "fay": {"row_of": "return vocab.index(word) if word in vocab else 0",
            "recall_curve": "while True:\n    pass", "n_parameters": "return (n_users + n_titles) * dim"},
}  # fmt: skip


def sample_class(folder: Path) -> Path:
    """Writes the class into `folder`, as nbgrader lays out what was handed in, and returns it. What was there goes."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in NAMES.values():
        (folder / "reference" / name).mkdir(parents=True)
        shutil.copy(Path(__file__).parents[1] / "solutions" / name / f"{name}.ipynb", folder / "reference" / name)
    for student, edits in CLASS.items():
        for lesson in ("01", "03"):
            draft = Draft(lesson, Bait())
            for function in set(edits) & set(draft.functions):
                if edits[function] is None:
                    draft.blank(function)
                else:
                    draft.put(function, edits[function])
            draft.write(folder / student)
    return folder
