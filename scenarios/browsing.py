"""What a device needs of a browser, be it the bundled ticket open's or a buyer's."""

from typing import Any, Protocol

from dress_rehearsal.scenarios.browser import Reply

Click = Any
"""A click that has been prepared: only the browser that made it knows what it is."""


class AnyBrowser(Protocol):
    """The things that a student can do anywhere; each returns when its answer is there."""

    student: int

    @property
    def logged_in(self) -> bool:
        """Whether a login has succeeded."""

    def page(self, intended_ns: int) -> Reply:
        """Open the page where tickets will be sold."""

    def countdown(self, intended_ns: int, give_up_ns: int) -> Reply:
        """Ask how long until the sale opens; not waited for beyond `give_up_ns`."""

    def login(self, intended_ns: int) -> Reply:
        """Log in; keeps the session for what follows."""

    def click(self, copy: int) -> Click:
        """Return a prepared click; each copy number is one wish to buy."""

    def buy(self, click: Click, intended_ns: int, connection: int = 0) -> Reply:
        """Send a prepared click over one of the browser's connections."""

    def is_final(self, reply: Reply) -> bool:
        """Return whether an answer to a click whose word is not known settles the matter."""

    def close(self) -> None:
        """Close every connection."""
