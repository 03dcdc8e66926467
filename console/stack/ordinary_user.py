"""Finds a way to run PostgreSQL, which refuses root, for somebody who is root."""

import os
import pwd
import stat
import subprocess
import sys
from functools import cache
from pathlib import Path

from console.stack.failures import StackError
from console.stack.processes import LAUNCHER, User

FALLBACK_USER = "nobody"
ENTERABLE = 0o711


@cache
def ordinary_user() -> User:
    """What the launcher is to do: nothing for an ordinary user; for root a user namespace, or `nobody`.

    The namespace is preferred: files stay root's, and folders closed to others (such as /root) remain usable.
    """
    if os.geteuid() != 0:
        return "same"
    probe = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), "9", "namespace", "true"]
    if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
        return "namespace"
    return pwd.getpwnam(FALLBACK_USER).pw_uid


def hand_over(folder: Path, program: Path, user: User) -> None:
    """Give `folder` and all in it to the ordinary user who is to run `program`, if that is not us anyway."""
    if not isinstance(user, int):
        return
    folder.parent.chmod(ENTERABLE)  # what is private in it is so by itself
    for parent in (*folder.resolve().parents, *program.resolve().parents):
        if not parent.stat().st_mode & stat.S_IXOTH:
            raise StackError(
                "PostgreSQL refuses to run as root, this system allows no user namespace, and "
                f"{parent} is closed to the user {FALLBACK_USER}. Run as an ordinary user, or keep the "
                "project and its data (--data) in folders that others may enter."
            )
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, -1, follow_symlinks=False)
