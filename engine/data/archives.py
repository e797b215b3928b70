"""A person's pictures in one file: .zip, .tar or .tar.gz, unpacked once into the workspace's data folder, named by its content.

What comes out is what listing.py would see of the same files in a folder: pictures as they are, names alone of what it only
counts, nothing of what it passes over. An archive may come from anywhere, so nothing in it is believed: a name that leads
elsewhere, a link or a device refuses all of it, and what is written is counted while it is written, whatever sizes are
claimed. It is written aside and renamed when it is whole; whoever is told how far it is may end it, and nothing is left.
"""

import errno
import gzip
import hashlib
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import IO, Any, NamedTuple

import msgspec
import psutil
from msgspec import Struct

from engine import processes, reading
from engine.data.listing import OTHER_FORMATS, PICTURES, Listing, is_hidden, shown, suffix_of
from engine.data.pictures import Tell
from engine.fields import RecipeError
from engine.recipe import is_archive
from engine.words import count, size

UNPACKING = 1  # raise it when the same archive would give other files
MEMBERS = 2_000_000  # ImageNet has 1.3 million
DEEPEST = 32  # folders in one another
LARGEST = 2**30  # bytes of a picture: decode.py opens none of as many pixels
RATIO, FREELY = (
    200,
    2**28,
)  # bytes for each one of the archive, of more than so many: deflate reaches 1,032 with zeros, photographs 1
HEADER = 2**24  # bytes: more than any name of a tar
CHUNK = 2**20
UNPACK = "unpack it yourself and write the folder"


class Seal(Struct, frozen=True):
    """unpacked-<content>.json: the names and sizes that the folder beside it must have."""

    sha256: str


class Known(Struct, frozen=True):
    """archive-<place, size, time>.json: what the archive held when it was read last."""

    sha256: str


class _Ended(BaseException):
    """Whoever is told has had enough: no error of the archive, whatever kind it is."""


def looked_into(
    find: Callable[[Path, Tell], Listing], path: Path, data_folder: Path, tell: Tell, contents: bool = True
) -> Listing:
    """What `find` finds in the folder, or in the archive's unpacked copy. Raises RecipeError about what was asked for."""
    if not is_archive(str(path)) or path.is_dir():
        return find(path, tell)
    folder = unpacked(path, data_folder, tell, contents)
    try:
        return find(folder, tell)
    except RecipeError as error:
        raise type(error)(error.field, error.problem.replace(shown(str(folder)), shown(str(path)))) from None


def unpacked(path: Path, data_folder: Path, tell: Tell, contents: bool = True) -> Path:
    """The folder with what is in the archive, unpacked now or before. Raises RecipeError for an archive that is not safe to
    unpack, and OSError where the disk is full. `contents` False makes empty files: enough to list them."""

    def hear(done: int, total: int) -> None:
        try:
            tell(done, total)
        except Exception as ending:
            raise _Ended from ending

    try:
        return _unpacked(path, data_folder, hear, contents)
    except _Ended as ended:
        assert ended.__cause__ is not None
        raise ended.__cause__ from None


def _unpacked(path: Path, data_folder: Path, tell: Tell, contents: bool) -> Path:
    tell(0, 0)
    data_folder.mkdir(parents=True, exist_ok=True)
    sums = _sha256(path, data_folder, tell)
    place = data_folder / f"unpacked-{sums[:16]}"
    seal = place.with_suffix(".json")
    if (kept := _read(seal, Seal)) and kept.sha256 == _seal(place, tell):
        return place
    _clear(data_folder)
    aside = data_folder / f".{place.name}.{os.getpid()}"
    try:
        aside.mkdir()
        with _in_words(path):
            _Unpacking(path, aside, tell, contents).all()
        whole = _seal(aside, tell)
        shutil.rmtree(place, ignore_errors=True)  # what is there is not what was unpacked
        _put(aside, place, lambda: _seal(place, tell) == whole)
        processes.write_aside(seal, msgspec.json.encode(Seal(whole)))
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return place


def _put(aside: Path, place: Path, is_same: Callable[[], bool]) -> None:
    """Rename it; another process that unpacked the same may have been sooner."""
    try:
        processes.replace(aside, place)
    except OSError:
        if not is_same():
            raise


def _clear(data_folder: Path) -> None:
    """What processes that are gone left half unpacked."""
    for left in data_folder.glob(".unpacked-*"):
        pid = left.suffix[1:]
        if pid.isdigit() and (int(pid) == os.getpid() or not psutil.pid_exists(int(pid))):
            shutil.rmtree(left, ignore_errors=True)


def _seal(folder: Path, tell: Tell) -> str:
    """Of all names and sizes in it; not of contents, which decode.py reads anyway."""
    sums = hashlib.sha256(f"filial/unpacked/{UNPACKING}".encode())
    for here, folders, files in os.walk(folder):
        tell(0, 0)
        folders.sort()
        sums.update(os.fsencode(os.path.relpath(here, folder)) + b"\0\0")
        for name in sorted(files):
            length = os.lstat(os.path.join(here, name)).st_size  # noqa: PTH118 - asked for every file
            sums.update(os.fsencode(name) + f"\0{length}\n".encode())
    return sums.hexdigest()


def _sha256(path: Path, data_folder: Path, tell: Tell) -> str:
    """Of the archive's bytes. It is not read again while place, size and time stay the same."""
    try:
        facts = path.stat()
        told = f"{os.fsencode(path)!r} {facts.st_size} {facts.st_mtime_ns}"
        known = data_folder / f"archive-{hashlib.sha256(told.encode()).hexdigest()[:16]}.json"
        if found := _read(known, Known):
            return str(found.sha256)
        sums = hashlib.sha256()
        with reading.opened(path) as file:
            while chunk := file.read(CHUNK):
                tell(0, 0)
                sums.update(chunk)
    except OSError as error:
        raise RecipeError("data.path", f"{shown(str(path))} cannot be opened ({error.strerror or error})") from None
    processes.write_aside(known, msgspec.json.encode(Known(sums.hexdigest())))
    return sums.hexdigest()


def _read(path: Path, kind: type[Any]) -> Any:
    try:
        return reading.json(path, kind)
    except (OSError, msgspec.MsgspecError):
        return None


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Whatever is wrong with the archive becomes a refusal that names it; a full disk is not the archive's fault."""
    try:
        yield
    except RecipeError as error:
        raise RecipeError(error.field, f"{shown(str(path))} {error.problem}") from None
    except (
        Exception
    ) as error:  # what damaged archives raise is no closed list: BadZipFile, EOFError, zlib.error, RecursionError
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise RecipeError("data.path", f"{shown(str(path))} is damaged ({why}); copy or download it again") from None


def _refusal(problem: str, remedy: str = UNPACK) -> RecipeError:
    return RecipeError("data.path", f"{problem}; {remedy}")


# ---- what is written ----------------------------------------------------------------------------------------------------


class Member(NamedTuple):
    name: str
    kind: str  # file, folder, or what is neither: link, device
    size: int  # as it says of itself
    locked: bool
    open: Callable[[], IO[bytes] | None]


@dataclass
class _Unpacking:
    """One archive into one folder, and how much of it has been written."""

    path: Path
    into: Path
    tell: Tell
    contents: bool
    written: int = 0
    members: int = 0
    pictures: int = 0
    total: int = 0  # of them; 0 while nobody knows
    made: set[str] = field(default_factory=set)  # folders

    def all(self) -> None:
        self._free = shutil.disk_usage(self.into).free
        self._packed = self.path.stat().st_size
        with self.path.open("rb") as file:
            for member, total in _members(file, self._packed, self.tell):
                self.total = total
                self.members += 1
                if self.members > MEMBERS:
                    raise _refusal(f"holds more than {count(MEMBERS)} files", "pack fewer together")
                self.tell(self.pictures, self.total)
                self._one(member)

    def _one(self, member: Member) -> None:
        parts = _parts(member.name)
        if member.kind not in ("file", "folder"):
            raise _refusal(f"holds '{shown(member.name)}', which is a {member.kind}: in an archive it may lead anywhere")
        if not parts or any(map(is_hidden, parts)):
            return
        self._make("/".join(parts if member.kind == "folder" else parts[:-1]))
        suffix = suffix_of(parts[-1])
        if member.kind == "file" and suffix in PICTURES | OTHER_FORMATS:
            self.pictures += suffix in PICTURES
            self._write(member, self.into / "/".join(parts), suffix in PICTURES and self.contents)

    def _make(self, folder: str) -> None:
        if folder not in self.made:
            (self.into / folder).mkdir(parents=True, exist_ok=True)
            self.made.add(folder)

    def _write(self, member: Member, place: Path, contents: bool) -> None:
        if member.locked:
            raise _refusal("is locked with a password")
        if member.size > LARGEST:
            raise _refusal(f"holds '{shown(member.name)}' of {size(member.size)}, more than any picture has")
        try:
            target = place.open("xb")
        except FileExistsError:
            raise _refusal(f"holds '{shown(member.name)}' twice") from None
        with target:
            source = member.open() if contents else None
            while source is not None and (chunk := source.read(CHUNK)):
                self.written += len(chunk)
                self._refuse_bomb()
                target.write(chunk)
                if len(chunk) == CHUNK:
                    self.tell(self.pictures, self.total)

    def _refuse_bomb(self) -> None:
        if self.written > max(FREELY, RATIO * self._packed):
            raise _bomb(self._packed)
        if self.written > self._free:
            problem = f"needs more than the {size(self._free)} that are free in {shown(str(self.into.parent))}"
            raise _refusal(problem, "free some space")


def _bomb(packed: int) -> RecipeError:
    return _refusal(f"has {size(packed)} and unpacks to more than {RATIO} times as much, as no pictures do")


def _parts(name: str) -> list[str]:
    """Of a path in an archive. Raises RecipeError where it would lead out of the folder on any system."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    leads_out = name.startswith("/") or ".." in parts or PureWindowsPath(name).drive
    if leads_out or "\\" in name or "\0" in name or (processes.WINDOWS and ":" in name):
        raise _refusal(f"holds the name '{shown(name)}', which may lead out of the folder it is unpacked into")
    if len(parts) > DEEPEST:
        raise _refusal(f"holds folders more than {DEEPEST} deep")
    return parts


# ---- what there is ------------------------------------------------------------------------------------------------------


def _members(file: IO[bytes], packed: int, tell: Tell) -> Iterator[tuple[Member, int]]:
    """Each member, and how many pictures there are if that is known. What it is is told by its first bytes, not by its name."""
    first = file.read(4)
    file.seek(0)
    if first[:2] == b"PK":
        yield from _in_zip(file)
    elif first[:2] == b"\x1f\x8b":
        with gzip.GzipFile(fileobj=file) as plain:
            yield from _in_tar(_Metered(plain, tell, packed))
    else:
        yield from _in_tar(_Metered(file, tell, packed))


def _in_zip(file: IO[bytes]) -> Iterator[tuple[Member, int]]:
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        wanted = sum(_is_picture(info.filename) for info in infos)
        for info in infos:
            kind = "folder" if info.is_dir() else _kind(info.external_attr >> 16)
            locked, content = bool(info.flag_bits & 1), partial(archive.open, info)
            yield Member(info.filename, kind, info.file_size, locked, content), wanted


def _is_picture(name: str) -> bool:
    return suffix_of(name) in PICTURES and not any(map(is_hidden, name.split("/")))


def _kind(mode: int) -> str:
    """Of what a Unix system packed; others leave it 0."""
    if stat.S_IFMT(mode) in (0, stat.S_IFREG):
        return "file"
    return "link" if stat.S_ISLNK(mode) else "device"


def _in_tar(file: Any) -> Iterator[tuple[Member, int]]:
    with tarfile.open(fileobj=file, mode="r:") as archive:
        while (info := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # else it remembers all of them
            if info.size < 0:
                raise tarfile.ReadError("a size below zero")  # it would lead back to itself
            kind = "folder" if info.isdir() else "file" if info.isreg() and not info.issparse() else _tar_kind(info)
            yield Member(info.name, kind, info.size, False, partial(archive.extractfile, info)), 0


def _tar_kind(info: tarfile.TarInfo) -> str:
    if info.issparse():
        return "file with holes"
    return "link" if info.issym() or info.islnk() else "device"


class _Metered:
    """A tar as tarfile reads it, forwards in pieces: so that a header cannot ask for all memory, a stretch that is passed over
    does not take for ever, and whoever is told can end it."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile, tell: Tell, packed: int) -> None:
        self._file, self._tell, self._packed = file, tell, packed

    def read(self, length: int = -1) -> bytes:
        if not 0 <= length <= HEADER:
            raise tarfile.ReadError("a header of a size that none has")
        self._refuse_bomb(length)
        return self._file.read(length)

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, place: int) -> int:
        while (left := place - self._file.tell()) > CHUNK:
            self._refuse_bomb(CHUNK)
            self._tell(0, 0)
            if not self._file.read(min(left, CHUNK)):
                break
        return self._file.seek(place)

    def _refuse_bomb(self, more: int) -> None:
        if self._file.tell() + more > max(FREELY, RATIO * self._packed):
            raise _bomb(self._packed)
