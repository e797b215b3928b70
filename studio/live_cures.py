"""Carrying out what a diagnosis calls for: fields that change in a run at work, or with which one that ended goes on."""

from engine.commands import Change
from studio import live_failures
from studio.session import Followed, Session


def carry_out(one: Followed, session: Session, key: str) -> None:
    """The remedy of this key; one that is not told any more does nothing."""
    changes = live_failures.cure(one, key)
    if not changes:
        return
    if not one.at_work:
        session.resume(one.name, changes=tuple(changes.items()))
        return
    for path, value in changes.items():
        session.send(Change(field=path, value=value), one.name)
