"""How a content encryption key is brought to a recipient (RFC 7518 §4).

In two ways: it follows from the recipient's key (an :class:`Agreement`), or it is random and goes along with
the token, encrypted (a :class:`Wrapping`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

__all__ = ["Agreement", "Management", "Wrapping"]

Header: TypeAlias = Mapping[str, Any]


class Agreement(NamedTuple):
    """The content key follows from the recipient's key: nothing goes along with the token but the header.

    Attributes:
        offer: takes the recipient's secret or public key, the header, and the length of a content key in
            bytes; gives the content key and the members that the header needs for it.
        accept: takes the recipient's secret or private key, the header, and the length; gives the content
            key.
    """

    offer: Callable[[Any, Header, int], tuple[bytes, dict[str, Any]]]
    accept: Callable[[Any, Header, int], bytes]


class Wrapping(NamedTuple):
    """The content key goes along with the token, encrypted to the recipient.

    Attributes:
        wrap: takes the recipient's secret or public key, the header, and the content key; gives the encrypted
            key and the members that the header needs for it.
        unwrap: takes the recipient's secret or private key, the header, and the encrypted key; gives the
            content key.
    """

    wrap: Callable[[Any, Header, bytes], tuple[bytes, dict[str, Any]]]
    unwrap: Callable[[Any, Header, bytes], bytes]


Management: TypeAlias = Agreement | Wrapping
