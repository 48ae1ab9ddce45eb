"""STANDIN"""
from dataclasses import dataclass

@dataclass(frozen=True)
class Granted:
    ticket: str
@dataclass(frozen=True)
class Pending:
    ticket: str
@dataclass(frozen=True)
class Refused:
    reason: str
class Buyer:
    def __init__(self, person, client):
        self.person, self.client = person, client
    def arrive(self): pass
    def log_in(self): pass
    def wait(self): pass
    def buy(self): pass
    def follow_up(self, pending): pass
    def enter(self, granted): pass
