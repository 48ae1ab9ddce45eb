"""Files and folders as they are found: what is said fits what the system said."""

import errno
import os

import pytest

from dress_rehearsal.records.files import (
    NotAFileError,
    bytes_left,
    is_there,
    listed,
    regular,
    remedy,
)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "no space is left there: free some, or choose another"),
        (errno.EROFS, "that place is read-only: choose another"),
        (errno.EACCES, "you may not write there: have its owner let you, or choose another"),
        (errno.ENAMETOOLONG, "the name is longer than the system allows: choose another"),
        (errno.ENOTDIR, "a file stands where a folder should: move it away, or choose another"),
        (errno.EEXIST, "something stands there already: move it away, or choose another"),
        (errno.ENOENT, "a folder of that path is not there, or was deleted: choose another"),
        (errno.ELOOP, "a link there leads back to itself: mend it, or choose another"),
        (errno.EXDEV, "choose another"),
    ],
)
def test_what_helps_fits_the_reason(number, said):
    assert remedy(OSError(number, os.strerror(number)), "choose another") == said


def test_only_what_lacks_space_is_told_to_free_some():
    told = {
        number
        for number in errno.errorcode
        if "free" in remedy(OSError(number, os.strerror(number)), "choose another")
    }
    assert told == {errno.ENOSPC, errno.EDQUOT}


def test_a_link_that_leads_nowhere_is_there_and_is_no_file(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    assert is_there(tmp_path / "loop")
    assert not is_there(tmp_path / "none")
    with pytest.raises(OSError, match="loop"):
        regular(tmp_path / "loop")


def test_what_is_no_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(NotAFileError):
            regular(place)


def test_hidden_and_foreign_names_are_not_listed(tmp_path):
    for name in ("b.parquet", "a.parquet", ".c.parquet", "d.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in listed(tmp_path, ".parquet")] == ["a.parquet", "b.parquet"]
    assert listed(tmp_path / "none", ".parquet") == []
    with pytest.raises(NotADirectoryError):
        listed(tmp_path / "d.txt", ".parquet")


def test_what_is_left_of_a_disk_is_counted(tmp_path):
    assert 0 < bytes_left(tmp_path) < 2**60
