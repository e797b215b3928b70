"""Why a run failed: what an error becomes in words, and that whoever reads it knows what was meant."""

import errno

import numpy as np
import pytest
import torch

from engine import failures
from engine.failures import in_words, read


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: not enough memory: you tried to allocate 9"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError(),
    ],
)
def test_that_what_does_not_fit_is_out_of_memory_whoever_says_it(error: Exception) -> None:
    assert in_words(error) == failures.MEMORY
    assert read(in_words(error)) == ("memory", "out of memory", "a smaller training.batch or a smaller model needs less")


def test_that_real_allocators_are_understood() -> None:
    with pytest.raises(RuntimeError) as of_torch:
        torch.empty(2**55)
    with pytest.raises(MemoryError) as of_numpy:
        np.empty(2**60, np.uint8)
    assert failures.is_out_of_memory(of_torch.value) and failures.is_out_of_memory(of_numpy.value)


@pytest.mark.parametrize(
    ("error", "where"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/runs/a/x"), "/runs/a/x"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/runs/a/x"), "/runs/a/x"),
        (RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"), "the workspace"),
        (RuntimeError("I/O error: There is not enough space on the disk. (os error 112)"), "the workspace"),
    ],
)
def test_that_a_full_disk_is_named_with_its_place(error: Exception, where: str) -> None:
    assert in_words(error) == f"no space left on the disk at {where}; free some and resume"
    assert read(in_words(error)) == ("disk", f"no space left on the disk at {where}", "free some and resume")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_that_too_many_open_files_are_told_with_what_helps(number: int) -> None:
    said = in_words(OSError(number, "Too many open files", "/tmp/filial-leases/core-0.lock"))
    assert read(said) == ("told", "too many files are open", "allow more (ulimit -n 4096) and resume")


def test_that_what_nobody_knows_is_named_by_its_first_line_and_its_traceback_is_elsewhere() -> None:
    said = in_words(KeyError("a; b\nand more"))
    assert read(said).kind == "error" and read(said).then == "" and said.endswith("(the traceback is in engine.log)")
    assert read(in_words(ValueError("first\nsecond"))).what == "ValueError: first"
    assert read(in_words(ValueError())).what == "ValueError: no message"
    assert not failures.is_out_of_memory(RuntimeError("shapes")) and not failures.is_out_of_space(OSError(errno.ENOENT, "gone"))


def test_that_a_sentence_for_people_is_taken_apart_where_it_says_what_helps() -> None:
    gone = str(failures.Failed("data.path: /x is not there; bring it back, then resume"))
    assert read(gone) == ("told", "data.path: /x is not there", "bring it back, then resume")
    assert read("") == ("told", "", "")
    assert read("pictures of a poem that says out of memory").kind == "told"
