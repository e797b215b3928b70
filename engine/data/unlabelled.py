"""A person's own pictures without classes: a folder of them, however deep, for methods that learn without labels.

How they are found is listing.py's, how they are decoded and kept folder.py's. By what they may be judged is a labelled folder
beside them, which never trains: `judged_by` says how it is to be read so that a network sees both alike.
"""

from pathlib import Path

from engine.data import archives, folder, listing
from engine.data.folder import silent
from engine.data.pictures import Pictures, Tell
from engine.fields import RecipeError
from engine.recipe import Folder, Unlabelled


def load(asked: Unlabelled, data_folder: Path, tell: Tell = silent, threads: int = 1) -> Pictures:
    """The folder's pictures, all of label 0 and of no class. Raises RecipeError for what cannot be used."""
    return folder.read(
        archives.looked_into(listing.find_all, Path(asked.path), data_folder, tell), asked, data_folder, tell, threads
    )


def judged_by(asked: Unlabelled) -> Folder | None:
    """The labelled folder as a data set of its own, split like the pictures; None without one."""
    if not asked.eval_path:
        return None
    return Folder(
        path=asked.eval_path,
        size=asked.size,
        colour=asked.colour,
        split_seed=asked.split_seed,
        test_share=asked.test_share,
        val_share=asked.val_share,
    )


def renamed(error: RecipeError) -> RecipeError:
    """A refusal of the labelled folder, about the field that a person wrote it in."""
    if error.field == "data.path":
        return RecipeError("data.eval_path", error.problem)
    return RecipeError(error.field, f"of the pictures of data.eval_path {error.problem}")
