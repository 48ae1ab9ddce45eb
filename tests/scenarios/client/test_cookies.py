"""Cookies: kept as a browser keeps them, and few."""

import time

import pytest

from dress_rehearsal.scenarios.client.cookies import Cookies


def kept(*lines: str, host="shop.example.edu", secure=True, path="/shop/orders") -> Cookies:
    cookies = Cookies(host, secure)
    cookies.take_in([(b"Set-Cookie", line.encode("latin-1")) for line in lines], path)
    return cookies


@pytest.mark.parametrize(
    ("line", "path", "sent"),
    [
        ("a=1", "/shop/x", "a=1"),
        ("a=1", "/shop", "a=1"),
        ("a=1", "/", ""),
        ("a=1", "/shopping", ""),
        ("a=1; Path=/", "/", "a=1"),
        ("a=1; path=/x/", "/x/y", "a=1"),
        ("a=1; path=/x/", "/x", ""),
        ("a=1; Path=relative", "/shop/x", "a=1"),
        ("a=b=c; Path=/", "/", "a=b=c"),
        ('a="q"; Path=/', "/", 'a="q"'),
        (" a = 1 ; Path=/", "/", "a=1"),
        ("a=; Path=/", "/", "a="),
        ("a", "/shop/x", ""),
        ("=1; Path=/", "/", ""),
        ("a=1\x00; Path=/", "/", ""),
        ("a=1\rX: y; Path=/", "/", ""),
        ("a=1; Path=/; Domain=shop.example.edu", "/", "a=1"),
        ("a=1; Path=/; Domain=.example.edu", "/", "a=1"),
        ("a=1; Path=/; Domain=EXAMPLE.edu", "/", "a=1"),
        ("a=1; Path=/; Domain=edu", "/", ""),
        ("a=1; Path=/; Domain=other.example", "/", ""),
        ("a=1; Path=/; Domain=op.example.edu", "/", ""),
        ("a=1; Path=/; Max-Age=0", "/", ""),
        ("a=1; Path=/; Max-Age=-1", "/", ""),
        ("a=1; Path=/; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "/", "a=1"),
        ("a=1; Path=/; Max-Age=soon", "/", "a=1"),
        ("a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "/", ""),
        ("a=1; Path=/; Expires=Thu, 01-Jan-70 00:00:00 GMT", "/", ""),
        ("a=1; Path=/; Expires=Wed, 09 Jun 2100 10:18:14 GMT", "/", "a=1"),
        ("a=1; Path=/; Expires=never", "/", "a=1"),
        ("a=1; Path=/; Expires=" + "9" * 5000, "/", ""),
        ("a=1; Path=/; Expires=99999999999999999999 99:99:99", "/", "a=1"),
        ("a=1; Path=/; Secure; HttpOnly; SameSite=Lax", "/", "a=1"),
    ],
)
def test_a_cookie_is_sent_where_it_belongs(line, path, sent):
    assert kept(line).header(path) == sent


def test_without_tls_no_secure_cookie_is_kept():
    assert kept("a=1; Path=/; Secure", secure=False).header("/") == ""


def test_of_a_name_there_is_one_a_path_and_the_longest_path_goes_first():
    cookies = kept("a=1; Path=/", "a=2; Path=/shop", "a=3; Path=/")
    assert cookies.header("/shop/x") == "a=2; a=3"
    assert cookies["a"] == "2"
    assert cookies.get("b") is None
    with pytest.raises(KeyError):
        cookies["b"]


def test_a_cookie_is_ended_and_ends(monkeypatch):
    cookies = kept("a=1; Path=/", "b=2; Path=/; Max-Age=10")
    cookies.take_in([(b"set-cookie", b"a=; Path=/; Max-Age=0")], "/")
    assert cookies.header("/") == "b=2"
    later_s = time.time() + 11
    monkeypatch.setattr(time, "time", lambda: later_s)
    assert cookies.get("b") is None
    assert cookies.header("/") == ""
    assert len(cookies.kept) == 0


def test_a_flood_of_cookies_leaves_the_last_fifty():
    cookies = kept(*(f"c{n}={n}; Path=/" for n in range(1000)), "large=" + "x" * 5000)
    assert len(cookies.kept) == 50
    assert cookies["c999"] == "999"
    assert "c949=" not in cookies.header("/")
    assert cookies.get("large") is None


def test_a_cookie_of_an_address_is_its_own():
    assert kept("a=1; Path=/; Domain=0.1", host="127.0.0.1").header("/") == ""
