"""What docs/python.md shows is what happens."""
import doctest
import pathlib

GUIDE = pathlib.Path(__file__).parents[3] / "docs" / "python.md"


def test_the_guide():
    result = doctest.testfile(str(GUIDE), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert result.attempted > 15 and result.failed == 0
