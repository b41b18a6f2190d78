# %% [markdown]
# # Exercise 4: The retrieval task
#
# Five blanks, 25 points, about 45 minutes; [lesson 4](../../lessons/04_retrieval_task.ipynb) has all you need.
# Fill a blank in, run its cell, then the `check` below it: the answer comes in about a second (4.4 trains a model and
# takes a few), and a wrong answer is told *which* mistake it is. `hint("4.1")` gives the first of three hints,
# `progress()` shows where you stand.

# %%
import numpy as np
import tensorflow as tf  # what it says in red is about this machine, not about you
import tensorflow_recommenders as tfrs

# %% [markdown]
# ## 4.1 One batch, one loss (5 points)
#
# Row i of a batch holds a user and the film that this user watched. Each user is asked to tell the own film from all
# films of the batch: a softmax over B films, whose correct class is number i.


# %%
def in_batch_loss(u, v):
    """The loss of one batch as tfrs.tasks.Retrieval gives it, a float: natural logarithms,
    *summed* over the B rows.

    u: float32[B, d], the users' vectors. v: float32[B, d], the vectors of the films they
    watched, row for row. Scores may reach 1,000 and more: the loss must stay a number.
    """
    ### BEGIN SOLUTION
    scores = tf.matmul(u, v, transpose_b=True)
    own = tf.range(len(u))
    return float(tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(own, scores)))
    ### END SOLUTION


# %%
check("4.1")  # hint("4.1") when stuck

# %% [markdown]
# ## 4.2 Is the film among the best k? (5 points)
#
# The metric asks another question than the loss: not "which film of this batch?" but "where does the film stand among
# all films?"


# %%
def top_k_accuracy(scores, true, ks):
    """For each k in `ks`, the share of rows whose true film is among the k best of all N.

    scores: float32[B, N]. true: int[B], the column of each row's true film.
    ks: a list of ints, in any order.
    Returns {k: share from 0 to 1}. A film ranks behind those that score *higher*: a tie
    costs no rank, as in TFRS.
    """
    ### BEGIN SOLUTION
    scores, true = np.asarray(scores), np.asarray(true)
    own = scores[np.arange(len(true)), true]
    rank = 1 + (scores > own[:, None]).sum(axis=1)
    return {k: float((rank <= k).mean()) for k in ks}
    ### END SOLUTION


# %%
check("4.2")  # hint("4.2") when stuck

# %% [markdown]
# ## 4.3 The model (7 points)
#
# TFRS asks two things of a model: keep the parts, and say what the loss of a batch is. Training, evaluation and the
# printing of metrics are then its own business. There are two blanks in this cell.


# %%
class MovielensModel(tfrs.Model):
    """Two towers and a task."""

    def __init__(self, user_model, movie_model, task):
        """Keeps the towers (string[B] -> float32[B, d]) and the task, a tfrs.tasks.Retrieval."""
        ### BEGIN SOLUTION
        super().__init__()
        self.user_model = user_model
        self.movie_model = movie_model
        self.task = task
        ### END SOLUTION

    def compute_loss(self, features, training=False):
        """The loss of a batch, a scalar.

        features: {"user_id": string[B], "movie_title": string[B]}.
        The task works its metrics out as well, unless this is training, where they would
        cost more than the training.
        """
        ### BEGIN SOLUTION
        return self.task(
            self.user_model(features["user_id"]),
            self.movie_model(features["movie_title"]),
            compute_metrics=not training,
        )
        ### END SOLUTION


# %%
check("4.3")  # hint("4.3") when stuck

# %% [markdown]
# ## 4.4 Three epochs of MovieLens (5 points)
#
# Now the real thing, with your `MovielensModel`: three epochs, `tf.keras.optimizers.Adagrad(0.1)`. The check hands you
# towers to begin with and fewer rows than lesson 2 has, 8,000 and 4,000, so that you wait seconds; so take batches of
# 2,048, not 8,192. Afterwards the check ranks the test films itself, with the towers that you trained. Do not wonder at
# the shares: so few rows teach little, and a top 100 drawn by lot would find about .06 of the films; what counts is that
# your towers are those of the recipe. `evaluate(..., return_dict=True)` calls the shares
# `factorized_top_k/top_10_categorical_accuracy` and so on.


# %%
def fit_and_evaluate(user_model, movie_model, titles, train, test):
    """Trains the towers on `train` and measures them on `test`.

    user_model, movie_model: untrained towers, string[B] -> float32[B, 32].
    titles: the Dataset of the 1,664 titles.
    train, test: Datasets of {"user_id": string, "movie_title": string}, one element a row:
    not batched, but shuffled.
    Returns {"loss": the training loss of the last epoch as `fit` puts it into its History,
    "top_10", "top_50", "top_100": the shares that `evaluate` gives for `test`, 0 to 1}.
    """
    ### BEGIN SOLUTION
    films = titles.batch(2048).map(movie_model)
    task = tfrs.tasks.Retrieval(metrics=tfrs.metrics.FactorizedTopK(films, ks=(10, 50, 100)))
    model = MovielensModel(user_model, movie_model, task)
    model.compile(optimizer=tf.keras.optimizers.Adagrad(0.1))
    history = model.fit(train.batch(2048).cache(), epochs=3, verbose=0).history
    found = model.evaluate(test.batch(4096), return_dict=True, verbose=0)
    shares = {
        f"top_{k}": found[f"factorized_top_k/top_{k}_categorical_accuracy"]
        for k in (10, 50, 100)
    }
    return {"loss": history["loss"][-1], **shares}
    ### END SOLUTION


# %%
check("4.4")  # hint("4.4") when stuck

# %% [markdown]
# ## 4.5 Three numbers called loss (3 points)
#
# A TFRS model gives Keras 2 the loss of each batch as a plain number. `History` keeps the last one of the epoch. The
# progress bar adds all of them up, then the last one once more, and divides by how many it added. And you would like
# to know what one row costs.


# %%
def keras2_losses(batch_losses, batch_sizes):
    """What Keras 2 shows for an epoch of a TFRS model, and what one would like to know.

    batch_losses: the loss of each batch, each a sum over its rows.
    batch_sizes: the number of rows of each batch.
    Returns {"history": what History holds, "bar": what the finished progress bar shows,
    "per_row": the mean loss of a row over all rows of the epoch}.
    """
    ### BEGIN SOLUTION
    last = batch_losses[-1]
    return {
        "history": last,
        "bar": (sum(batch_losses) + last) / (len(batch_losses) + 1),
        "per_row": sum(batch_losses) / sum(batch_sizes),
    }
    ### END SOLUTION


# %%
check("4.5")  # hint("4.5") when stuck

# %%
progress()
