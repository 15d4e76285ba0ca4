"""Code on disk: what one process has compiled, the next one reads.

A file holds the object code of one module, or the text of a tape's loops.  It is named
by a hash of all that it depends on, the processor and versions among it; it begins with
a hash of its content, so that what is damaged is made anew.  It is written beside and
renamed, so that readers see all of it or nothing.  The folder is its owner's alone:
where others may write, nothing is read.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: Where the folder is; ``off`` for none.
VARIABLE = "WENGERT_CACHE"
#: Bytes that all files may take; those that were not used for longest go first.
MOST_BYTES = 256 << 20
#: Files that are written between two looks at how many bytes there are.
WRITTEN_BETWEEN = 32
#: Seconds from which generating code costs more than keeping it.
WORTH = 5e-3
DIGEST = 16
SUFFIX = ".o"
_WRITTEN = itertools.count()


def name_of(*parts: str) -> str:
    """Return the name of a file, by all that its content depends on."""
    found = hashlib.blake2b(digest_size=DIGEST)
    for part in parts:
        found.update(f"{len(part)} {part}".encode())
    return found.hexdigest() + SUFFIX


def read(name: str) -> bytes | None:
    """Return the code of a file; None where there is none, or a damaged one."""
    folder = owned_folder()
    if folder is None:
        return None
    try:
        content = (folder / name).read_bytes()
    except OSError:
        return None
    code = content[DIGEST:]
    if content[:DIGEST] != digest(code):
        forget(name)
        return None
    with suppress(OSError):
        os.utime(folder / name)
    return code


def has(name: str) -> bool:
    """Whether there is a file of that name."""
    folder = owned_folder()
    return folder is not None and (folder / name).exists()


def write(name: str, code: bytes) -> None:
    """Keep code in a file, where that can be done."""
    folder = owned_folder(makes=True)
    if folder is None:
        return
    with suppress(OSError):
        # A name of its own, not a random one: a recording may be under way.
        path = folder / f"{name}.{os.getpid()}.{threading.get_ident()}"
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(digest(code) + code)
            path.replace(folder / name)
        except OSError:
            path.unlink(missing_ok=True)
        if next(_WRITTEN) % WRITTEN_BETWEEN == 0:
            shrink(folder, MOST_BYTES)


def forget(name: str) -> None:
    """Take a file away."""
    folder = owned_folder()
    if folder is not None:
        with suppress(OSError):
            (folder / name).unlink(missing_ok=True)


def digest(code: bytes) -> bytes:
    """Return a hash of code."""
    return hashlib.blake2b(code, digest_size=DIGEST).digest()


def shrink(folder: Path, most: int) -> None:
    """Take away the files that were not used for longest, until few bytes are left."""
    files = sorted(used(folder), reverse=True)
    total = 0
    for _, size, path in files:
        total += size
        if total > most:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def used(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Give when each file was last used, its bytes, and where it is."""
    for path in folder.iterdir():
        with suppress(OSError):
            found = path.stat()
            yield found.st_mtime, found.st_size, path


def owned_folder(makes: bool = False) -> Path | None:
    """Return the folder, if it is the user's own and closed to all others."""
    folder = folder_named()
    if folder is None or not hasattr(os, "getuid"):
        return None
    try:
        if makes:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    is_open = found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return folder if is_own and not is_open else None


def folder_named() -> Path | None:
    """Return where the environment says that the folder is."""
    named = os.environ.get(VARIABLE, "")
    if named == "off":
        return None
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME", "")
    if base and os.path.isabs(base):
        return Path(base) / "wengert"
    try:
        return Path.home() / ".cache" / "wengert"
    except RuntimeError:  # nobody's home
        return None
