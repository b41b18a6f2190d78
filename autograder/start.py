"""`python -m autograder start`: prepares MovieLens, trains the blog's model, compares with its figures."""

import argparse
import sys

from tqdm import tqdm

from autograder import measure
from autograder.measure import figure
from data import movielens

SEED = 42
BLOG = {  # after three epochs; its test top-1 and top-5 (.0008, .0094) are mostly rounding and not compared
    "users": ("users", 943),
    "titles": ("titles", 1_664),
    "test_top_10": ("test, top 10", 0.0224),
    "test_top_50": ("test, top 50", 0.1245),
    "test_top_100": ("test, top 100", 0.2327),
    "test_loss": ("test loss, last batch", 28_244.77),
    "train_loss_bar": ("train loss, as its bar says", 66_302.96),
}
NOTES = """\
The blog's train accuracies (.3135 at 100) were counted while the weights still
moved, and have no range; lesson 04 measures them after the training.
The best-seller list learns nothing and beats the model. Lesson 04 says why."""
OUTSIDE = """
A figure lies outside its range. Run `python -m autograder benchmark`: it trains
the same model with TensorFlow and says whether the two agree on this machine."""


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m autograder start", description=__doc__)
    parser.add_argument("--zip", metavar="PATH", help="an ml-100k.zip, read if nothing is prepared yet")
    options = parser.parse_args(argv)
    try:
        movielens.prepare(options.zip)
        arrays = movielens.arrays()
    except movielens.DataError as error:
        print(error, file=sys.stderr)
        return 1
    course = measure.Course(arrays)
    with tqdm(total=3, desc="training", unit="epoch", ncols=80, leave=False) as progress:
        towers, losses = course.fit(SEED, after_epoch=lambda *_: progress.update())
    here = {"users": len(arrays.users), "titles": len(arrays.titles)}
    here |= course.figures(towers, losses[-1])

    print("The blog's model, trained on this machine:\n")
    row("", "the blog", "this machine", "measured range")
    good = True
    for name, (what, blog) in BLOG.items():
        if isinstance(blog, int):
            ok, shown = here[name] == blog, [f"{number:,}" for number in (blog, here[name], blog)]
        else:
            low, high = measure.window(name)
            ok, shown = (
                low <= here[name] <= high,
                [figure(blog), figure(here[name]), measure.between(low, high)],
            )
        row(what, *shown, "ok" if ok else "NOT OK")
        good = good and ok
    for who, values in measure.baselines(course).items():
        top = (figure(values[f"test_top_{k}"]) for k in (10, 50, 100))
        print(f"{who + ', test, top 10, 50, 100':44}{' / '.join(top)}")
    print(f"\n{NOTES}")
    if not good:
        print(OUTSIDE)
    return 0 if good else 1


def row(what: str, blog: str, here: str, measured: str, verdict: str = "") -> None:
    print(f"{what:28}{blog:>9}{here:>14}{measured:>21} {verdict}".rstrip())
