"""Data sets from files that the user has: MNIST and all in its IDX format, CIFAR-10.

Nothing is downloaded. Files whose checksum is known are compared with it, since half a download
and a page of HTML make data sets too.

Source: LeCun, Cortes, Burges (1998) for the IDX format; Krizhevsky (2009) for CIFAR-10.
"""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO

import numpy as np

from langevin_lab.potentials.examples import Examples

__all__ = ["CHECKSUMS", "load_cifar10", "load_mnist", "read_cifar10", "read_idx"]

CHECKSUMS: Mapping[str, str] = MappingProxyType(
    {
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
        "cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530",
    }
)
"""File name -> md5 of the file as it is published."""

_IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_MNIST = "download it from https://ossci-datasets.s3.amazonaws.com/mnist/ into that folder"
_ARCHIVE = "cifar-10-binary.tar.gz"
_CIFAR = f"download {_ARCHIVE} from https://www.cs.toronto.edu/~kriz/cifar.html into that folder"
_CIFAR_ROW = 1 + 3 * 32 * 32


def read_idx(path: str | Path) -> np.ndarray:
    """Return the array of a file in IDX format, possibly packed by gzip (name ending in .gz).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not in this format, or shorter or longer than its header says.
    """
    path = Path(path)
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            content = file.read()
    except (gzip.BadGzipFile, EOFError) as error:
        raise ValueError(f"{path} is not packed by gzip ({error}); download it again") from None
    start = 4 + 4 * content[3] if len(content) > 3 else 4
    if len(content) < start or content[:2] != b"\0\0" or content[2] not in _IDX_TYPES:
        raise ValueError(
            f"{path} begins with {content[:4]!r}, which is no header of an IDX file; download it "
            "again"
        )
    kind = np.dtype(_IDX_TYPES[content[2]])
    shape = tuple(np.frombuffer(content[4:start], ">u4").astype(int).tolist())
    expected = start + int(np.prod(shape)) * kind.itemsize
    if len(content) != expected:
        raise ValueError(
            f"{path} holds {len(content)} bytes, but its header of shape {shape} asks for "
            f"{expected}; download it again"
        )
    return np.frombuffer(content, kind, offset=start).reshape(shape).astype(kind.newbyteorder("="))


def load_mnist(
    folder: str | Path, *, part: str = "train", checksums: Mapping[str, str] = CHECKSUMS
) -> Examples:
    """Return MNIST, or another data set in its format, from the files in a folder.

    The files are train-images-idx3-ubyte and train-labels-idx1-ubyte, or t10k-... for the test,
    as they are or with .gz.

    Parameters
    ----------
    folder : path
    part : "train" or "test"
    checksums : mapping
        File name -> md5; files of other names are not compared. Give ``{}`` for Fashion-MNIST and
        other data under the same names.

    Returns
    -------
    Examples
        Inputs (n, 784): rows of pixels from 0 to 1; targets 0 to 9.

    Raises
    ------
    FileNotFoundError
        If a file is missing; the message says where it comes from.
    ValueError
        If part is unknown, a checksum differs, or images and labels do not fit one another.
    """
    stem = _stem(part)
    images, labels = (
        read_idx(_found(Path(folder), f"{stem}-{rest}", checksums))
        for rest in ("images-idx3-ubyte", "labels-idx1-ubyte")
    )
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise ValueError(
            f"images of shape {images.shape} and labels of shape {labels.shape} in {folder} must "
            "be (n, height, width) and (n,)"
        )
    inputs = images.reshape(len(images), -1) / 255.0
    return Examples(inputs, labels.astype(np.int64), f"mnist {part}")


def load_cifar10(
    folder: str | Path, *, part: str = "train", checksums: Mapping[str, str] = CHECKSUMS
) -> Examples:
    """Return CIFAR-10 as examples, from its binary version in a folder, packed or unpacked.

    `read_cifar10` takes the same arguments and returns the pixels as bytes, an eighth of the
    memory: 154 MB instead of 1.2 GB for the training part.

    Returns
    -------
    Examples
        Inputs (n, 3072): the red, green, blue planes, 32 rows of 32 pixels from 0 to 1 each;
        targets 0 to 9.
    """
    images, labels = read_cifar10(folder, part=part, checksums=checksums)
    return Examples(images.reshape(len(images), -1) / 255.0, labels, f"cifar10 {part}")


def read_cifar10(
    folder: str | Path, *, part: str = "train", checksums: Mapping[str, str] = CHECKSUMS
) -> tuple[np.ndarray, np.ndarray]:
    """Return CIFAR-10's images and labels from its binary version in a folder, packed or unpacked.

    Parameters
    ----------
    folder : path
        Holds cifar-10-binary.tar.gz, or data_batch_1.bin, ..., test_batch.bin, these possibly in
        its folder cifar-10-batches-bin.
    part : "train" or "test"
        The five data batches, or the test batch.
    checksums : mapping
        File name -> md5; files of other names are not compared.

    Returns
    -------
    images : ndarray of uint8, shape (n, 3, 32, 32)
        Red, green and blue planes from 0 to 255.
    labels : ndarray of int64, shape (n,)
        0 to 9.

    Raises
    ------
    FileNotFoundError
        If a file is missing; the message says where it comes from.
    ValueError
        If part is unknown, a checksum differs or a file holds no such records.
    """
    train = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
    names = train if _stem(part) == "train" else ("test_batch.bin",)
    rows = np.concatenate(
        [_cifar_rows(name, content) for name, content in _batches(Path(folder), names, checksums)]
    )
    return np.ascontiguousarray(rows[:, 1:]).reshape(-1, 3, 32, 32), rows[:, 0].astype(np.int64)


def _batches(
    folder: Path, names: tuple[str, ...], checksums: Mapping[str, str]
) -> list[tuple[str, bytes]]:
    """Content of the named files, from the folder or the archive in it."""
    for place in (folder, folder / "cifar-10-batches-bin"):
        if all((place / name).is_file() for name in names):
            for name in names:
                _compare(place / name, checksums)
            return [(name, (place / name).read_bytes()) for name in names]
    archive = folder / _ARCHIVE
    if not archive.is_file():
        raise FileNotFoundError(f"{folder} holds neither {names[0]} nor {_ARCHIVE}; {_CIFAR}")
    _compare(archive, checksums)
    with tarfile.open(archive) as packed:
        members = {Path(member.name).name: member for member in packed if member.isfile()}
        missing = [name for name in names if name not in members]
        if missing:
            raise ValueError(f"{archive} holds no {missing[0]}; {_CIFAR}")
        files: list[IO[bytes] | None] = [packed.extractfile(members[name]) for name in names]
        return [(name, file.read()) for name, file in zip(names, files) if file is not None]


def _cifar_rows(name: str, content: bytes) -> np.ndarray:
    """Records (n, 3073) of one label and its pixels."""
    if not content or len(content) % _CIFAR_ROW:
        raise ValueError(
            f"{name} holds {len(content)} bytes, no multiple of {_CIFAR_ROW} (a label and 3 x 32 x "
            f"32 pixels); {_CIFAR}"
        )
    rows = np.frombuffer(content, np.uint8).reshape(-1, _CIFAR_ROW)
    if rows[:, 0].max() > 9:
        raise ValueError(f"{name} holds the label {rows[:, 0].max()}, above 9; {_CIFAR}")
    return rows


def _stem(part: str) -> str:
    """Beginning of MNIST's file names of a part."""
    if part not in ("train", "test"):
        raise ValueError(f"part={part!r} must be 'train' or 'test'")
    return "train" if part == "train" else "t10k"


def _found(folder: Path, name: str, checksums: Mapping[str, str]) -> Path:
    """The file of that name in a folder, packed or not, compared with its checksum."""
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            _compare(path, checksums)
            return path
    raise FileNotFoundError(f"{folder} holds neither {name}.gz nor {name}; {_MNIST}")


def _compare(path: Path, checksums: Mapping[str, str]) -> None:
    """Raise ValueError if a file has another md5 than the one that is known of its name."""
    if path.name not in checksums:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    if found != checksums[path.name]:
        raise ValueError(
            f"{path} has the md5 {found}, not {checksums[path.name]}: download it again, or give "
            "checksums={} if it is another data set under that name"
        )
