"""What was asked: a lineage's recipe, and the recipe of each of its runs.

A lineage is a recipe that expands into its generations; generation k of a seed is a recipe whose teacher is generation k-1 of
that seed. Files are TOML and keep a person's comments. Fields, ranges and refusals are drawn from the structs (fields.py);
a method's own fields are in recipes/. Nothing here trains: train.py turns a RunRecipe into a network.
"""

import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import tomlkit
from msgspec import Struct
from tomlkit.exceptions import TOMLKitError

from engine import reading
from engine.fields import TAG, Field, RecipeError, RecipeErrors, build, fields_of, knob, nearest, tag_of
from engine.recipes import Dino, Dinov2, Method, Supervised

VERSION = 1
LONGEST = 2**18  # letters of a recipe; ours have three thousand, and tomlkit needs seconds for a million
DEEPEST = 12  # tables and lists in one another; effective.toml has five
MOST_POINTS = 200  # in a line
MOST_BITS = 256  # of a whole number that can still be named in a refusal
Auto = Literal["auto"]  # engine/scaled.py makes a number of it, with the reason
ANY_FOLDER = "write a folder with pictures"
LABELLED_FOLDER = "write the folder with one sub-folder a class"
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")  # of such a folder: engine/data/archives.py unpacks them
LABEL_FILES = (".csv", ".tsv")  # with a column file and a column label: engine/data/label_file.py reads them
UNTAUGHT = (Dino,)  # methods that need no labels; they take pictures with labels too
ALONE = (Supervised, Dino)  # methods whose F0 is the whole lineage: nobody of another generation teaches
EITHER = (Dinov2,)  # of these, methods that learn from a run of another lineage if they are given one
LONELY = "picture leaves BatchNorm nothing to compare it with: its statistics would be those of this one picture"
SEED = "{seed}"  # in method.teacher_run: the student's own seed
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
BEGINS = ("weights", "partial", "head_epochs", "freeze")  # fields of a network that say how it starts and not what it is
_OF_WINDOWS = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)\.", re.IGNORECASE)  # devices there, whatever follows the point
_WEIGHTS_OF = re.compile(r"(?P<run>[A-Za-z0-9][A-Za-z0-9._-]*-s(?:\d+|\{seed\})-F\d+(?:-fork\d+)*)(?:@(?P<step>\d+))?")
_LEADS_ELSEWHERE = re.compile(r"[/\\:\x00]")
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


_WEIGHTS = knob("Weights", "What the network starts from, all but its classifier: a file (.safetensors, .pth, .pt, .bin), or a completed run of the workspace, such as dino-s0-F0, dino-s{seed}-F0 or, at a step, dino-s0-F0@400. Empty starts at random.", why="a born-again student begins anew, at random (arXiv:1805.04770, section 3)")  # fmt: skip
_PARTIAL = knob(
    "Partial weights",
    "Start from the file even if it lacks more than a tenth of the network: what is missing starts at random.",
    why="names that do not match would leave most of the network at random, and nobody would notice",
)
_HEAD_EPOCHS = knob("Head first", "Epochs in which the classifier, or the head of a method without labels, learns alone while the rest stays as model.weights made it. Then all of it learns.", unit="epochs", ge=0, le=100_000, why="a head at random would first pull apart what the weights know (Kumar et al. 2022, arXiv:2202.10054); 0 lets all learn at once")  # fmt: skip
_FREEZE = knob("Freeze", "Train the classifier only: the rest stays as model.weights made it, with its BatchNorm statistics.", why="whole networks are compared; a frozen one under a new classifier is a linear probe of its features")  # fmt: skip


class SmallCnn(Struct, frozen=True, kw_only=True, tag_field=TAG, tag="small_cnn"):
    """a small convolutional network for pictures from 8 to 64 px"""

    why: ClassVar[str] = "trains on any CPU, and suits the digits that come along"

    width: Annotated[int, knob("Width", "Channels of the first two blocks; the last one has twice as many.", unit="channels", ge=4, le=512, why="some 29,000 weights: an epoch of digits takes less than a second of a CPU")] = 32  # fmt: skip
    weights: Annotated[str, _WEIGHTS] = ""
    partial: Annotated[bool, _PARTIAL] = False
    head_epochs: Annotated[int, _HEAD_EPOCHS] = 0
    freeze: Annotated[bool, _FREEZE] = False


class Resnet(Struct, frozen=True, kw_only=True, tag_field=TAG, tag="resnet"):
    """the CIFAR residual network (He et al. 2016): depth 6n+2"""

    depth: Annotated[int, knob("Depth", "Layers with weights: 6n+2, so 8, 14, 20, 32, 44, 56, 110.", unit="layers", ge=8, le=1202, source="paper", why="the smallest network of He et al. 2016, table 6")] = 20  # fmt: skip
    width: Annotated[int, knob("Width", "Channels of the first stage.", unit="channels", ge=4, le=512, source="paper", why="He et al. 2016")] = 16  # fmt: skip
    weights: Annotated[str, _WEIGHTS] = ""
    partial: Annotated[bool, _PARTIAL] = False
    head_epochs: Annotated[int, _HEAD_EPOCHS] = 0
    freeze: Annotated[bool, _FREEZE] = False


class Densenet(Struct, frozen=True, kw_only=True, tag_field=TAG, tag="densenet"):
    """the CIFAR densely connected network (Huang et al. 2017)"""

    depth: Annotated[int, knob("Depth", "Layers with weights: 6n+4 with bottlenecks, 3n+4 without.", unit="layers", ge=7, le=1204, source="paper", why="the smallest DenseNet-BC of Huang et al. 2017, table 2")] = 100  # fmt: skip
    growth: Annotated[int, knob("Growth", "Channels that each layer adds.", unit="channels", ge=1, le=512, source="paper", why="Huang et al. 2017, table 2")] = 12  # fmt: skip
    bottleneck: Annotated[bool, knob("Bottlenecks", "A 1 x 1 convolution before each 3 x 3 one.", source="paper", why="DenseNet-BC: Huang et al. 2017")] = True  # fmt: skip
    reduction: Annotated[float, knob("Reduction", "Share of the channels that stay between two blocks.", gt=0, le=1, source="paper", why="DenseNet-BC: Huang et al. 2017")] = 0.5  # fmt: skip
    weights: Annotated[str, _WEIGHTS] = ""
    partial: Annotated[bool, _PARTIAL] = False
    head_epochs: Annotated[int, _HEAD_EPOCHS] = 0
    freeze: Annotated[bool, _FREEZE] = False


class Vit(Struct, frozen=True, kw_only=True, tag_field=TAG, tag="vit"):
    """a vision transformer (Dosovitskiy et al. 2021); its attention can be watched"""

    patch: Annotated[int, knob("Patch", "Side of a patch; must divide the picture.", unit="px", ge=1, le=64, basic=True, why="the pictures that come along are small: 4 tokens of a digit, 144 of a creature of 48 px")] = 4  # fmt: skip
    width: Annotated[int, knob("Width", "Length of a token; must be a multiple of the heads.", unit="features", ge=8, le=4096, why="first trials of DINO on two CPU cores: 96")] = 96  # fmt: skip
    depth: Annotated[int, knob("Depth", "Transformer blocks.", unit="blocks", ge=1, le=64, why="first trials of DINO on two CPU cores: 3 to 4")] = 4  # fmt: skip
    heads: Annotated[int, knob("Heads", "Attention heads in each block.", unit="heads", ge=1, le=64, why="DeiT-Tiny: 3 (Touvron et al. 2021); here of 32 features each")] = 3  # fmt: skip
    stem: Annotated[Literal["patch", "conv"], knob("Stem", "How pixels become tokens: one large convolution, or a few small ones with BatchNorm, which learn sooner from few pictures.", source="paper", why="arXiv:2010.11929: patch; the convolutional stem is Xiao et al. 2021, arXiv:2106.14881")] = "patch"  # fmt: skip
    registers: Annotated[int, knob("Registers", "Extra tokens that take the global bookkeeping off the patches (Darcet et al. 2024).", unit="tokens", ge=0, le=64, why="what they cure shows only in large networks after long trainings (Darcet et al. 2024)")] = 0  # fmt: skip
    drop_path: Annotated[float, knob("Drop path", "Share of residual branches left out while training (stochastic depth).", ge=0, lt=1, why="main_dino.py leaves out up to 0.1 of 12 blocks; of four, each is needed")] = 0.0  # fmt: skip
    layer_scale: Annotated[float, knob("LayerScale", "What each residual branch is multiplied by at first, learned for each feature; keeps deep networks steady. 0 does without.", ge=0, le=1, why="DINOv2: 1e-5; shallow networks need none")] = 0.0  # fmt: skip
    weights: Annotated[str, _WEIGHTS] = ""
    partial: Annotated[bool, _PARTIAL] = False
    head_epochs: Annotated[int, _HEAD_EPOCHS] = 0
    freeze: Annotated[bool, _FREEZE] = False


class Timm(Struct, frozen=True, kw_only=True, tag_field=TAG, tag="timm"):
    """any network timm knows, by its name there"""

    variant: Annotated[str, knob("Variant", "The name in timm's own list, such as resnet18 or deit_tiny_patch16_224.", basic=True, why="small, and the network of most published comparisons on small sets (lightly, solo-learn)")] = "resnet18"  # fmt: skip
    weights: Annotated[str, _WEIGHTS] = ""
    partial: Annotated[bool, _PARTIAL] = False
    head_epochs: Annotated[int, _HEAD_EPOCHS] = 0
    freeze: Annotated[bool, _FREEZE] = False


class SameModel(Struct, frozen=True, kw_only=True, tag_field=TAG, tag="same"):
    """the same network as its students"""

    why: ClassVar[str] = "in Born-Again Networks every generation is the network that taught it (arXiv:1805.04770)"


_TRAIN_SIZE = knob("Training pictures", "How many pictures to train on; 0 takes all that validation and test leave.", unit="pictures", ge=0, basic=True, why="every method gains from more pictures; fewer are for quick trials")  # fmt: skip
_LABEL_NOISE = knob("Wrong labels", "Share of training labels replaced by a wrong one. Validation and test keep the true labels.", ge=0, le=1, basic=True, why="labels are taken as they are; presets on digits make 30 % wrong, since what generations gain shows best there")  # fmt: skip
_LABEL_NOISE_SEED = knob("Seed of the wrong labels", "Which labels are made wrong, and how.", ge=0, why="any would do; it is one for all seeds, so that runs differ in nothing else")  # fmt: skip
_CORRECTIONS = knob("Corrected labels", "A CSV file of training pictures and the labels they should have; an empty label leaves a picture out. The pictures themselves stay as they are.", why="empty until somebody has looked at the labels")  # fmt: skip
_SPLIT_SEED = knob("Seed of the split", "Which pictures go to training, validation and test; one for all seeds of a lineage.", ge=0, why="any would do; runs can be compared only on the same test pictures")  # fmt: skip
_PROBE = knob("Probe pictures", "Places in the test set of the pictures watched while training; empty takes the first twelve.", ge=0, why="a dozen fits beside the curves of a run")  # fmt: skip

# Of a person's own pictures.
_SIDE = knob("Size", "Side of the square that pictures become: the shorter side is scaled to it, then the middle is cut out.", unit="px", ge=8, le=1024, basic=True, why="the side of CIFAR's pictures; twice as large costs about four times as much")  # fmt: skip
_COLOUR = knob("Colour", "rgb keeps the colours, grey makes one channel of them.", basic=True, why="most pictures have colours, and nobody else knows whether they matter")  # fmt: skip
_TEST_SHARE = knob("Test share", "Share of the pictures kept for the final report; a test sub-folder is taken instead where there is one.", gt=0, lt=1, why="of 2,000 pictures that is 400, which tell an accuracy to some two points")  # fmt: skip
_VAL_SHARE = knob("Validation share", "Share of the pictures used to watch training and to choose checkpoints, never from a test sub-folder; a val sub-folder is taken instead where there is one.", gt=0, lt=1, why="it only watches and chooses, so it needs fewer than the test; what it takes is not trained on")  # fmt: skip


class Digits(Struct, frozen=True, kw_only=True, tag_field=TAG, tag="digits"):
    """scikit-learn's 1,797 real handwritten digits, 8 x 8 px"""

    why: ClassVar[str] = "come with scikit-learn, so there is nothing to download"

    train_size: Annotated[int, _TRAIN_SIZE] = 0
    label_noise: Annotated[float, _LABEL_NOISE] = 0.0
    label_noise_seed: Annotated[int, _LABEL_NOISE_SEED] = 0
    corrections: Annotated[str, _CORRECTIONS] = ""
    split_seed: Annotated[int, _SPLIT_SEED] = 0
    test_share: Annotated[float, knob("Test share", "Share of all pictures kept for the final report.", gt=0, lt=1, why="539 of the 1,797: a point of accuracy is five pictures")] = 0.3  # fmt: skip
    val_share: Annotated[float, knob("Validation share", "Share of all pictures used to watch training and to choose checkpoints.", gt=0, lt=1, why="449 of the 1,797; it leaves 809, and first trials trained on 800")] = 0.25  # fmt: skip
    probe: Annotated[tuple[int, ...], _PROBE] = ()

    @property
    def title(self) -> str:
        return "digits"


class Folder(Struct, frozen=True, kw_only=True, tag_field=TAG, tag="folder"):
    """your own pictures: a folder with one sub-folder a class"""

    path: Annotated[str, knob("Folder", "Holds one sub-folder a class, or train and test (and val) with these inside; or a .zip, .tar or .tar.gz of that; or a CSV with the columns file, label and split.", basic=True, missing="write the folder with one sub-folder a class", why="has no default: nobody else knows where your pictures are")]  # fmt: skip
    size: Annotated[int, _SIDE] = 32
    colour: Annotated[Literal["rgb", "grey"], _COLOUR] = "rgb"
    train_size: Annotated[int, _TRAIN_SIZE] = 0
    label_noise: Annotated[float, _LABEL_NOISE] = 0.0
    label_noise_seed: Annotated[int, _LABEL_NOISE_SEED] = 0
    corrections: Annotated[str, _CORRECTIONS] = ""
    split_seed: Annotated[int, _SPLIT_SEED] = 0
    test_share: Annotated[float, _TEST_SHARE] = 0.2
    val_share: Annotated[float, _VAL_SHARE] = 0.1
    probe: Annotated[tuple[int, ...], _PROBE] = ()

    @property
    def title(self) -> str:
        """What a person calls it: the folder's name."""
        return Path(self.path).name or self.path


class Unlabelled(Struct, frozen=True, kw_only=True, tag_field=TAG, tag="pictures"):
    """your own pictures without classes: a folder of them, however deep, for methods that need no labels"""

    label_noise: ClassVar[float] = 0.0  # what has no labels has none that could be wrong
    label_noise_seed: ClassVar[int] = 0
    corrections: ClassVar[str] = ""

    path: Annotated[str, knob("Folder", "Holds pictures, in sub-folders or not; what these are called does not matter, but train and test (and val) are parts; or a .zip, .tar or .tar.gz of that.", basic=True, missing="write a folder with pictures", why="has no default: nobody else knows where your pictures are")]  # fmt: skip
    size: Annotated[int, _SIDE] = 32
    colour: Annotated[Literal["rgb", "grey"], _COLOUR] = "rgb"
    eval_path: Annotated[str, knob("Judged by", "A folder with one sub-folder a class, by which features are judged: nearest neighbours and linear probes. Never trained on. Empty judges without labels alone.", basic=True, why="empty: learning needs no classes, and judging does without unless somebody has sorted some pictures")] = ""  # fmt: skip
    train_size: Annotated[int, _TRAIN_SIZE] = 0
    split_seed: Annotated[int, _SPLIT_SEED] = 0
    test_share: Annotated[float, _TEST_SHARE] = 0.2
    val_share: Annotated[float, _VAL_SHARE] = 0.1
    probe: Annotated[tuple[int, ...], _PROBE] = ()

    @property
    def title(self) -> str:
        """What a person calls it: the folder's name."""
        return Path(self.path).name or self.path


class Creatures(Struct, frozen=True, kw_only=True, tag_field=TAG, tag="creatures"):
    """drawn animals of ten species, each with the mask of where it is; made here, nothing to download"""

    pictures: Annotated[int, knob("Pictures", "How many are drawn.", unit="pictures", ge=40, le=1_000_000, basic=True, why="leaves 2,800 to train on, of which DINO learns in some ten minutes of two CPU cores")] = 4000  # fmt: skip
    size: Annotated[int, knob("Size", "Side of a picture.", unit="px", ge=32, le=224, basic=True, why="first trials of DINO on two CPU cores: 32 to 48 px")] = 48  # fmt: skip
    seed: Annotated[int, knob("Seed of the drawing", "Which individuals are drawn.", ge=0, why="any would do; another draws other individuals of the same species")] = 0  # fmt: skip
    train_size: Annotated[int, _TRAIN_SIZE] = 0
    label_noise: Annotated[float, _LABEL_NOISE] = 0.0
    label_noise_seed: Annotated[int, _LABEL_NOISE_SEED] = 0
    corrections: Annotated[str, _CORRECTIONS] = ""
    split_seed: Annotated[int, _SPLIT_SEED] = 0
    test_share: Annotated[float, knob("Test share", "Share of all pictures kept for the final report.", gt=0, lt=1, why="800 of 4,000: a point of accuracy is eight pictures")] = 0.2  # fmt: skip
    val_share: Annotated[float, knob("Validation share", "Share of all pictures used to watch training and to choose checkpoints.", gt=0, lt=1, why="400 of 4,000: it only watches and chooses, and what it takes is not trained on")] = 0.1  # fmt: skip
    probe: Annotated[tuple[int, ...], _PROBE] = ()

    @property
    def title(self) -> str:
        return "creatures"


class Augment(Struct, frozen=True, kw_only=True):
    """How training pictures are varied; a pure function of seed, epoch and picture."""

    shift: Annotated[int, knob("Shift", "Each picture moves by up to this many pixels in each direction (pad and crop).", unit="px", ge=0, le=32, why="only you know whether a moved picture still shows the same; recipes for CIFAR take 4")] = 0  # fmt: skip
    flip: Annotated[bool, knob("Flip", "Mirror half of the pictures left to right. Not for digits or letters.", why="only you know whether a mirrored picture still shows the same; recipes for CIFAR turn it on")] = False  # fmt: skip


class Adamw(Struct, frozen=True, kw_only=True, tag_field=TAG, tag="adamw"):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)"""

    lr: Annotated[float | Auto, knob("Learning rate", "The highest learning rate; the schedule shapes it.", gt=0, le=10, basic=True, why="what Kingma & Ba 2015 suggest for Adam")] = 1e-3  # fmt: skip
    weight_decay: Annotated[float, knob("Weight decay", "Decoupled decay of the weights; biases and norms are left out.", ge=0, le=10, why="DeiT: 0.05 (Touvron et al. 2021)")] = 0.05  # fmt: skip
    clip: Annotated[float, knob("Gradient clip", "Largest norm of the whole gradient; 0 leaves it alone.", ge=0, why="trainings on labels mostly do without; main_dino.py: 3")] = 0.0  # fmt: skip


class Sgd(Struct, frozen=True, kw_only=True, tag_field=TAG, tag="sgd"):
    """stochastic gradient descent with Nesterov momentum"""

    why: ClassVar[str] = "Wide-ResNets and Born-Again Networks were trained with it"

    lr: Annotated[float | Auto, knob("Learning rate", "The highest learning rate; the schedule shapes it.", gt=0, le=100, basic=True, source="paper", why="Wide-ResNets and after them Born-Again Networks: 0.1")] = 0.1  # fmt: skip
    momentum: Annotated[float, knob("Momentum", "Nesterov momentum.", ge=0, lt=1, source="paper", why="Wide-ResNets: 0.9")] = 0.9  # fmt: skip
    weight_decay: Annotated[float, knob("Weight decay", "L2 decay of the weights; biases and norms are left out.", ge=0, le=10, source="paper", why="Wide-ResNets: 5e-4")] = 5e-4  # fmt: skip
    clip: Annotated[float, knob("Gradient clip", "Largest norm of the whole gradient; 0 leaves it alone.", ge=0, why="Wide-ResNets and Born-Again Networks do without; main_dino.py: 3")] = 0.0  # fmt: skip


_WARMUP = knob("Warm-up", "Epochs in which the learning rate rises from 0.", unit="epochs", ge=0, why="Wide-ResNets have none; main_dino.py: 10 of 100 epochs")  # fmt: skip


class Cosine(Struct, frozen=True, kw_only=True, tag_field=TAG, tag="cosine"):
    """falls along half a cosine"""

    why: ClassVar[str] = "suits trainings of any length, where milestones would have to be chosen"

    warmup_epochs: Annotated[float | Auto, _WARMUP] = 0.0
    final: Annotated[float, knob("Final share", "What is left of the learning rate at the end.", ge=0, le=1, why="Loshchilov & Hutter 2017 fall to 0, main_dino.py almost: to 1e-6")] = 0.0  # fmt: skip


class Step(Struct, frozen=True, kw_only=True, tag_field=TAG, tag="step"):
    """falls by a factor at chosen epochs"""

    warmup_epochs: Annotated[float | Auto, _WARMUP] = 0.0
    milestones: Annotated[tuple[int, ...], knob("Milestones", "Epochs at which the learning rate falls.", unit="epochs", ge=1, source="paper", why="Wide-ResNets: 60, 120, 160 of 200")] = (60, 120, 160)  # fmt: skip
    factor: Annotated[float, knob("Factor", "What the learning rate is multiplied by at each milestone.", gt=0, lt=1, source="paper", why="Wide-ResNets: 0.2")] = 0.2  # fmt: skip


class Constant(Struct, frozen=True, kw_only=True, tag_field=TAG, tag="constant"):
    """stays as it is after the warm-up"""

    warmup_epochs: Annotated[float | Auto, _WARMUP] = 0.0


class Training(Struct, frozen=True, kw_only=True):
    """How long, and in what portions."""

    epochs: Annotated[int, knob("Epochs", "How often each training picture is seen.", unit="epochs", ge=1, le=100_000, basic=True, why="first trials on digits: what generations gain shows by then")] = 40  # fmt: skip
    batch: Annotated[int, knob("Batch", "Pictures in one step, of all its devices together.", unit="pictures", ge=1, le=65_536, basic=True, source="paper", why="Born-Again DenseNets: 64")] = 64  # fmt: skip
    same_order: Annotated[bool, knob("One order for all seeds", "Every seed sees the pictures in the order of seed 0, varied alike, so that seeds can share a teacher's kept outputs. Their spread then leaves the order out.", why="seeds are to differ in the order too, so that a verdict holds whatever it is")] = False  # fmt: skip


class Probes(Struct, frozen=True, kw_only=True):
    """What is measured while training, and how often."""

    every_epochs: Annotated[int, knob("Validate every", "Accuracy, NLL and ECE on the validation pictures.", unit="epochs", ge=1, why="gives the curves a point an epoch, and is short beside one")] = 1  # fmt: skip
    attention_every_epochs: Annotated[int, knob("Attention every", "Attention (or class evidence) on the probe pictures.", unit="epochs", ge=1, why="the probe pictures are few, so looking at them takes little time")] = 1  # fmt: skip


class Compute(Struct, frozen=True, kw_only=True):
    """Where and how exactly it is computed."""

    device: Annotated[Literal["auto", "cuda", "mps", "cpu"], knob("Device", "auto takes a CUDA GPU, else Apple's, else the CPU, and says why.", basic=True, why="the fastest there is, so that the same recipe runs on any machine")] = "auto"  # fmt: skip
    devices: Annotated[int, knob("Devices", "Among how many GPUs (on the CPU: processes) the pictures of a step are divided. Batch and learning rate stay those of the whole step, so what is learned is the same. Each device keeps all pictures.", unit="devices", ge=1, le=64, why="most networks here are small: exchanging gradients at each step can cost more than a second device saves")] = 1  # fmt: skip
    precision: Annotated[Literal["auto", "float32", "bfloat16"], knob("Precision", "auto measures a few steps of this very model in both and keeps the faster.", why="bfloat16 helps wide models and hurts small ones on a CPU")] = "auto"  # fmt: skip
    threads: Annotated[int, knob("Threads", "CPU threads, of all devices together; 0 takes the cores that are free. Recorded, since results depend on it to the last bit.", unit="threads", ge=0, le=1024, why="no more than are free: threads that share a core wait for each other")] = 0  # fmt: skip


class Keep(Struct, frozen=True, kw_only=True):
    """What stays on disk. A teacher in use is never pruned."""

    every_epochs: Annotated[int, knob("Checkpoint every", "Full checkpoints, from which a run can go on.", unit="epochs", ge=1, why="a run that is cut off loses an epoch at most")] = 1  # fmt: skip
    full: Annotated[int, knob("Full checkpoints", "How many of the newest full checkpoints stay.", unit="checkpoints", ge=1, why="should the newest one be damaged, there is the one before")] = 2  # fmt: skip
    snapshots: Annotated[int, knob("Snapshots", "How many weights-only snapshots, thinned evenly, stay besides; 0 keeps none.", unit="snapshots", ge=0, why="they serve looking back alone, and each takes as much disk as the weights")] = 0  # fmt: skip


class Watch(Struct, frozen=True, kw_only=True):
    """What is done when a run falls ill: it collapses, explodes, or its loss is not finite any more."""

    policy: Annotated[Literal["tell", "pause", "roll_back"], knob("If a run falls ill", "tell says so and goes on; pause saves and leaves; roll_back returns to the last healthy checkpoint and goes on with the first remedy, three times at most.", why="a verdict may be wrong, and what is done about it makes another run of it: a person decides")] = "tell"  # fmt: skip


Model = SmallCnn | Resnet | Densenet | Vit | Timm
TeacherModel = SameModel | SmallCnn | Resnet | Densenet | Vit | Timm
Data = Digits | Creatures | Folder | Unlabelled
Own = Folder | Unlabelled  # a person's own pictures, in a folder that may not be there
Optimizer = Adamw | Sgd
LearningRate = Cosine | Step | Constant


class Experiment(Struct, frozen=True, kw_only=True):
    """What all runs of a lineage share."""

    version: Annotated[int, knob("Version", "Version of the recipe format.", ge=1, why="the only one there is")] = VERSION
    lineage: Annotated[str, knob("Lineage", "Name of the lineage; its runs are called <lineage>-s<seed>-F<generation>.", basic=True, why="has no default: folders and charts are called after it")]  # fmt: skip
    stop_after: Annotated[int, knob("Offer to stop after", "Once so many generations in a row are judged to have brought no gain on the validation pictures, leaving out those that are still to come is offered, never done unasked. All seeds of a generation are then trained before the next. Needs three seeds; 0 never offers.", unit="generations", ge=0, le=100, why="one without a gain may be followed by one with: DenseNet-80-80 in Born-Again Networks, 16.26, 16.30 and then 15.50 % wrong on CIFAR-100")] = 0  # fmt: skip
    method: Method = Supervised()
    model: Model = SmallCnn()
    data: Data = Digits()
    augment: Augment = Augment()
    optimizer: Optimizer = Sgd()
    schedule: LearningRate = Cosine()
    training: Training = Training()
    probes: Probes = Probes()
    compute: Compute = Compute()
    keep: Keep = Keep()
    watch: Watch = Watch()


class Recipe(Experiment, frozen=True, kw_only=True):
    """A lineage as a person writes it: `generations` students after F0, for every seed.

    `teacher_model` is F0's network where that is another than its students'; in the runs' recipes each has its own `model`.
    """

    teacher_model: TeacherModel = SameModel()
    generations: Annotated[int, knob("Generations", "Students after F0: 3 gives F0, F1, F2, F3.", unit="generations", ge=0, le=100, basic=True, why="a baseline has none; presets of Born-Again have 3, as in its paper")] = 0  # fmt: skip
    seeds: Annotated[tuple[int, ...], knob("Seeds", "One chain of generations for each; a verdict needs three or more.", ge=0, le=2**31, basic=True, why="one is the quickest look; write three once it is to be judged")] = (0,)  # fmt: skip


class Fork(Struct, frozen=True, kw_only=True):
    """Where a run began that goes on from another's checkpoint (fork.py); empty for all others."""

    run: Annotated[str, knob("Forked from", "Name of the run whose checkpoint this one began with; empty for none.", why="most runs begin at their own first step")] = ""  # fmt: skip
    step: Annotated[int, knob("Forked at", "The step of that checkpoint.", unit="steps", ge=0, why="most runs begin at their own first step")] = 0  # fmt: skip
    sha256: Annotated[str, knob("Checksum", "Of that checkpoint's weights, as they were when the fork was made.", why="empty where nothing was taken over")] = ""  # fmt: skip
    fresh_optimizer: Annotated[bool, knob("Fresh optimizer", "Whether it began without the optimizer's momenta.", why="momenta belong to the weights: without them the first steps would differ, whatever was changed")] = False  # fmt: skip


class RunRecipe(Experiment, frozen=True, kw_only=True):
    """One run of a lineage: frozen in its folder as recipe.toml."""

    seed: Annotated[int, knob("Seed", "Decides initialisation and the order of the pictures.", ge=0, le=2**31, why="one of the lineage's seeds")] = 0  # fmt: skip
    generation: Annotated[
        int,
        knob(
            "Generation",
            "0 is F0, which learns from labels, or from a run of another lineage.",
            ge=0,
            le=1000,
            why="every chain begins with F0",
        ),
    ] = 0
    teacher: Annotated[str, knob("Teacher", "Name of the run that teaches, in the same workspace; empty for none.", why="F0 has none unless its recipe names one")] = ""  # fmt: skip
    fork: Fork = Fork()

    @property
    def run(self) -> str:
        return run_name(self.lineage, self.seed, self.generation)

    @property
    def sources(self) -> tuple[str, ...]:
        """The runs that must be complete before this one begins: whose weights it starts from, and its teacher. A fork has
        its own checkpoint to start from."""
        begins = "" if self.fork.run else run_of_weights(self.model.weights)[0]
        return tuple(dict.fromkeys(name for name in (begins, self.teacher) if name))

    @property
    def order_seed(self) -> int:
        """Decides the order of the pictures and how they are varied."""
        return 0 if self.training.same_order else self.seed


class RecipeFile:
    """A recipe together with the text a person wrote: comments and order survive a change and a save.

    A relative data.path, data.eval_path, data.corrections, model.weights or teacher_model.weights starts from the folder of
    the file `source`, or from the working directory where there is none. The text keeps it as it was written; `recipe` and the recipes of the
    runs hold it whole, for engines start elsewhere.
    """

    def __init__(self, document: tomlkit.TOMLDocument, source: str = "", changed: Iterable[str] = ()) -> None:
        self.document = document
        self.changed = frozenset(changed)  # fields whose comments were written for another value
        table = document.unwrap()
        _make_whole(table, Path(source).parent)
        self.recipe: Recipe = parse(Recipe, table, source)

    def text(self) -> str:
        return tomlkit.dumps(self.document)

    def runs(self) -> Iterator[tuple[RunRecipe, str]]:
        """Each run's recipe and the text of its recipe.toml, in the order in which they are trained.

        Raises RecipeErrors if the pictures, corrections or weights are not there, so that no run is made that cannot begin.
        """
        missing = list(folders_missing(self.recipe.data))
        if missing:
            raise RecipeErrors(missing)
        if (corrected := self.recipe.data.corrections) and not Path(corrected).is_file():
            problem = f"{corrected} is no file; write the file of corrections, or leave it empty to correct nothing"
            raise RecipeErrors([RecipeError("data.corrections", problem)])
        for table in ("model", "teacher_model"):
            if (weights := file_of_weights(getattr(self.recipe, table))) and not Path(weights).is_file():
                problem = f"{weights} is no file; write the file of weights, or leave it empty to start at random"
                raise RecipeErrors([RecipeError(f"{table}.weights", problem)])
        for seed, generation in self._in_turn():
            text = self._run_text(seed, generation)
            yield parse(RunRecipe, plain_table(text)), text

    def _in_turn(self) -> list[tuple[int, int]]:
        """Seeds and generations as they are trained: a chain after the other, or where it may be offered to stop after some
        generations, which takes all seeds to judge, a generation after the other."""
        chains = [(seed, generation) for seed in self.recipe.seeds for generation in range(self.recipe.generations + 1)]
        return sorted(chains, key=lambda one: one[1]) if self.recipe.stop_after else chains

    def _run_text(self, seed: int, generation: int) -> str:
        document = tomlkit.parse(self.text())
        lineage, outside = self.recipe.lineage, teacher_run(self.recipe.method, seed)
        for key in ("generations", "seeds"):
            document.pop(key, None)
        if generation == 0 and self.recipe.generations and not outside and "method" in document:
            document["method"] = {TAG: "supervised"}  # F0 has nobody to learn from
        if outside:  # F0's teacher, which its recipe names as every run's does
            for key in ("teacher_run", "teacher_step") if generation else ("teacher_run",):
                document["method"].pop(key, None)
        first, network = document.pop("teacher_model", None), self.recipe.model
        if generation == 0 and not isinstance(self.recipe.teacher_model, SameModel):
            document["model"], network = first.unwrap(), self.recipe.teacher_model
        if run_of_weights(network.weights)[0]:
            document["model"]["weights"] = network.weights.replace(SEED, str(seed))
        elif network.weights:
            document["model"]["weights"] = network.weights
        own: dict[str, Any] = {"seed": seed, "generation": generation}
        if teacher := run_name(lineage, seed, generation - 1) if generation else outside:
            own["teacher"] = teacher
        if files := files_of(self.recipe.data):
            document["data"].update(files)
        document.update(own)  # tomlkit puts plain values before the first table
        return tomlkit.dumps(document)


def run_name(lineage: str, seed: int, generation: int) -> str:
    """The deterministic name of a run: <lineage>-s<seed>-F<generation>."""
    return f"{lineage}-s{seed}-F{generation}"


def is_run_name(name: str) -> bool:
    """Whether a run may be called so: its folder lies in the workspace and nowhere else, on any system."""
    return name not in ("", ".", "..") and not _LEADS_ELSEWHERE.search(name)


def teacher_run(method: Method, seed: int) -> str:
    """The run of another lineage from which F0 of this seed learns; empty for none."""
    return str(getattr(method, "teacher_run", "")).replace(SEED, str(seed))


def file_of_weights(model: Model | SameModel) -> str:
    """The file its network starts from; empty for none, and for the weights of a run."""
    weights = str(getattr(model, "weights", ""))
    return "" if run_of_weights(weights)[0] else weights


def run_of_weights(weights: str) -> tuple[str, int]:
    """RUN@STEP of a network's weights: the run, and the step or 0 for its last; an empty name for a file. A file of such a
    name is meant by its suffix, or by ./ before it."""
    found = _WEIGHTS_OF.fullmatch(weights)
    return (found["run"], int(found["step"] or 0)) if found else ("", 0)


def read(path: Path | str, sets: Sequence[str] = ()) -> RecipeFile:
    """A recipe from a file, or one that comes with Filial by name, with `key=value` changes. Raises RecipeErrors."""
    source = Path(path)
    shipped_name = str(path).removesuffix(".toml")
    if source.is_file():
        try:
            text = reading.text(source, encoding="utf-8-sig")  # editors on Windows begin a file with a mark
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeErrors([RecipeError("", f"cannot be read as UTF-8 text ({error})")], str(path)) from None
    elif shipped_name in shipped():
        text = shipped_text(shipped_name)
    else:
        names = ", ".join(nearest(shipped_name, shipped()))
        problem = f"there is no such file, and no recipe of this name comes with Filial (there are {names})"
        raise RecipeErrors([RecipeError("", problem)], str(path))
    return read_text(text, sets, str(path))


def read_text(text: str, sets: Sequence[str] = (), source: str = "") -> RecipeFile:
    """A recipe from TOML text. Raises RecipeErrors that name every refused field."""
    plain_table(text, source)
    document = tomlkit.parse(text)
    for change in sets:
        apply_set(document, change)
        key = change.partition("=")[0].strip()
        if key in ("data", "model", "teacher_model") or key.endswith((".path", ".eval_path", ".corrections", ".weights")):
            _make_whole(document, Path())  # typed here and now, not where the file lies
    return RecipeFile(document, source, [change.partition("=")[0].strip() for change in sets])


def plain_table(text: str, source: str = "") -> dict[str, Any]:
    """What TOML text says, without its comments. Raises RecipeErrors with the line where it is not TOML.

    The standard library's parser is eight times as fast as tomlkit, names the line of a key that is written twice, and is
    what other programs will read the file with.
    """
    if len(text) > LONGEST:
        problem = f"has {len(text):,d} letters, and a recipe at most {LONGEST:,d}; take out what is none of it"
        raise RecipeErrors([RecipeError("", problem)], source)
    for line, said in enumerate(text.splitlines(), 1):
        if said.count(".") > MOST_POINTS:  # a key of so many parts would take the parser minutes
            raise _too_deep(f"line {line}", source)
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise _too_deep("", source) from None
    except tomllib.TOMLDecodeError as error:
        problem, _, place = str(error).partition(" (at ")
        problem = re.sub(r"\('(.+?)',?\)", lambda keys: keys[1].replace("', '", "."), problem)  # a tuple of keys
        found = re.match(r"line (\d+)", place)
        line = int(found[1]) if found else len(text.rstrip().splitlines())
        raise RecipeErrors([RecipeError(f"line {line}", f"is not TOML: {problem}")], source) from None
    except ValueError:  # int's own; it names no place
        problem = "holds a number of more than 4,300 digits, outside every range; write a smaller one"
        raise RecipeErrors([RecipeError("", problem)], source) from None
    _refuse_odd(table, source)
    return table


def _refuse_odd(table: Mapping[str, Any], source: str) -> None:
    """What is TOML, and yet more than any recipe says and than whoever writes it out again can bear."""
    left: list[tuple[str, Any, int]] = [("", table, 0)]
    while left:
        path, value, depth = left.pop()
        if depth > DEEPEST:
            raise _too_deep(path, source)
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            problem = f"a whole number of {value.bit_length():,d} bits is outside every range; write a smaller one"
            raise RecipeErrors([RecipeError(path, problem)], source)
        if isinstance(value, Mapping):
            left.extend((f"{path}.{key}" if path else str(key), one, depth + 1) for key, one in value.items())
        elif isinstance(value, list):
            left.extend((path, one, depth + 1) for one in value)


def _too_deep(path: str, source: str) -> RecipeErrors:
    return RecipeErrors([RecipeError(path[:80], f"is nested more than {DEEPEST} deep, as nothing in a recipe is")], source)


def with_value(text: str, path: str, value: str) -> str:
    """A recipe's text with this field said; comments and order stay."""
    document = tomlkit.parse(text)
    apply_set(document, f"{path}={json.dumps(value)}")
    return tomlkit.dumps(document)


def apply_set(document: tomlkit.TOMLDocument, change: str) -> None:
    """One `table.field=value`; the value is TOML (`0.1`, `[0, 1]`, `true`), anything else is text."""
    key, equals, value = change.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path) or not _can_be_said(change):
        shown = change if len(change) <= 80 else change[:77] + "..."
        problem = "is not a change; write --set field=value, such as training.epochs=20"
        raise RecipeErrors([RecipeError(shown.encode(errors="replace").decode(), problem)])
    if len(path) > DEEPEST:
        raise _too_deep(key.strip(), "--set")
    parsed = _parsed(value.strip())
    if not isinstance(parsed, str):
        _refuse_odd({key.strip(): parsed}, "--set")
    place: Any = document
    for part in path[:-1]:
        place = place.setdefault(part, tomlkit.table())
        if not isinstance(place, Mapping):
            raise RecipeErrors([RecipeError(key.strip(), f"{part} is a value, not a table")])
    place[path[-1]] = parsed


def _parsed(value: str) -> Any:
    try:
        return tomlkit.parse(f"x = {value}")["x"]
    except (TOMLKitError, ValueError, RecursionError):
        return value


def _can_be_said(text: str) -> bool:
    """Whether TOML can: what a shell passes on may be no UTF-8."""
    try:
        return bool(text.encode()) and len(text) <= LONGEST
    except UnicodeEncodeError:
        return False


NAMED_FILES = (
    ("data", "path"),
    ("data", "eval_path"),
    ("data", "corrections"),
    ("model", "weights"),
    ("teacher_model", "weights"),
)


def _make_whole(table: Any, start: Path) -> None:
    """Write the folders of pictures and the files of weights from the root on, in place; whatever else stands there is for
    `parse` to refuse."""
    for name, key in NAMED_FILES:
        part = table.get(name)
        path = part.get(key) if isinstance(part, Mapping) else None
        if not isinstance(path, str) or not path or (name != "data" and run_of_weights(path)[0]):
            continue
        if name != "data" or key == "corrections" or part.get(TAG) in (tag_of(Folder), tag_of(Unlabelled)):
            part[key] = whole_path(path, start)


def whole_path(path: str, start: Path) -> str:
    """`path` from the root on, where a relative one starts from `start`; `~` is the home of the person."""
    at_home = path == "~" or path.startswith(("~/", "~\\"))
    return os.path.abspath(start / (os.path.expanduser(path) if at_home else path))  # noqa: PTH100, PTH111 - pathlib keeps ..


def folders_of(data: Data) -> dict[str, str]:
    """The folders that a person's own pictures lie in, by the name of the field."""
    found = {"path": data.path} if isinstance(data, Own) else {}
    return found | ({"eval_path": data.eval_path} if isinstance(data, Unlabelled) and data.eval_path else {})


def is_archive(path: str) -> bool:
    """Whether a file of this name is looked into as if it were a folder."""
    return path.lower().endswith(ARCHIVES)


def is_label_file(path: str) -> bool:
    """Whether a file of this name says which picture shows what."""
    return path.lower().endswith(LABEL_FILES)


def files_of(data: Data) -> dict[str, str]:
    """All that the data names on disk, by the name of the field."""
    return folders_of(data) | ({"corrections": data.corrections} if data.corrections else {})


def folders_missing(data: Data, remedy: str = "") -> Iterator[RecipeError]:
    """A refusal for each folder of pictures, archive of one, or CSV of labels that is not there."""
    for key, path in folders_of(data).items():
        usual = ANY_FOLDER if isinstance(data, Unlabelled) and key == "path" else LABELLED_FOLDER
        is_labelled = isinstance(data, Folder) or key == "eval_path"
        may_be_file = is_archive(path) or (is_labelled and is_label_file(path))
        if not Path(path).is_dir() and not (may_be_file and Path(path).is_file()):
            yield RecipeError(f"data.{key}", no_folder(path, remedy or usual))


def no_folder(path: str, remedy: str = LABELLED_FOLDER) -> str:
    """What is wrong with a path that leads to no folder, to follow "data.path: "."""
    there = Path(path)
    nearest_there = next((parent for parent in there.parents if parent.is_dir()), None)
    found = "is a file" if there.is_file() else "is not there" + (f" ({nearest_there} is)" if nearest_there else "")
    return f"{path} {found}; {remedy}"


def parse(struct: type, table: Mapping[str, Any], source: str = "") -> Any:
    """A Recipe or RunRecipe from plain values, all refusals together as RecipeErrors."""
    version = table.get("version", VERSION)
    if isinstance(version, int) and version > VERSION:
        problem = f"{version} was written by a newer Filial; this one reads {VERSION}. Update Filial to use this recipe"
        raise RecipeErrors([RecipeError("version", problem)], source)
    errors: list[RecipeError] = []
    recipe = build(struct, table, "", errors)
    if not errors:
        errors.extend(_contradictions(recipe))
    if errors:
        raise RecipeErrors(errors, source)
    return recipe


def parse_data(table: Mapping[str, Any]) -> Data:
    """A data table alone, whichever method may learn from it. Raises RecipeErrors."""
    return parse(Recipe, {"lineage": "alone", "method": {TAG: tag_of(UNTAUGHT[0])}, "data": table}).data  # type: ignore[no-any-return]


def changed(recipe: Experiment, field: str, value: Any) -> Any:
    """The recipe with one field different. Raises RecipeErrors if it does not take that value."""
    table = to_table(recipe)
    *path, last = field.split(".")
    place = table
    for part in path:
        place = place[part]
    place[last] = value
    return parse(type(recipe), table)


def to_table(recipe: Experiment) -> dict[str, Any]:
    """Every value in force as plain nested tables, defaults included; of a run that is no fork no table says that it is none."""
    table: dict[str, Any] = msgspec.to_builtins(recipe)
    if isinstance(recipe, RunRecipe) and not recipe.fork.run:
        del table["fork"]
    return table


def flat(table: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Nested tables as one: {"optimizer.lr": 0.1}."""
    result: dict[str, Any] = {}
    for key, value in table.items():
        here = f"{path}.{key}" if path else key
        result.update(flat(value, here) if isinstance(value, Mapping) else {here: value})
    return result


def all_fields(struct: type[Experiment] = Recipe) -> list[Field]:
    """Every field of a recipe, for forms and documentation."""
    return list(fields_of(struct))


def shipped() -> list[str]:
    """Names of the recipes that come with Filial."""
    folder = resources.files("assets").joinpath("recipes")
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def shipped_text(name: str) -> str:
    return resources.files("assets").joinpath("recipes", f"{name}.toml").read_text(encoding="utf-8")


def _contradictions(recipe: Experiment) -> Iterator[RecipeError]:
    """Values that are each allowed but not together."""
    if not _NAME.fullmatch(recipe.lineage) or _OF_WINDOWS.match(recipe.lineage):
        problem = f"{recipe.lineage!r} cannot name a folder; use up to 80 letters, digits, '.', '_' and '-'"
        yield RecipeError("lineage", problem)
    if isinstance(recipe, Recipe):
        yield from _lineage_contradictions(recipe)
    elif isinstance(recipe, RunRecipe):
        yield from _run_contradictions(recipe)
    epochs = recipe.training.epochs
    if not isinstance(recipe.schedule.warmup_epochs, str) and recipe.schedule.warmup_epochs > epochs:
        problem = f"{recipe.schedule.warmup_epochs:g} is longer than the {epochs} epochs of training.epochs"
        yield RecipeError("schedule.warmup_epochs", problem + "; shorten the warm-up or train longer")
    if isinstance(recipe.schedule, Step) and list(recipe.schedule.milestones) != sorted(set(recipe.schedule.milestones)):
        problem = f"{list(recipe.schedule.milestones)} do not rise; write each epoch once, the earliest first"
        yield RecipeError("schedule.milestones", problem)
    elif (
        isinstance(recipe.schedule, Step)
        and not isinstance(recipe.schedule.warmup_epochs, str)
        and (marks := recipe.schedule.milestones)
        and marks[0] < recipe.schedule.warmup_epochs
    ):
        problem = f"{marks[0]} lies within the warm-up of schedule.warmup_epochs = {recipe.schedule.warmup_epochs:g}"
        yield RecipeError("schedule.milestones", problem + "; shorten the warm-up, or begin to fall later")
    yield from _model_contradictions("model", recipe.model)
    yield from _head_contradictions("model", recipe.model, epochs)
    if recipe.training.batch * fewest_crops(recipe.method) < 2 and has_batch_norm(recipe.model):
        remedy = "write 2 or more" + (
            "" if isinstance(recipe.model, Timm) else ', or a network without it, such as model.name = "vit"'
        )
        yield RecipeError("training.batch", f"{recipe.training.batch} {LONELY}; {remedy}")
    if (devices := recipe.compute.devices) > recipe.training.batch:
        problem = f"{devices} cannot share the steps of training.batch = {recipe.training.batch}"
        yield RecipeError("compute.devices", f"{problem}; write {recipe.training.batch} or less")
    if isinstance(recipe.method, Dinov2):
        yield from _dinov2_contradictions(recipe.method, recipe)
    if isinstance(recipe.method, Dino):
        yield from _crop_contradictions(recipe.method, recipe.model)
    if isinstance(recipe.data, Own) and not recipe.data.path.strip():
        yield RecipeError("data.path", f"is empty; {LABELLED_FOLDER if isinstance(recipe.data, Folder) else ANY_FOLDER}")
    if isinstance(recipe.data, Unlabelled) and not isinstance(recipe.method, UNTAUGHT):
        problem = f'"pictures" have no classes, and {tag_of(type(recipe.method))} learns classes'
        yield RecipeError("data.name", f'{problem}; write "folder" for one with a sub-folder a class, or method.name = "dino"')
    if recipe.data.test_share + recipe.data.val_share >= 1:
        problem = f"{recipe.data.val_share:g} and data.test_share = {recipe.data.test_share:g} leave nothing to train on"
        yield RecipeError("data.val_share", problem + "; their sum must be below 1")


def fewest_crops(method: Method) -> int:
    """Of one picture, that a network sees in one pass; of a method that sees pictures and no crops 1."""
    if not isinstance(method, Dino):
        return 1
    return min(method.global_crops, method.local_crops or method.global_crops)


def has_batch_norm(model: Model) -> bool:
    """Whether it learns with BatchNorm, as far as a name tells: of timm's networks none does."""
    return not model.freeze and (
        isinstance(model, SmallCnn | Resnet | Densenet) or (isinstance(model, Vit) and model.stem == "conv")
    )


def _model_contradictions(path: str, model: Model | SameModel) -> Iterator[RecipeError]:
    if not isinstance(model, SameModel) and model.freeze and not model.weights:
        problem = f"true would freeze a network at random; write {path}.weights, or {path}.freeze = false"
        yield RecipeError(f"{path}.freeze", problem)
    if not isinstance(model, SameModel) and model.partial and (model.freeze or not model.weights):
        missing = "true, but a frozen backbone must be whole" if model.freeze else f"true, but {path}.weights is empty"
        yield RecipeError(f"{path}.partial", f"{missing}; write {path}.partial = false")
    if isinstance(model, Resnet) and (model.depth - 2) % 6:
        lower = 2 + 6 * ((model.depth - 2) // 6)
        yield RecipeError(f"{path}.depth", f"{model.depth} is not 6n+2; write {lower} or {lower + 6}")
    if isinstance(model, Densenet) and ((model.depth - 4) % (layers := 6 if model.bottleneck else 3)):
        lower = max(4 + layers, 4 + layers * ((model.depth - 4) // layers))
        problem = f"{model.depth} is not {layers}n+4, as {path}.bottleneck = {str(model.bottleneck).lower()} needs"
        yield RecipeError(f"{path}.depth", f"{problem}; write {lower} or {lower + layers}")
    if isinstance(model, Vit) and model.stem == "conv" and (model.patch < 2 or model.patch & (model.patch - 1)):
        lower = 1 << (model.patch.bit_length() - 1)
        remedy = f"{lower} or {2 * lower}" if lower > 1 else "2"
        problem = f'{model.patch} is not a power of two from 2 on, as {path}.stem = "conv" needs; write {remedy}'
        yield RecipeError(f"{path}.patch", problem)
    if isinstance(model, Vit) and model.width % model.heads:
        nearest_width = model.heads * max(1, round(model.width / model.heads))
        problem = f"{model.width} is not a multiple of {path}.heads = {model.heads}"
        yield RecipeError(f"{path}.width", f"{problem}; write {nearest_width}")


def _head_contradictions(path: str, model: Model | SameModel, epochs: int) -> Iterator[RecipeError]:
    if isinstance(model, SameModel) or not model.head_epochs:
        return
    if not model.weights:
        problem = f"{model.head_epochs} would keep a network at random as it is; write {path}.weights, or 0"
        yield RecipeError(f"{path}.head_epochs", problem)
    elif model.freeze:
        yield RecipeError(f"{path}.head_epochs", f"{model.head_epochs}, but {path}.freeze keeps the rest for ever; write 0")
    elif model.head_epochs >= epochs:
        problem = f"{model.head_epochs} are all of training.epochs = {epochs}"
        yield RecipeError(f"{path}.head_epochs", f"{problem}; write fewer, or {path}.freeze = true and 0")


def _crop_contradictions(method: Dino, model: Model) -> Iterator[RecipeError]:
    for kind in ("global", "local"):
        low, high = getattr(method, f"{kind}_scale_low"), getattr(method, f"{kind}_scale_high")
        if low > high:
            problem = f"{low:g} is above method.{kind}_scale_high = {high:g}; write {high:g} or less"
            yield RecipeError(f"method.{kind}_scale_low", problem)
        size = getattr(method, f"{kind}_size")
        if isinstance(model, Vit) and isinstance(size, int) and size % model.patch:
            lower = max(model.patch, size // model.patch * model.patch)
            problem = f"{size} px are not whole patches of model.patch = {model.patch}; write {lower} or {lower + model.patch}"
            yield RecipeError(f"method.{kind}_size", problem)
    if model.freeze:
        problem = f"is true, so {tag_of(type(method))} would train nothing but its head; write false"
        yield RecipeError("model.freeze", problem)
    if isinstance(method, Dinov2) and not isinstance(model, Vit | Timm):
        problem = f'{tag_of(type(model))} has no patches that dinov2 could hide; write vit, or method.name = "dino"'
        yield RecipeError("model.name", problem)
    if isinstance(method, Dinov2) and method.mask_ratio_low > method.mask_ratio_high:
        problem = f"{method.mask_ratio_low:g} is above method.mask_ratio_high = {method.mask_ratio_high:g}"
        yield RecipeError("method.mask_ratio_low", f"{problem}; write {method.mask_ratio_high:g} or less")
    if method.global_crops + method.local_crops < 2:
        problem = (
            "is 0, and with one global crop there is no other view to compare; write 1 or more, or method.global_crops = 2"
        )
        yield RecipeError("method.local_crops", problem)


def _dinov2_contradictions(method: Dinov2, recipe: Experiment) -> Iterator[RecipeError]:
    """A frozen teacher, and larger crops at last."""
    taught = method.teacher_run or getattr(recipe, "teacher", "")
    if taught and isinstance(recipe.model, Vit) and recipe.model.drop_path:
        problem = f"{recipe.model.drop_path:g} leaves blocks out, but a student of a frozen teacher keeps them all"
        yield RecipeError("model.drop_path", f"{problem}; write 0")
    if not method.high_epochs:
        return
    patch = recipe.model.patch if isinstance(recipe.model, Vit) else 1
    usual = method.global_size if isinstance(method.global_size, int) else 0
    if method.high_size <= usual or method.high_size % patch:
        least = max(method.high_size, usual + 1)
        problem = f"{method.high_size} px are not whole patches of more than method.global_size = {method.global_size}"
        yield RecipeError("method.high_size", f"{problem}; write {-(-least // patch) * patch}, or method.high_epochs = 0")
    if method.high_epochs >= recipe.training.epochs:
        problem = f"{method.high_epochs} are all of training.epochs = {recipe.training.epochs}"
        yield RecipeError("method.high_epochs", f"{problem}; write fewer, or a larger method.global_size from the start")


def _lineage_contradictions(recipe: Recipe) -> Iterator[RecipeError]:
    yield from _model_contradictions("teacher_model", recipe.teacher_model)
    yield from _head_contradictions("teacher_model", recipe.teacher_model, recipe.training.epochs)
    if not recipe.generations and not isinstance(recipe.teacher_model, SameModel):
        yield RecipeError("teacher_model.name", 'is F0\'s network where it has students, but generations = 0; write 1 or more, or "same"')  # fmt: skip
    if not recipe.seeds:
        yield RecipeError("seeds", "is empty; write at least one seed, such as seeds = [0]")
    if len(set(recipe.seeds)) < len(recipe.seeds):
        yield RecipeError("seeds", f"{list(recipe.seeds)} names a seed twice; each seed is one chain")
    alone = isinstance(recipe.method, ALONE)
    if recipe.generations and alone:
        why = (
            "supervised has no teacher"
            if isinstance(recipe.method, Supervised)
            else "dino's teacher is an average of its own student"
        )
        yield RecipeError("method.name", f"{why}, but generations = {recipe.generations}; write ban, or generations = 0")
    if not recipe.generations and not alone and not teacher_run(recipe.method, 0):
        yield RecipeError("generations", "is 0, so nobody would be taught; write 1 or more, or method.name = \"supervised\"")  # fmt: skip
    yield from _teacher_contradictions(recipe)
    names = {run_name(recipe.lineage, seed, k) for seed in recipe.seeds for k in range(recipe.generations + 1)}
    for table in ("model", "teacher_model"):
        begins = run_of_weights(str(getattr(getattr(recipe, table), "weights", "")))[0]
        if any(begins.replace(SEED, str(seed)) in names for seed in recipe.seeds):
            yield RecipeError(f"{table}.weights", f"{begins} is a run of this very lineage; write one of another")


def _teacher_contradictions(recipe: Recipe) -> Iterator[RecipeError]:
    """An F0 that learns from a run of another lineage."""
    asked = getattr(recipe.method, "teacher_run", "")
    if not asked and bool(getattr(recipe.method, "teacher_step", 0)):
        yield RecipeError("method.teacher_step", "is a checkpoint of method.teacher_run, which is empty; write that too, or 0")
    if asked and not _RUN.fullmatch(teacher_run(recipe.method, 0)):
        problem = f"{asked!r} cannot be a run's name; write one such as digits-s0-F1, or digits-s{SEED}-F1 for the same seed"
        yield RecipeError("method.teacher_run", problem)
    names = {run_name(recipe.lineage, seed, k) for seed in recipe.seeds for k in range(recipe.generations + 1)}
    if own := next((name for seed in recipe.seeds if (name := teacher_run(recipe.method, seed)) in names), ""):
        problem = f"{own} is a run of this very lineage; write one of another, or leave it empty: F1 learns from F0 anyway"
        yield RecipeError("method.teacher_run", problem)


def _run_contradictions(recipe: RunRecipe) -> Iterator[RecipeError]:
    for field, name in (("teacher", recipe.teacher), ("fork.run", recipe.fork.run)):
        if name and not is_run_name(name):
            yield RecipeError(field, f"{name!r} cannot be a run's name; write one such as digits-s0-F1")
    if recipe.generation and not recipe.teacher:
        yield RecipeError("teacher", f"is empty, but generation {recipe.generation} learns from the one before; write its run")
    if getattr(recipe.method, "teacher_run", ""):
        yield RecipeError("method.teacher_run", "is for a lineage's recipe; in a run's write teacher")
    if bool(recipe.teacher) == isinstance(recipe.method, ALONE) and not isinstance(recipe.method, EITHER):
        yield RecipeError("method.name", "a run with a teacher needs a method that listens to it; a run without one is supervised or dino")  # fmt: skip
