"""Session, the only bridge between window and engine: follows runs, emits Qt signals, writes commands, starts work.

It reads folders by a timer and holds no truth of its own: closing the window and opening another loses nothing. Views ask it
for a `Followed` and listen to its signals; none of them opens a file of a run's attempt or a process themselves.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Container, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import tomlkit
from PySide6.QtCore import QObject, QTimer, Signal

from engine import notes, processes, reading, recipe
from engine.commands import AnyCommand, Change, Pause, Stop
from engine.fields import RecipeErrors
from engine.queue import Queue, enqueue, enqueue_all, start_worker
from engine.recipe import RecipeFile
from engine.run import Observer, Refused, Run, Workspace
from engine.state import State, derive
from studio import trash
from studio.followed import AT_WORK as AT_WORK
from studio.followed import Followed as Followed
from studio.followed import heard_of, written_at
from studio.started import Started, size_of
from studio.watch import FEW, FIRST, Watch

TICK_MS = 200  # 5 Hz
TICK_ON_CPU_MS = 500  # 2 Hz while a run trains on the CPU: the window must not take cores from it
TICK_READING_MS = 60  # while runs are read for the first time: half of the time is the person's
LOOK_S = 1.0  # how often the folder is looked through for new runs, and quiet runs for signs of life
SAMPLE = "born-again-digits"  # the recipe of the sample


class Session(QObject):
    """The runs of one workspace, followed."""

    runs_changed = Signal()  # a run appeared, vanished, or its state word, recipe or progress changed
    chosen_changed = Signal()  # another run is looked at
    state_changed = Signal()  # the chosen run has new events or another state
    refused = Signal(str)  # something that was asked is not done: the sentence says why
    outlived = Signal(str)  # the queue has done something else since: nobody needs that sentence any more
    cursor_moved = Signal()  # a person reads the curves at another step
    consent_wanted = Signal(str, str, str)  # key, why it is done on a person's word only, what the button says: see `consent`

    def __init__(self, workspace: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace = Workspace(workspace)
        self._watch = Watch(self.workspace, self._refresh)
        self._refusal = ""  # what the queue said last when it refused
        self._chosen = ""
        self._goes_along = False
        self._started: list[Started] = []
        self._observer = Observer()
        self._picked = False  # a person has chosen
        self.cursor_step: int | None = None  # at which the curves are read; None for their newest values
        self._expected: set[str] = set()  # to whom somebody turns next
        self._awaits_consent: tuple[str, Callable[[], object]] = ("", bool)
        self._forget_queue()
        self._looked_at = float("-inf")
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.tick)

    # ---- what there is ----------------------------------------------------------------------------------------------------

    @property
    def _followed(self) -> dict[str, Followed]:
        return self._watch.followed

    @property
    def runs(self) -> list[Followed]:
        """All runs, ordered by lineage, seed, generation."""
        return list(self._followed.values())

    @property
    def chosen(self) -> Followed | None:
        return self._followed.get(self._chosen)

    @property
    def busy_runs(self) -> list[Followed]:
        """Those at work or about to be, in the order of all."""
        return sorted(self._watch.busy, key=lambda one: one.order)

    @property
    def loading(self) -> int:
        """How many runs are still being read for the first time."""
        return self._watch.loading

    def followed(self, name: str) -> Followed | None:
        return self._followed.get(name)

    def lineage(self, name: str) -> list[Followed]:
        """The runs of a lineage, seed by seed, generation by generation."""
        return self._watch.lineage(name)

    def generations(self, name: str) -> list[Followed]:
        """The runs of a lineage without its forks, which are nobody's generation."""
        return [one for one in self.lineage(name) if not one.run.forked_from]

    def teacher_of(self, one: Followed) -> Followed | None:
        return self._followed.get(one.recipe.teacher) if one.recipe and one.recipe.teacher else None

    def source_of(self, one: Followed) -> Followed | None:
        """What a run waits for: the first of its sources that is gone, where it is None, or has not completed; else its
        teacher."""
        for name in one.recipe.sources if one.recipe else ():
            source = self._followed.get(name)
            if source is None or not source.state.completed:
                return source
        return self.teacher_of(one)

    def choose(self, name: str) -> None:
        """Look at this run. Who looks at a run at work goes along with its lineage: see `_go_along`."""
        one = self._followed.get(name)
        if one is None:
            return
        self._goes_along = one.at_work or one.expected
        self._picked = True
        if name != self._chosen:
            self._chosen = name
            self._wake_near()
            self.chosen_changed.emit()
            self.state_changed.emit()

    def read_at(self, step: int | None) -> None:
        """From now on the curves are read at this step."""
        if step != self.cursor_step:
            self.cursor_step = step
            self.cursor_moved.emit()

    # ---- following --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to follow: one timer for the whole window."""
        self._timer.start(TICK_MS)
        self.tick()

    def stop_following(self) -> None:
        self._timer.stop()
        self._watch.close()

    def open_workspace(self, folder: Path) -> None:
        """Look at another folder: a workspace, or one run of it."""
        name = ""
        if (folder / "recipe.toml").is_file():
            folder, name = folder.parent, folder.name
        self._watch.close()
        self.workspace = Workspace(folder)
        self._watch = Watch(self.workspace, self._refresh)
        self._picked = False
        self._chosen = ""
        self._forget_queue()
        self._look_again()
        if name:
            self.choose(name)
        self.chosen_changed.emit()
        self.runs_changed.emit()

    def tick(self) -> None:
        """Look for new runs, read what is new within the budget, derive states, tell the views once."""
        before, loading = self.chosen.word if self.chosen else "", self.loading
        listed = self._look() if time.monotonic() - self._looked_at >= LOOK_S else False
        if self._watch.meet(self._derive):
            self._number()
            listed = True
        if self._watch.many:
            self._choose_for_the_person()  # so that what is read now is not laid aside and read again
        self._watch.read(self.chosen)
        news, self._watch.news = self._watch.news, set()
        listed |= self._expect()
        self._go_along()
        if loading and not self.loading:
            self._looked_at = float("-inf")  # a word may rest on another run's that was read after it
        self._watch.flush()
        self._choose_for_the_person()
        chosen = self.chosen
        if chosen is not None and (chosen.name in news or chosen.word != before):
            self.state_changed.emit()
        if listed or news or self.loading != loading:
            self.runs_changed.emit()
        self._timer.setInterval(self._pause_ms())

    def _pause_ms(self) -> int:
        """Till the next tick."""
        if self.loading:
            return TICK_READING_MS
        on_cpu = any(one.word in ("running", "stopping") and one.state.device == "cpu" for one in self._watch.busy)
        return TICK_ON_CPU_MS if on_cpu else TICK_MS

    def _choose_for_the_person(self) -> None:
        """While nobody has chosen: the most interesting of those that are known so far."""
        late = self._watch.met_late and not self._watch.meeting
        if self._followed and (self.chosen is None or (late and not self._picked)):
            self._watch.met_late = False
            if self.chosen is None:
                self._chosen = ""
            self.choose(self._most_interesting())
            self._picked = False

    def _wake_near(self) -> None:
        """Those whose curves may be looked at: of the chosen run's lineage, and those whom they learn from."""
        family = self.lineage(self.chosen.lineage) if self.chosen else []
        teachers = (teacher for one in family if (teacher := self.teacher_of(one)) is not None)
        self.wake(one.name for one in (*family, *teachers))

    def wake(self, names: Iterable[str]) -> None:
        """Of thousands of runs only briefs are at hand, without curves: read these whole, by and by (`Followed.whole`)."""
        self._watch.wake(names)

    def _look(self) -> bool:
        """Runs that came or went, a sign of life from each, and the queue. True if anything is different."""
        self._looked_at = time.monotonic()
        different = self._watch.list()
        for one in list(self._watch.due({self._chosen, *self.queue[:FIRST]})):
            different |= self._derive(one) or one.word == "unresponsive"  # how long it has been silent is news
            different |= self._watch.look_at_notes(one)
        for one in self._followed.values() if self._watch.many else ():
            if one.word in ("queued", "blocked") and one.loaded:
                different |= self._reconsider(one)
        self._wake_near()
        return self._look_at_queue() or different

    def _reconsider(self, one: Followed) -> bool:
        """Queued or blocked rests on other runs, whatever its own files say. True if it is another word than before."""
        before, one.word = one.word, "blocked" if self._is_blocked(one) else "queued"
        return one.word != before

    def _derive(self, one: Followed) -> bool:
        """The run's state in one word. True if it is another one than before."""
        before = one.word
        one.word = self._word(one)
        if one.word == "lost" and one.loaded and one.tail.read_into(one.state):
            one.word = self._word(one)  # its last word was written between our reading and our look at the lock
            one.changed_at = written_at(one.run.events_path)
            self._watch.news.add(one.name)
        if one.at_work:
            self._watch.attend(one)
        if one.word != before or not one.heard_at:
            one.host, one.heard_at = heard_of(one.run)
        return one.word != before

    def _word(self, one: Followed) -> State:
        """As Observer.state_of, but from the teacher's events that are folded here anyway instead of the file's."""
        word = derive(one.state, self._observer.vital(one.run))
        return "blocked" if word == "queued" and self._is_blocked(one) else word

    def _is_blocked(self, one: Followed) -> bool:
        return one.recipe is not None and any(map(self._stands_in_the_way, one.recipe.sources))

    def _stands_in_the_way(self, name: str) -> bool:
        teacher = self._followed.get(name)
        if teacher is None:
            return not self._watch.expects(name)
        if teacher.place and not teacher.host and teacher.word != "blocked":
            return False  # it has ended somehow, and a person has put it into the queue again
        waiting = ("queued", *AT_WORK)
        return teacher.loaded and not teacher.state.completed and not teacher.expected and teacher.word not in waiting

    def _expect(self) -> bool:
        """Which runs are turned to next, and what became of the processes we started. True if that is news."""
        expected = {self._next_in_queue()}
        for started in [one for one in self._started if one.workspace == self.workspace.folder]:
            if not started.lives:
                self._started.remove(started)
                self._report_end(started)
            elif not started.is_worker:
                expected.add(self._next_of(started))
        changed = [one for name in expected ^ self._expected if (one := self._followed.get(name)) is not None]
        for one in changed:
            one.expected = one.name in expected
            self._watch.attend(one)
        self._expected = expected
        return bool(changed)

    def _next_of(self, started: Started) -> str:
        mine = [one for name in started.attempts if (one := self._followed.get(name)) is not None]
        if any(one.at_work for one in mine):
            return ""
        fresh = (one.name for one in mine if one.state.attempt == started.attempts[one.name] and not one.state.completed)
        return next(fresh, "")

    def _report_end(self, started: Started) -> None:
        """A process that began with a run has said in its folder how that went; one that did not is heard here."""
        code, before = started.process.returncode, started.attempts
        if code in (0, 130, -signal.SIGTERM):  # done, or a person wanted it to end
            return
        concerned = [one for one in self.runs if code != 2 and (started.is_worker or one.name in before)]
        if any(one.newest_attempt > before.get(one.name, 0) for one in concerned):
            return
        words = started.last_words() or f"it ended with code {code}"
        self.refused.emit(f"{words}." if code == 2 else f"The engine ended before its work began: {words}. See {started.log}.")

    def _go_along(self) -> None:
        """Who looked at a run while it was at work is taken along when it completes and the next of its lineage begins."""
        one = self.chosen
        if one is None:
            return
        self._goes_along |= one.at_work or one.expected  # also a run that was still queued when it was chosen
        if not (self._goes_along and one.state.completed):
            return
        following = next((other for other in self.lineage(one.lineage) if other.at_work), None)
        if following is not None:
            self.choose(following.name)

    def _refresh(self, one: Followed) -> None:
        self._derive(one)
        if one.data is None:
            with contextlib.suppress(OSError, ValueError):
                one.data = one.run.data()
        one.changed_at = written_at(one.run.events_path)

    def _most_interesting(self) -> str:
        """A run at work, else the one that changed last."""
        return max(self.runs, key=lambda one: (one.at_work, one.changed_at, -one.generation)).name

    # ---- asking -----------------------------------------------------------------------------------------------------------

    def send(self, command: AnyCommand, name: str = "") -> bool:
        """Write a command file for a run's present attempt; the chosen run unless another is named. False if it cannot be."""
        one = self._followed.get(name or self._chosen)
        if one is None:
            return False
        command = msgspec.structs.replace(command, attempt=one.newest_attempt)
        try:
            key = one.run.send(command)
        except OSError as error:
            self.refused.emit(f"{one.name} cannot be asked anything: {error.strerror or error}.")
            return False
        one.asked = {**one.asked, key: (msgspec.structs.replace(command, id=key), time.time())}
        self.state_changed.emit()
        self.runs_changed.emit()
        return True

    def stop(self, when: str, name: str = "") -> bool:
        return self.send(Stop(when="now" if when == "now" else "epoch"), name)

    def pause(self, name: str = "") -> None:
        self.send(Pause(), name)

    def kill(self, name: str = "") -> None:
        """End an engine at once; its newest checkpoint stays."""
        one = self._followed.get(name or self._chosen)
        if one is None:
            return
        try:
            if not one.run.kill():
                self.refused.emit(f"{one.name} has no engine on this machine to kill.")
        except Refused as refusal:
            self.refused.emit(str(refusal))
        self._look_again()

    def resume(self, name: str = "", consent: bool = False, changes: Sequence[tuple[str, Any]] = ()) -> None:
        """Go on with a run from its newest checkpoint, in front of the queue, then with those that wait for it.

        `changes` take effect with its next attempt. A run of another machine is asked about first (`consent_wanted`).
        """
        one = self._followed.get(name or self._chosen)
        if one is None:
            return
        if one.host and not consent:
            danger = "If its engine still lives there, two would write into one folder."
            act = partial(self.resume, one.name, True, changes)
            self._ask_consent(f"resume {one.name}", f"{one.name} was last at work on {one.host}. {danger}", "Resume here", act)
            return
        if not self._send_ahead(one, changes):
            return
        waiting = [other.name for other in self.lineage(one.lineage) if other is not one and not other.state.attempts]
        if one.host:  # the worker leaves such a run alone
            self._detach([one.name, *waiting], "resume", one.name)
        elif self._asked(lambda: self._order.add([one.name, *(name for name in waiting if name not in self.queue)], place=0)):
            self._had_turn.discard(one.name)
            self._begin()
        self._goes_along = self._goes_along or one.name == self._chosen
        self._look_again()

    def _send_ahead(self, one: Followed, changes: Sequence[tuple[str, Any]]) -> bool:
        """Write changes for the attempt to come. False if they cannot be written."""
        try:
            for path, value in changes:
                one.run.send(Change(attempt=one.newest_attempt + 1, field=path, value=value))
        except OSError as error:
            self.refused.emit(f"{one.name} cannot be asked anything: {error.strerror or error}.")
            return False
        return True

    def start_sample(self) -> bool:
        """Train the recipe of the sample, or go on with it; what is complete already is not trained again."""
        return self.start_now(recipe.read(SAMPLE))

    # ---- the queue --------------------------------------------------------------------------------------------------------

    def add_to_queue(self, file: RecipeFile) -> bool:
        """Make a recipe's runs and put them at the end of the queue. False if it is refused."""
        return self._asked(lambda: enqueue(self.workspace, file))

    def add_grid(self, files: Sequence[RecipeFile]) -> bool:
        """The recipes of a grid at the end of the queue: all of them or, if one is refused, none."""
        return self._asked(lambda: enqueue_all(self.workspace, files))

    def start_now(self, file: RecipeFile) -> bool:
        """Make a recipe's runs, put them in front of the queue and see that it is worked through. False if it is refused."""
        runs: list[Run] = []
        if not self._asked(lambda: runs.extend(enqueue(self.workspace, file, place=0))):
            return False
        mine = [one for run in runs if (one := self._followed.get(run.name)) is not None]
        first = next((one for one in mine if not one.state.completed), mine[0])
        if not first.state.completed:
            self._had_turn -= {run.name for run in runs}
            self._begin()
        self.choose(first.name)
        if first.host and first.word == "lost":
            self.resume(first.name)  # asks
        return True

    def start_queue(self) -> None:
        """Work through the queue, here, until nothing in it can be started."""
        self._begin()

    def start_new(self, waited: Container[str]) -> None:
        """What was queued since these waited comes first; see that it is worked through."""
        if self._asked(lambda: self._order.move([name for name in self._order.names() if name not in waited], 0)):
            self._begin()

    def hold_queue(self) -> bool:
        """The run at work goes on; nothing is started after it."""
        return self._asked(self._order.hold)

    def enqueue(self, names: list[str]) -> None:
        """Runs that are there already, at the end of the queue."""
        self._asked(lambda: self._order.add(names))

    def move(self, names: list[str], place: int) -> None:
        """Put a block of runs before what is now at `place`."""
        self._asked(lambda: self._order.move(names, place))

    def take_out(self, names: list[str]) -> None:
        """Out of the queue; the runs stay as they are."""
        self._asked(lambda: self._order.remove(names))

    def _begin(self) -> None:
        """See that somebody works through the queue."""
        if not self._asked(self._order.release):
            return
        log = self.workspace.folder / "worker.log"
        size = size_of(log)
        try:
            process = start_worker(self.workspace)
        except OSError as error:
            self.refused.emit(f"The engine cannot be started: {error.strerror or error}.")
            return
        if process is not None:
            known = {one.name: one.newest_attempt for one in self.runs}
            self._started.append(Started(process, known, log, size, is_worker=True))
        self._look_again()

    def _asked(self, act: Callable[[], object]) -> bool:
        """Do something with the queue. False if it is refused, which is said."""
        try:
            act()
        except (Refused, RecipeErrors) as refusal:  # a recipe of that name may lie there, damaged
            self._refuse(str(refusal))
            return False
        except OSError as error:
            self._refuse(f"{self.workspace.folder} cannot be written: {error.strerror or error}.")
            return False
        self.outlived.emit(self._refusal)
        self._look_again()
        return True

    @property
    def refusal(self) -> str:
        """What was said when something was last refused."""
        return self._refusal

    def _refuse(self, sentence: str) -> None:
        self._refusal = sentence
        self.refused.emit(sentence)

    def _forget_queue(self) -> None:
        """Of a workspace that is not looked at yet nothing is known."""
        self._order = Queue(self.workspace)
        self.queue: list[str] = []  # names in order
        self.working = False  # somebody works through it
        self.held = False  # nothing more is started
        self._places: dict[str, int] = {}  # of those that wait
        self._expected = set()
        self._had_turn: set[str] = set()  # entries seen at work; the worker takes them out when their engine has ended
        self._damage = ""  # why the order cannot be read

    def _look_at_queue(self) -> bool:
        """Order, worker and hold as they are now. True if anything is different."""
        before = self.queue, self.working, self.held
        damage = ""
        try:
            self.queue = self._order.names()
            self.working = self._order.worker() is not None or any(one.is_worker and one.lives for one in self._mine())
            self.held = self._order.held
        except Refused as refusal:
            self.queue, damage = [], str(refusal)
        if not self.working:
            self._had_turn.clear()  # nobody is there to take them out
        if damage != self._damage:
            self._damage = damage
            if damage:
                self.refused.emit(damage)
        if self._watch.meeting:
            self._watch.prefer(self.queue[:FEW])
        self._number()
        return before != (self.queue, self.working, self.held)

    def _mine(self) -> list[Started]:
        return [one for one in self._started if one.workspace == self.workspace.folder]

    def _number(self) -> None:
        """The places of those that wait."""
        waiting = [name for name in self.queue if (one := self._followed.get(name)) and not one.at_work]
        places = {name: place for place, name in enumerate(waiting, 1)}
        for name in places.keys() | self._places.keys():
            one = self._followed.get(name)
            if one is not None and one.place != places.get(name, 0):
                one.place = places.get(name, 0)
            self._places = places

    def _next_in_queue(self) -> str:
        """The run that the worker turns to now; empty while it is with one, or with nobody."""
        mine = [self._followed[name] for name in self.queue if name in self._followed]
        at_work = {one.name for one in mine if one.at_work}
        self._had_turn = (self._had_turn | at_work) & set(self.queue)
        if at_work or not self.working or self.held:
            return ""
        return next((one.name for one in mine if self._can_begin(one)), "")

    def _can_begin(self, one: Followed) -> bool:
        source = self.source_of(one)
        waits = one.word == "blocked" or (source is not None and not source.state.completed)
        elsewhere = one.word == "lost" and bool(one.host)
        return not (waits or elsewhere or one.state.completed or one.name in self._had_turn)

    # ---- all of them ------------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Something trains, or is about to."""
        return bool(self._watch.busy)

    def stop_all(self) -> bool:
        """Ask every engine to save and end now; nothing in the queue is started after it. False if one could not be asked."""
        held = not self.working or self.hold_queue()
        if self.working:
            self._dismiss_worker()
        asked = [self.stop("now", one.name) for one in self.runs if one.at_work]
        return held and all(asked)

    def _dismiss_worker(self) -> None:
        """By a signal: so it also ends an engine that cannot be asked yet, and keeps the run's place in the queue.

        Windows has no such signal, and a worker of another machine is out of reach: there the hold alone must do.
        """
        who = self._order.worker()
        pids = {one.process.pid for one in self._mine() if one.is_worker and one.lives}
        pids |= {who.pid} if who is not None and processes.condition(who) == "alive" else set()
        for pid in pids if not processes.WINDOWS else ():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGTERM)

    # ---- what a person writes ---------------------------------------------------------------------------------------------

    def write_notes(self, names: Sequence[str], tags: str | None = None, note: str | None = None) -> None:
        """Tags (separated by commas) or a note of these runs, in their folders; None leaves what is there."""
        for one in (one for name in names if (one := self._followed.get(name)) is not None):
            there = notes.read(one.run)
            new = notes.Notes(there.tags if tags is None else notes.tags_of(tags), there.note if note is None else note.strip())
            if new != there:
                self._asked(partial(notes.write, one.run, new))
                self._watch.look_at_notes(one)
        self.runs_changed.emit()

    # ---- the trash --------------------------------------------------------------------------------------------------------

    def trash(self, names: list[str], consent: bool = False) -> bool:
        """Move runs to the workspace's trash. Refused for runs at work; asked about first if others learn from them."""
        runs = [one for name in names if (one := self._followed.get(name)) is not None]
        busy = next((one for one in runs if one.at_work or one.expected or one.run.held()), None)
        if busy is not None:
            how = "is at work; stop it first" if busy.at_work or busy.run.held() else "is about to start; hold the queue first"
            self.refused.emit(f"{busy.name} {how}.")
            return False
        needing = [one for one in self.runs if one.recipe and {*one.recipe.sources} & {*names} and one.name not in names]
        if needing and not consent:
            needed = [one.name for one in runs if any(other.recipe and one.name in other.recipe.sources for other in needing)]
            learning = all(one.recipe and one.recipe.teacher in names for one in needing)
            why = trash.warning(needed, [one.name for one in needing], learning)
            self._ask_consent("trash " + " ".join(names), why, "Move to trash", partial(self.trash, names, True))
            return False
        return self._asked(lambda: self._put_away([one.run for one in runs]))

    def _put_away(self, runs: Sequence[Run]) -> None:
        """And offer the way back, for as long as nothing else is asked."""
        order = self._order.names()
        self._order.remove([run.name for run in runs])
        kept = [(trash.put_away(run), run) for run in runs]
        names = [run.name for run in runs]
        waited = [name for name in order if name in names]
        place = order.index(waited[0]) if waited else 0
        undo = partial(self._asked, partial(self._bring_back, kept, waited, place))
        self._ask_consent("bring back " + " ".join(names), trash.told(names), "Undo", undo)

    def _bring_back(self, kept: Sequence[tuple[Path, Run]], waited: Sequence[str], place: int) -> None:
        """Runs from the trash, those that waited in the queue to where the first of them was."""
        for path, run in kept:
            trash.bring_back(path, run)
        try:
            self._order.add(waited, place)
        except Refused:  # a student of theirs went ahead meanwhile
            self._order.add(waited)

    # ---- recipes and consent ----------------------------------------------------------------------------------------------

    def recipe_text(self, name: str) -> str:
        """The recipe that a run's lineage was made from, as its runs still tell it; empty if it cannot be read."""
        one = self._followed.get(name)
        runs = self.lineage(one.lineage) if one and one.recipe else []
        try:
            return _as_lineage(runs) if runs else ""
        except (OSError, ValueError) as error:
            self.refused.emit(str(error))
            return ""

    def consent(self, key: str) -> None:
        """A person has agreed to what `consent_wanted` asked last."""
        wanted, act = self._awaits_consent
        if key == wanted:
            self._awaits_consent = ("", bool)
            act()

    def _ask_consent(self, key: str, why: str, button: str, act: Callable[[], object]) -> None:
        self._awaits_consent = (key, act)
        self.consent_wanted.emit(key, why, button)

    def _detach(self, names: list[str], *arguments: str) -> None:
        """Start a process that works through these runs in turn and outlives us."""
        log = self.workspace.folder / "studio.log"
        command = processes.python("engine", *arguments, "--runs", str(self.workspace.folder))
        size = size_of(log)
        try:
            process = processes.start(command, log, detached=True)
        except OSError as error:
            self.refused.emit(f"The engine cannot be started: {error.strerror or error}.")
            return
        known = {name: self._followed[name].state.attempt for name in names if name in self._followed}
        self._started.append(Started(process, known, log, size))

    def _look_again(self) -> None:
        """Now, not only when the time has come."""
        self._looked_at = float("-inf")
        self.tick()


def _as_lineage(runs: Sequence[Followed]) -> str:
    """The text of the last generation's recipe, which has the method, with what tells the runs apart put together again."""
    last = max(runs, key=lambda one: one.generation)
    document = tomlkit.parse(reading.text(last.run.folder / "recipe.toml"))
    for key in ("seed", "generation", "teacher"):
        document.pop(key, None)
    document.update({"generations": last.generation, "seeds": sorted({one.seed for one in runs})})
    if outside := _outside_teacher(runs):
        document["method"].update(outside)
    first = next((one.recipe for one in runs if one.generation == 0 and one.recipe), None)
    if first and last.recipe and first.model != last.recipe.model:
        document["teacher_model"] = recipe.to_table(first)["model"]
    return tomlkit.dumps(document)


def _outside_teacher(runs: Sequence[Followed]) -> dict[str, Any]:
    """What a lineage's recipe says of the run that teaches its F0; nothing where F0 learns from labels."""
    taught = {one.seed: one.recipe for one in runs if one.generation == 0 and one.recipe and one.recipe.teacher}
    if not taught:
        return {}
    names = {asked.teacher for asked in taught.values()}
    seed, first = next(iter(taught.items()))
    name = first.teacher if len(names) == 1 else first.teacher.replace(f"-s{seed}-", f"-s{recipe.SEED}-")
    step = getattr(first.method, "teacher_step", 0)
    return {"teacher_run": name} | ({"teacher_step": step} if step else {})
