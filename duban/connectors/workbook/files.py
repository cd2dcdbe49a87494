"""The file on disk: read whole, told apart by its digest, replaced in one step or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from duban.errors import Rejected, SchemaChanged, Unavailable


def read_file(path: Path) -> bytes:
    """Return the file's bytes; ``Rejected`` when there is no such file, ``Unavailable`` when it cannot be read now."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise Rejected(f"there is no file {path}; check path in the configuration") from None
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}; close it or check its permissions") from None


def digest(data: bytes) -> str:
    """Return what tells one state of a file from every other."""
    return hashlib.sha256(data).hexdigest()


def check_free(path: Path) -> None:
    """Raise ``Unavailable`` while a person has the file open.

    Excel and WPS keep ``~$name.xlsx`` beside an open file, LibreOffice ``.~lock.name.xlsx#``: a file that is replaced
    below them would be overwritten by the person's next save.
    """
    for lock in (path.with_name(f"~${path.name}"), path.with_name(f".~lock.{path.name}#")):
        if lock.exists():
            raise Unavailable(f"{path.name} is open in another program ({lock.name} is there); close it and run again")


def replace_file(path: Path, before: str, data: bytes) -> None:
    """Replace the file's content by ``data`` if its digest is still ``before``.

    The new content is complete on disk, with the old file's permissions, before it takes the old one's name.
    """
    path = path.resolve()  # a link stays a link
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(path, new)
        check_free(path)
        if digest(read_file(path)) != before:
            raise changed(path)
        new.replace(path)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}; nothing of it was changed") from None
    finally:
        new.unlink(missing_ok=True)
    _keep_name(path.parent)


def changed(path: Path) -> SchemaChanged:
    """Return the error of a file that a person saved between reading and writing."""
    return SchemaChanged(f"{path.name} was changed since it was read, nothing was written; run again to read it afresh")


def _keep_name(folder: Path) -> None:
    """Make the renaming itself durable, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
