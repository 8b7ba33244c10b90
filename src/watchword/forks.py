"""Resources that belong to a single process: connections, pools, threads, locks.

A forked child inherits the memory of its parent, but not the parent's threads, and it must not use the
parent's connections. The process id is compared each time a resource is taken. Fork hooks would not do: a
server that forks in C, such as uWSGI, does not run them.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

__all__ = ["PerProcess"]

_T = TypeVar("_T")


class PerProcess(Generic[_T]):
    """A resource that every process makes for itself when it first needs it.

    Safe to use from several threads and greenlets. No lock is held while the resource is made: the parent
    might hold that lock when it forks, and making a resource may switch to another greenlet. So several
    threads may make the resource at the same time. The first resource is kept and the others are
    dropped unused, which ``make`` has to allow for.

    A process never uses a resource of its parent, but keeps it alive until the process ends. Otherwise the
    destructor would close a resource of the parent, or warn that it was not closed.

    Args:
        make: returns a new resource.

    Attributes:
        inherited: the resources of the parent and of earlier ancestors.
    """

    inherited: list[_T]

    def __init__(self, make: Callable[[], _T]) -> None:
        self._make = make
        self._by_process: dict[int, _T] = {}
        self.inherited = []
        weakref.finalize(self, _keep_inherited, self._by_process, self.inherited)

    def obtain(self) -> _T:
        """Return the resource of this process, and make it if there is none."""
        try:
            return self._by_process[os.getpid()]
        except KeyError:
            return self._add()

    def find(self) -> _T | None:
        """Return the resource of this process, or ``None`` if there is none."""
        return self._by_process.get(os.getpid())

    def remove(self) -> _T | None:
        """Forget the resource of this process and return it, so that the caller can close it.

        The next :meth:`obtain` makes another resource.
        """
        return self._by_process.pop(os.getpid(), None)

    def _add(self) -> _T:
        # Set the inherited resources aside, because the system may give their process id out again.
        for process in list(self._by_process):
            if process != os.getpid() and process in self._by_process:
                self.inherited.append(self._by_process.pop(process))
        return self._by_process.setdefault(os.getpid(), self._make())


_kept: list[object] = []


def _keep_inherited(by_process: Mapping[int, object], inherited: Sequence[object]) -> None:
    """Keep the resources of other processes alive when their holder is collected or the process ends."""
    _kept.extend(inherited)
    _kept.extend(resource for process, resource in by_process.items() if process != os.getpid())
