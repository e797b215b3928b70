"""Work in the other thread: what arrives, what does not, and that nobody who is gone is told anything."""

import threading

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from studio.later import Later


@pytest.fixture
def owner(qapp) -> QObject:
    return QObject()


def test_that_the_result_arrives_in_the_asking_thread(owner: QObject, qtbot: QtBot) -> None:
    later, told = Later(owner), []
    later.ask("sum", lambda: (threading.get_ident(), 1 + 1), lambda found: told.append((*found, threading.get_ident())))
    assert later.busy and later.waits_for("sum")
    qtbot.waitUntil(lambda: not later.busy)
    (worker, result, asker) = told[0]
    assert result == 2 and worker != asker == threading.get_ident()


def test_that_only_the_newest_question_of_a_name_is_answered(owner: QObject, qtbot: QtBot) -> None:
    later, told, gate = Later(owner), [], threading.Event()
    later.ask("pair", lambda: gate.wait(5) and "old", told.append)
    later.ask("pair", lambda: "new", told.append)
    later.ask("other", lambda: "other", told.append)
    gate.set()
    qtbot.waitUntil(lambda: not later.busy)
    assert told == ["new", "other"]


def test_that_nothing_arrives_once_its_owner_is_gone_or_has_forgotten(owner: QObject, qtbot: QtBot) -> None:
    gone, told = QObject(), []
    Later(gone).ask("sum", lambda: 2, told.append)
    gone.deleteLater()
    later = Later(owner)
    later.ask("sum", lambda: 3, told.append)
    later.forget_all()
    later.ask("last", lambda: 4, told.append)
    qtbot.waitUntil(lambda: not later.busy)
    assert told in ([4], [2, 4]), "what is deleted later may still be told"


def test_that_an_error_in_the_work_is_raised_here_and_the_rest_goes_on(owner: QObject, qtbot: QtBot) -> None:
    later, told = Later(owner), []
    with qtbot.captureExceptions() as raised:
        later.ask("bad", lambda: 1 // 0, told.append)
        qtbot.waitUntil(lambda: not later.busy)
    assert [kind for kind, *_ in raised] == [ZeroDivisionError]
    later.ask("good", lambda: 1, told.append)
    qtbot.waitUntil(lambda: bool(told))
