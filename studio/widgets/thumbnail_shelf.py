"""Thumbnails made in another thread, only those in sight, and kept while there is room: for grids of a hundred thousand.

`want` names what is in sight now, whatever was wanted before is forgotten; `made` tells that some of it is there. A thread
shared by all shelves reads the pictures, which may lie on the disk, and scales them; the window only makes pixmaps of them.
"""

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from PySide6.QtCore import QObject, QSize, QTimer, Signal
from PySide6.QtGui import QImage, QPixmap

from studio.lineage_pictures import Pictures
from studio.widgets.picture import channels_last, fitted, fitted_size, to_image

ROOM = 64 * 2**20  # bytes of pixmaps: about 2,600 of 80 px
AT_ONCE = 16  # made between two looks of the window: about 2 ms
LOOK_MS = 15

_thread = ThreadPoolExecutor(1, thread_name_prefix="thumbnails")
Key = tuple[int, int]  # place in the data set, side in device pixels


class ThumbnailShelf(QObject):
    """Of the pictures of one data set."""

    made = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.pictures = Pictures()
        self._held: OrderedDict[Key, QPixmap] = OrderedDict()
        self._bytes = 0
        self._wanted: list[Key] = []
        self._under_way: Future[list[tuple[Key, QImage]]] | None = None
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self._look)

    def show_pictures(self, pictures: Pictures) -> None:
        self.pictures = pictures
        self._held.clear()
        self._bytes, self._wanted, self._under_way = 0, [], None

    def has(self, place: int) -> bool:
        """Whether there is such a picture at all."""
        return self.pictures.array is not None and 0 <= place < len(self.pictures.array)

    def get(self, place: int, side: int) -> QPixmap | None:
        """What is held. Asks for nothing."""
        found = self._held.get((place, side))
        if found is not None:
            self._held.move_to_end((place, side))
        return found

    def want(self, places: Sequence[int], side: int) -> None:
        """These are in sight."""
        self._wanted = [(place, side) for place in places if self.has(place) and (place, side) not in self._held]
        self._go_on()

    @property
    def busy(self) -> bool:
        return self._under_way is not None

    def __len__(self) -> int:
        return len(self._held)

    @property
    def bytes_held(self) -> int:
        return self._bytes

    def _go_on(self) -> None:
        if self._under_way is not None or not self._wanted:
            return
        now, self._wanted = self._wanted[:AT_ONCE], self._wanted[AT_ONCE:]
        self._under_way = _thread.submit(_make, self.pictures, now)
        self._timer.start()

    def _look(self) -> None:
        if self._under_way is None:
            self._timer.stop()
        elif self._under_way.done():
            made, self._under_way = self._under_way.result(), None
            for key, image in made:
                self._hold(key, QPixmap.fromImage(image))
            self.made.emit()
            self._go_on()

    def _hold(self, key: Key, pixmap: QPixmap) -> None:
        self._held[key] = pixmap
        self._bytes += _bytes(pixmap)
        while self._bytes > ROOM and len(self._held) > 1:
            self._bytes -= _bytes(self._held.popitem(last=False)[1])


def _bytes(pixmap: QPixmap) -> int:
    return pixmap.width() * pixmap.height() * 4


def _make(pictures: Pictures, keys: Sequence[Key]) -> list[tuple[Key, QImage]]:
    assert pictures.array is not None
    found = []
    for place, side in keys:
        image = to_image(channels_last(pictures.array[place]))
        found.append(((place, side), fitted(image, fitted_size(image, QSize(side, side)))))
    return found
