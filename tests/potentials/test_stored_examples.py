"""Loaders of files, on small files in the published formats that the tests write."""

import gzip
import hashlib
import io
import struct
import tarfile

import numpy as np
import pytest

from langevin_lab.potentials import load_cifar10, load_mnist, read_cifar10, read_idx

rng = np.random.default_rng(1)
IMAGES = rng.integers(0, 256, (6, 4, 3), dtype=np.uint8)
LABELS = np.array([0, 9, 3, 3, 1, 7], dtype=np.uint8)
COLOURS = rng.integers(0, 256, (10, 3072), dtype=np.uint8)


def idx(array, code=8):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_mnist(folder, stem="train", *, packed=True):
    for name, array in (("images-idx3", IMAGES), ("labels-idx1", LABELS)):
        path = folder / f"{stem}-{name}-ubyte{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))


def cifar_batch(number):
    """Two records: a label and its pixels."""
    rows = COLOURS[2 * number : 2 * number + 2]
    return b"".join(bytes([2 * number + i]) + row.tobytes() for i, row in enumerate(rows))


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(("part", "stem"), [("train", "train"), ("test", "t10k")])
def test_mnist_is_read(tmp_path, packed, part, stem):
    write_mnist(tmp_path, stem, packed=packed)
    found = load_mnist(tmp_path, part=part, checksums={})
    np.testing.assert_array_equal(found.inputs, IMAGES.reshape(6, 12) / 255)
    np.testing.assert_array_equal(found.targets, LABELS)
    assert found.targets.dtype == np.int64
    assert found.name == f"mnist {part}"


@pytest.mark.parametrize(
    ("code", "kind"),
    [(8, "u1"), (9, "i1"), (11, "i2"), (12, "i4"), (13, "f4"), (14, "f8")],
)
def test_idx_of_every_type(tmp_path, code, kind):
    array = (100 * rng.random((3, 2, 2)) - (20 if kind != "u1" else 0)).astype(kind)
    path = tmp_path / "some.idx"
    path.write_bytes(idx(array, code))
    found = read_idx(path)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == np.dtype(kind)


def test_checksums_are_compared(tmp_path):
    write_mnist(tmp_path)
    with pytest.raises(ValueError, match=r"has the md5 \w+, not f68b3c2.*: download it again"):
        load_mnist(tmp_path)
    content = (tmp_path / "train-images-idx3-ubyte.gz").read_bytes()
    right = {"train-images-idx3-ubyte.gz": hashlib.md5(content).hexdigest()}
    assert load_mnist(tmp_path, checksums=right).n_examples == 6
    write_mnist(tmp_path, packed=False)
    (tmp_path / "train-images-idx3-ubyte.gz").unlink()
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    assert load_mnist(tmp_path).n_examples == 6  # no checksum is known of unpacked files


def test_missing_files_say_where_they_come_from(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"ubyte; download it from https://ossci-datasets"):
        load_mnist(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"holds neither data_batch_1.*kriz/cifar.html"):
        load_cifar10(tmp_path)
    with pytest.raises(FileNotFoundError, match="nothing"):
        read_idx(tmp_path / "nothing")


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("place", ["folder", "its folder", "archive"])
def test_cifar10_is_read(tmp_path, place, part):
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] if part == "train" else ["test_batch.bin"]
    content = {name: cifar_batch(number) for number, name in enumerate(names)}
    if place == "archive":
        with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as archive:
            for name, data in content.items():
                member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        with pytest.raises(ValueError, match="has the md5"):
            load_cifar10(tmp_path, part=part)
    else:
        folder = tmp_path / "cifar-10-batches-bin" if place == "its folder" else tmp_path
        folder.mkdir(exist_ok=True)
        for name, data in content.items():
            (folder / name).write_bytes(data)
    found = load_cifar10(tmp_path, part=part, checksums={})
    count = 2 * len(names)
    np.testing.assert_array_equal(found.targets, np.arange(count))
    np.testing.assert_array_equal(found.inputs, COLOURS[:count] / 255)
    images, labels = read_cifar10(tmp_path, part=part, checksums={})
    np.testing.assert_array_equal(images, COLOURS[:count].reshape(count, 3, 32, 32))
    np.testing.assert_array_equal(labels, found.targets)
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
    if place == "archive":
        other = "test" if part == "train" else "train"
        with pytest.raises(ValueError, match=r"cifar-10-binary\.tar\.gz holds no "):
            load_cifar10(tmp_path, part=other, checksums={})


def test_unpacked_batches_are_compared(tmp_path):
    (tmp_path / "test_batch.bin").write_bytes(cifar_batch(0))
    with pytest.raises(ValueError, match=r"has the md5 .* not 0"):
        load_cifar10(tmp_path, part="test", checksums={"test_batch.bin": "0"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", "begins with b'<htm', which is no header of an IDX file"),
        (b"\0\0\x08", "begins with .*, which is no header of an IDX file"),
        (b"\0\0\x07\x01\0\0\0\x01a", "which is no header of an IDX file"),
        (idx(LABELS)[:-1], r"holds 13 bytes, but its header of shape \(6,\) asks for 14"),
        (idx(LABELS) + b"a", r"holds 15 bytes, but its header of shape \(6,\) asks for 14"),
        (idx(IMAGES)[:6], "which is no header of an IDX file"),
    ],
)
def test_damaged_idx_files_are_refused(tmp_path, content, message):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_idx(path)


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "labels.gz"
    for content in (b"<html>", gzip.compress(idx(LABELS))[:-9]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"labels.gz is not packed by gzip \(.*download it"):
            read_idx(path)
    write_mnist(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS[:5])))
    with pytest.raises(ValueError, match=r"images of shape \(6, 4, 3\) and labels of shape \(5,\)"):
        load_mnist(tmp_path, checksums={})
    with pytest.raises(ValueError, match="part='valid' must be 'train' or 'test'"):
        load_mnist(tmp_path, part="valid")
    for content, message in (
        (cifar_batch(0)[:-1], "test_batch.bin holds 6145 bytes, no multiple of 3073"),
        (b"", "test_batch.bin holds 0 bytes, no multiple of 3073"),
        (b"\x0a" + cifar_batch(0)[1:], "test_batch.bin holds the label 10, above 9"),
    ):
        (tmp_path / "test_batch.bin").write_bytes(content)
        with pytest.raises(ValueError, match=message):
            load_cifar10(tmp_path, part="test")
