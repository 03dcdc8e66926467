"""Becomes another program that ends with its parent, and as an ordinary user where root is refused.

Run as a file by `processes.Spawner`, never imported: work between fork and exec is safer in a fresh
interpreter than in a `preexec_fn`, which may deadlock in a program with threads.

    launch.py PARENT_PID SIGNAL USER PROGRAM [ARGUMENT …]

SIGNAL is sent to the program when the parent dies. USER is `same`, `namespace` (root outside is an ordinary
user inside) or the number of a user id to become.
"""

import ctypes
import os
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
INNER_USER = 1000


def main(parent: int, signal: int, user: str, command: list[str]) -> None:
    """Change user, tie this process to its parent's life, and become `command`."""
    if user == "namespace":
        enter_user_namespace()
    elif user != "same":
        become_user(int(user))
    # After the change of user, since that clears the parent-death signal.
    die_with_parent(parent, signal)
    os.execvp(command[0], command)


def enter_user_namespace() -> None:
    """Map the present user to an ordinary one; files keep their owner as seen from outside."""
    outer_user, outer_group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "this kernel does not allow a user namespace")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{INNER_USER} {outer_user} 1"),
        ("gid_map", f"{INNER_USER} {outer_group} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(text)


def become_user(user: int) -> None:
    """Give up root for good."""
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


def die_with_parent(parent: int, signal: int) -> None:
    """Ask the kernel for `signal` when the parent ends; other systems than Linux have no such thing."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
    if os.getppid() != parent:  # it ended before we asked
        sys.exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
