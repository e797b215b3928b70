"""Weights from a file into the backbone of a fresh network, and a backbone that stays as it is while the classifier learns.

A file does not say which classes it knows, so its classifier is left aside. Pickled files are read only as far as they are
tensors and nothing else: whatever else they hold could run code. Refusals are ValueErrors that begin with the field. Other
people's names for the same weights are in layouts.py.
"""

import argparse
import math
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.models import layouts
from engine.words import count, plural

ENOUGH = 0.9  # of the backbone, both of its tensors and of the numbers in them; with less it is another network's file
PICKLED = (".pth", ".pt", ".bin")
NESTED = ("state_dict", "model", "model_state_dict", "teacher", "student", "backbone", "network", "net", "module")
OF_METHODS = ("dino_",)  # names beside a network's own that are its method's: heads, a centre
COUNTER = "num_batches_tracked"  # of BatchNorm: older files lack it, and nothing here reads it
SHOWN = 3

CONVERT = (
    "convert it once where you trust it: python -c \"import torch, safetensors.torch as s; d = torch.load('{name}', "
    "map_location='cpu', weights_only=False); d = next((d[k] for k in ('state_dict', 'model', 'teacher') if k in d), d); "
    "s.save_file({{k: v.clone().contiguous() for k, v in d.items() if torch.is_tensor(v)}}, '{stem}.safetensors')\""
)


@dataclass(frozen=True)
class Imported:
    """What came of a file. Tensors are named as the network names them, `unexpected` ones as the file does."""

    file: str
    wanted: int
    missing: tuple[str, ...]
    unexpected: tuple[str, ...] = ()
    nested: str = ""  # the table within the file that held them
    renamed: tuple[str, str] = ("", "")  # what their names began with in the file, and begin with here
    summed: tuple[str, ...] = ()  # weights over three colours that are now over grey
    classifier: bool = False  # there was one, left aside
    head: bool = False  # what DINO put on it, left aside
    mask_token: bool = False  # what DINOv2 read in place of hidden patches, left aside
    student: bool = False  # its average was taken, and what learned left aside
    share: float = 1.0  # of the numbers in the backbone's tensors
    kind: str = ""  # of file, by its suffix
    layout: str = ""  # whose names they were
    names: tuple[tuple[str, str], ...] = ()  # there and here, where they differ
    resized: tuple[tuple[str, str], ...] = ()  # tensors of positions, and "37 x 37 to 4 x 4"

    @property
    def matched(self) -> int:
        return self.wanted - len(self.missing)

    @property
    def complete(self) -> bool:
        return not self.missing and not self.unexpected

    @property
    def format(self) -> str:
        """ "pth, DINOv2": the kind of file, and whose names it has."""
        return f"{self.kind}, {self.layout}"

    @property
    def spelled(self) -> int:
        """How many names are others here, by more than what they all begin with."""
        before, now = self.renamed
        return sum(now + theirs.removeprefix(before) != ours for theirs, ours in self.names)

    def sentence(self) -> str:
        before, now = self.renamed
        share = "" if not self.missing else f", {_below(self.share)} of its parameters"
        says = [f"the backbone starts from {self.file}: {count(self.matched)} of {plural(self.wanted, 'tensor')} found{share}"]
        says += [f"in its {self.nested}"] if self.nested else []
        says += [f"{before or 'nothing'} renamed to {now or 'nothing'}"] if before != now else []
        says += [f"{plural(self.spelled, 'name')} of {self.layout} said as here"] if self.spelled else []
        says += [f"{name} resized from {sides} patches" for name, sides in self.resized]
        says += [f"{', '.join(self.summed)} summed over the colours"] if self.summed else []
        says += ["its classifier left aside"] if self.classifier else []
        says += ["its DINO head left aside"] if self.head else []
        says += ["its mask token left aside"] if self.mask_token else []
        says += ["its student left aside"] if self.student else []
        says += [f"missing: {_first(self.missing)}"] if self.missing else []
        says += [f"not used: {_first(self.unexpected)}"] if self.unexpected else []
        return "; ".join(says)

    def short(self) -> str:
        """ "41 of 42 tensors, 99.8% of the parameters"."""
        return f"{count(self.matched)} of {plural(self.wanted, 'tensor')}, {_below(self.share)} of the parameters"

    def table(self) -> dict[str, Any]:
        """The whole report in plain values: the "import-report" artifact."""
        return {
            "file": self.file,
            "format": self.format,
            "tensors": self.wanted,
            "matched": self.matched,
            "share": round(self.share, 6),
            "renamed": dict(self.names),
            "resized": dict(self.resized),
            "summed": list(self.summed),
            "missing": list(self.missing),
            "unexpected": list(self.unexpected),
            "left_aside": [name for name in ("classifier", "head", "mask_token", "student") if getattr(self, name)],
            "sentence": self.sentence(),
        }


def start_from(network: nn.Module, path: Path, whole: bool = False, partial: bool = False, called: str = "") -> Imported:
    """Copy a file's tensors into the network's backbone. `whole` refuses a file that lacks any of it, `partial` takes
    whatever fits. `called` is what the report calls the file, its own name by default.

    Raises ValueError, with nothing copied, for a file that cannot be read or is another network's.
    """
    everything, nested = read(path)
    report, fitting = _compared(network, everything, nested, called or path.name)
    report = replace(report, kind=path.suffix.removeprefix("."))
    _refuse(report, path, whole, partial)
    own = network.state_dict()
    with torch.no_grad():
        for name, fit in fitting.items():
            own[name].copy_(fit)
    return report


def _compared(
    network: nn.Module, everything: Mapping[str, Tensor], nested: str, file: str
) -> tuple[Imported, dict[str, Tensor]]:
    """What the network's backbone finds among a file's tensors, and these by its names, in its shapes."""
    heads = classifier_names(network)
    own = {name: tensor for name, tensor in network.state_dict().items() if not name.endswith(COUNTER)}
    body = {name: tensor for name, tensor in own.items() if not _within(name, heads)}
    put_on, masks = layouts.aside(everything, body)
    put_on += [name for name in everything if name.startswith(OF_METHODS)]
    spelled = layouts.spelled((name for name in everything if name not in {*put_on, *masks}), network, own)
    before, now = _renaming(list(body), list(spelled.values()))
    there = {now + said.removeprefix(before): name for name, said in spelled.items() if said.startswith(before)}
    theirs = {ours: everything[name] for ours, name in there.items()}
    moved, resized = layouts.fit_positions(theirs, layouts.places_of(network))
    theirs |= moved
    fitting = {name: fit for name, ours in body.items() if (fit := _fit(ours, theirs.get(name))) is not None}
    classifiers = {name for ours, name in there.items() if _within(ours, heads)}
    students = {name for name, said in spelled.items() if "teacher" in before and said.startswith(_of_student(before))}
    aside = classifiers | students | {there[name] for name in body if name in there}
    report = Imported(
        file=file,
        wanted=len(body),
        missing=tuple(_lacking(name, body, theirs) for name in body if name not in fitting),
        unexpected=tuple(name for name in spelled if name not in aside and not name.endswith(COUNTER)),
        nested=nested,
        renamed=(before, now),
        summed=tuple(name for name, fit in fitting.items() if fit.shape != theirs[name].shape),
        classifier=bool(classifiers),
        head=bool(put_on),
        mask_token=bool(masks),
        student=bool(students),
        share=_numbers(body[name] for name in fitting) / max(1, _numbers(body.values())),
        layout=layouts.written_by(everything, network),
        names=tuple((there[name], name) for name in fitting if there[name] != name),
        resized=tuple((name, sides) for name, sides in resized.items() if name in fitting),
    )
    return report, fitting


def read(path: Path) -> tuple[dict[str, Tensor], str]:
    """A file's tensors by name, and the tables within it that held them ("state_dict"), empty for none. Raises ValueError."""
    if not path.is_file():
        raise ValueError(f"weights: {path} is not there; write the file of weights, or leave it empty to start at random")
    if path.suffix == ".safetensors":
        try:
            return load_file(path), ""
        except (SafetensorError, OSError) as error:
            raise ValueError(f"weights: {path} cannot be read as safetensors ({error}); fetch or save it again") from None
    if path.suffix not in PICKLED:
        kinds = ", ".join((".safetensors", *PICKLED))
        raise ValueError(f"weights: {path} is none of {kinds}; save the weights as .safetensors")
    tensors, nested = _innermost(_unpickled(path))
    if not tensors:
        raise ValueError(f"weights: {path} holds no tensors by name; save a network's state_dict() as .safetensors")
    return tensors, nested


def classifier(network: nn.Module) -> list[nn.Module]:
    """The layers that make logits of features."""
    ours: Any = network
    found = ours.body.get_classifier() if hasattr(ours, "body") else ours.classify
    return list(found) if isinstance(found, tuple | list) else [found]


def classifier_names(network: nn.Module) -> list[str]:
    heads = classifier(network)
    return [name for name, module in network.named_modules() if any(module is head for head in heads)]


def freeze_backbone(network: nn.Module) -> Callable[[], None]:
    """Only the classifier learns. The rest keeps its weights and works in evaluation mode whatever mode is asked for, so that
    dropout is off and BatchNorm keeps the statistics it came with. Gives back what lets it all learn again."""
    heads = classifier_names(network)
    frozen = [weight for name, weight in network.named_parameters() if weight.requires_grad and not _within(name, heads)]
    hooks = []
    for name, weight in network.named_parameters():
        weight.requires_grad_(weight.requires_grad and _within(name, heads))
    for name, module in network.named_modules():
        around = not name or any(_within(head, [name]) for head in heads)
        if not around and not _within(name, heads):
            hooks.append(module.register_forward_pre_hook(_in_evaluation))

    def release() -> None:
        for hook in hooks:
            hook.remove()
        for weight in frozen:
            weight.requires_grad_(True)
        network.train(network.training)

    return release


def _in_evaluation(module: nn.Module, _inputs: Any) -> None:
    if module.training:
        module.eval()


def _unpickled(path: Path) -> Any:
    try:
        # what main_dino.py was started with lies beside its weights; a Namespace does nothing but hold values
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        remedy = CONVERT.format(name=path.name, stem=path.stem)
        raise ValueError(f"weights: {path} holds more than tensors, and reading it could run code; {remedy}") from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"weights: {path} cannot be read ({reason}); fetch or save it again") from None


def _innermost(loaded: Any) -> tuple[dict[str, Tensor], str]:
    """The tensors of the table that holds them, through tables within tables."""
    path: list[str] = []
    while isinstance(loaded, Mapping):
        inner = next((key for key in NESTED if isinstance(loaded.get(key), Mapping) and loaded[key]), None)
        if inner is None:
            return {str(name): value for name, value in loaded.items() if isinstance(value, Tensor)}, ".".join(path)
        path.append(inner)
        loaded = loaded[inner]
    return {}, ".".join(path)


def _renaming(own: Sequence[str], theirs: Sequence[str]) -> tuple[str, str]:
    """What to take off their names and put before: whatever makes most of them ours. A teacher's go before its student's."""
    common = "body." if all(name.startswith("body.") for name in own) else ""
    names = [name.removeprefix(common) for name in own]
    there = set(theirs)
    begins = {other.removesuffix(name) for name in names for other in theirs if _ends_with(other, name)}
    if not begins:
        return common, common

    def worth(begin: str) -> tuple[int, bool, int, str]:
        return sum(begin + name in there for name in names), "teacher" in begin, -len(begin), begin

    return max(begins, key=worth), common


def _ends_with(other: str, name: str) -> bool:
    return other.endswith(name) and (len(other) == len(name) or other[-len(name) - 1] == ".")


def _within(name: str, parts: Sequence[str]) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def _fit(ours: Tensor, theirs: Tensor | None) -> Tensor | None:
    """Their tensor in our shape; None where there is none. Over grey a colour filter is the sum of its three."""
    if theirs is None or theirs.shape == ours.shape:
        return theirs
    if ours.ndim == theirs.ndim == 4 and theirs.shape == (ours.shape[0], 3, *ours.shape[2:]) and ours.shape[1] == 1:
        return theirs.sum(dim=1, keepdim=True)
    return None


def _lacking(name: str, body: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> str:
    if name not in theirs:
        return name
    return f"{name} ({_shape(theirs[name])} there, {_shape(body[name])} here)"


def _of_student(before: str) -> str:
    return before.replace("teacher", "student", 1)


def _numbers(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors)


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "one number"


def _refuse(report: Imported, path: Path, whole: bool, partial: bool) -> None:
    """The smaller of both shares counts: without one layer's many numbers, or without the few that scale every block, a
    network is not what the file holds."""
    enough = min(report.matched / max(1, report.wanted), report.share) >= ENOUGH
    if (not report.missing) or (not whole and report.matched and (enough or partial)):
        return
    needed = "all, since the backbone is frozen," if whole else f"{ENOUGH:.0%}"
    or_partial = "" if whole or not report.matched else ", or write partial = true to start the rest at random"
    raise ValueError(
        f"weights: {path} has {count(report.matched)} of the {plural(report.wanted, 'tensor')} of this network's backbone, "
        f"{_below(report.share)} of its parameters, {needed} must be there; missing: {_first(report.missing)}. "
        f"Choose the network the file was made from{or_partial}"
    )


def _below(share: float) -> str:
    """Never rounded up to what would have been enough."""
    return f"{math.floor(1000 * share) / 1000:.1%}"


def _first(names: Sequence[str]) -> str:
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {count(rest)} more" if rest > 0 else "")
