"""What the conductor asks over HTTP: within a deadline and a size, past proxies, no redirects."""

from dress_rehearsal.records.http.answer import KIB, MIB, Answer, NoAnswerError
from dress_rehearsal.records.http.client import Connection, ask, json_of

__all__ = ["KIB", "MIB", "Answer", "Connection", "NoAnswerError", "ask", "json_of"]
