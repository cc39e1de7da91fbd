"""What GPUs are usable: by a driver's library that is compiled here, and by fakes."""

import shutil
import subprocess

import pytest

from mimic.cli import InputError
from mimic.gpus import visible as module
from mimic.gpus.visible import Gpu, usable_gpus

DRIVER = r"""
#include <stdlib.h>
#include <string.h>
typedef struct { unsigned long long total, free, used; } Memory;
static const char *uuids[] = {"GPU-aa-0", "GPU-ab-1", "GPU-bb-2", "MIG-cc-3"};
static long opened = 0;
int nvmlInit_v2(void) { opened++; return getenv("NO_DRIVER") ? 9 : 0; }
int nvmlShutdown(void) { opened--; return 0; }
int nvmlDeviceGetCount_v2(unsigned int *n) { if (!opened) return 1; *n = 3; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **handle) {
    const char *lost = getenv("LOST");
    if (index > 2 || (lost && atoi(lost) == (int)index)) return 15;
    *handle = (void *)(0x7f0000000000 + index);
    return 0;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, void **handle) {
    if (strcmp(uuid, uuids[3])) return 6;
    *handle = (void *)(0x7f0000000000 + 3);
    return 0;
}
static long index_of(void *handle) { return (long)handle - 0x7f0000000000; }
int nvmlDeviceGetUUID(void *handle, char *text, unsigned int length) {
    if (length < 80) return 7;
    strcpy(text, uuids[index_of(handle)]);
    return 0;
}
int nvmlDeviceGetMemoryInfo(void *handle, Memory *memory) {
    long index = index_of(handle);
    if (index == 3) return 3;
    memory->total = getenv("MIXED") ? (index + 1) * 8000000000ULL : 24000000000ULL;
    memory->free = 1000000000ULL + index;
    memory->used = memory->total - memory->free;
    return 0;
}
"""


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """A shared library with the functions of NVML that are called, three GPUs and a part of one."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    folder = tmp_path_factory.mktemp("driver")
    (folder / "driver.c").write_text(DRIVER)
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-w", "-o", folder / "driver.so", folder / "driver.c"], check=True
    )
    return str(folder / "driver.so")


@pytest.fixture
def read(library, monkeypatch):
    """Function that gives the usable GPUs in an environment."""
    monkeypatch.setattr(module, "_LIBRARY", library)

    def usable(**environ):
        with usable_gpus(environ) as gpus:
            return gpus.read()

    return usable


def visible(gpus):
    return [gpu.visible for gpu in gpus]


def test_all_gpus_of_the_driver_are_named_by_their_uuid_with_memory_in_mb(read):
    assert read() == [
        Gpu("GPU-aa-0", "GPU-aa-0", 24000, 1000),
        Gpu("GPU-ab-1", "GPU-ab-1", 24000, 1000),
        Gpu("GPU-bb-2", "GPU-bb-2", 24000, 1000),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", ["GPU-ab-1"]),
        ("2,0", ["GPU-bb-2", "GPU-aa-0"]),
        ("0, 1", ["GPU-aa-0", "GPU-ab-1"]),
        ("0,7,1", ["GPU-aa-0"]),  # CUDA: the first that means none ends the list
        ("0,-1,1", ["GPU-aa-0"]),
        ("1,1", ["GPU-ab-1"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("GPU-bb-2,0", ["GPU-bb-2", "GPU-aa-0"]),
        ("GPU-b", ["GPU-bb-2"]),
        ("GPU-a", []),  # of two
        ("MIG-cc-3", ["MIG-cc-3"]),
        ("MIG-xx,0", []),
    ],
)
def test_only_what_is_visible_is_used(read, text, expected):
    assert visible(read(CUDA_VISIBLE_DEVICES=text)) == expected


def test_a_part_that_does_not_tell_its_memory_is_used_without(read):
    assert read(CUDA_VISIBLE_DEVICES="MIG-cc-3") == [Gpu("MIG-cc-3", "MIG-cc-3")]


def test_numbers_stay_numbers_where_cuda_may_count_in_another_order(read, monkeypatch):
    monkeypatch.setenv("MIXED", "1")
    assert read(CUDA_VISIBLE_DEVICES="1") == [Gpu("cuda-1", "1")]
    by_bus = read(CUDA_VISIBLE_DEVICES="1", CUDA_DEVICE_ORDER="PCI_BUS_ID")
    assert by_bus == [Gpu("GPU-ab-1", "GPU-ab-1", 16000, 1000)]


def test_a_gpu_that_has_vanished_is_not_among_them(read, monkeypatch):
    monkeypatch.setenv("LOST", "1")
    assert visible(read()) == ["GPU-aa-0", "GPU-bb-2"]
    assert visible(read(CUDA_VISIBLE_DEVICES="1,2")) == []


def test_a_driver_that_does_not_answer_means_no_gpu(read, monkeypatch):
    monkeypatch.setenv("NO_DRIVER", "1")
    assert read() == []


def test_without_a_driver_there_is_no_gpu_whatever_is_visible(monkeypatch):
    monkeypatch.setattr(module, "_LIBRARY", "libnone.so.1")
    with usable_gpus({"CUDA_VISIBLE_DEVICES": "0"}) as gpus:
        assert gpus.read() == []


def test_fakes_hide_what_the_driver_has(read):
    assert read(MIMIC_FAKE_GPUS="2") == [
        Gpu("fake-0", "0", 16000, fake=True),
        Gpu("fake-1", "1", 16000, fake=True),
    ]
    assert read(MIMIC_FAKE_GPUS="1x8000") == [Gpu("fake-0", "0", 8000, fake=True)]
    assert visible(read(MIMIC_FAKE_GPUS="3", CUDA_VISIBLE_DEVICES="2,1,9")) == ["2", "1"]


@pytest.mark.parametrize("text", ["two", "-1", "2x", "1000", "²"])
def test_a_number_of_fakes_that_is_none_is_refused(read, text):
    with pytest.raises(InputError, match="MIMIC_FAKE_GPUS: expected a number such as 2, or 2x8000"):
        read(MIMIC_FAKE_GPUS=text)


def test_names_are_safe_in_file_names():
    assert module._safe("MIG-GPU-1a/2/0") == "MIG-GPU-1a_2_0"
    assert module._safe("../../etc") == "______etc"
