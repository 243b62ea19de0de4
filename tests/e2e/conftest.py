"""Marks, and one place that says which binaries are under test."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import harness  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: needs peers or much time; not run again on sanitizer builds")


def pytest_sessionstart(session):
    if not harness.SERVE.exists():
        pytest.exit(f"{harness.SERVE} is not built", returncode=3)


@pytest.fixture
def need_node():
    if harness.node() is None:
        pytest.skip("npm is absent or could not install the peers")
