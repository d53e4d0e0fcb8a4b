"""Passwords of people: argon2id, in a worker thread, never more than two at once, and nothing that takes less time.

Hashing costs 32 MiB and some 50 ms on purpose. It happens before a unit of work begins, so that no connection of the
pool waits for it: use cases take a `HashedPassword`, never a password.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NewType, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from chandlery.identity.errors import PasswordUnfit
from chandlery.kernel.errors import Problem

T = TypeVar("T")

HashedPassword = NewType("HashedPassword", str)

MIN_LENGTH = 10
MAX_LENGTH = 200
MIN_DIFFERENT = 5


def check_password(password: str, *names: str) -> None:
    """Long enough, not a single key held down, and not the person's own name; no rules about digits and signs."""
    problems = []
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        message = f"Use {MIN_LENGTH} to {MAX_LENGTH} characters."
        problems.append(Problem("password", message, "length"))
    if len(set(password)) < MIN_DIFFERENT:
        message = f"Use at least {MIN_DIFFERENT} different characters."
        problems.append(Problem("password", message, "variety"))
    if any(len(name) > 3 and name.lower() in password.lower() for name in names):
        problems.append(Problem("password", "Do not use your own name or address in it.", "name"))
    if problems:
        raise PasswordUnfit(*problems)


@dataclass(frozen=True, slots=True)
class Passwords:
    """Makes and checks hashes. A hash with older parameters is still right, and says that it wants to be renewed."""

    hasher: PasswordHasher = field(
        default_factory=lambda: PasswordHasher(
            time_cost=2, memory_cost=32 * 1024, parallelism=1, type=Type.ID
        )
    )
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(2, thread_name_prefix="passwords")
    )
    _nobodys: list[str] = field(default_factory=list)

    async def hash(self, password: str, *names: str) -> HashedPassword:
        """Refuses an unfit password with every problem; `names` are the person's e-mail address and user name."""
        check_password(password, *names)
        return HashedPassword(await self._in_thread(lambda: self.hasher.hash(_bytes(password))))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether it is the right one; without a stored hash the same time is spent, and the answer is no."""
        matches = await self._in_thread(functools.partial(self._verify, stored, password[: MAX_LENGTH + 1]))
        return matches and stored is not None

    async def renewed(self, stored: str, password: str) -> HashedPassword | None:
        """A new hash of a right password, if its stored one was made with other parameters than today's."""
        if not self.hasher.check_needs_rehash(stored):
            return None
        return HashedPassword(await self._in_thread(lambda: self.hasher.hash(_bytes(password))))

    def _verify(self, stored: str | None, password: str) -> bool:
        if stored is None:
            if not self._nobodys:
                self._nobodys.append(self.hasher.hash("nobody's password"))
            stored = self._nobodys[0]
        try:
            return self.hasher.verify(stored, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
