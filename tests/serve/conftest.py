"""One server for all tests of a session, and a way to start more."""

import pytest
from servers import Server


@pytest.fixture(scope="session")
def network(tiny_network):
    return tiny_network


@pytest.fixture(scope="session")
def folder(tiny_saved_model):
    """A folder of version folders, as TF Serving takes it."""
    return tiny_saved_model.parent


@pytest.fixture(scope="session")
def server(folder):
    made = Server(folder, limit=2, rows=8, cors="https://example.org")
    yield made
    made.stop()


@pytest.fixture
def start():
    """start(folder, **options) -> Server, stopped at the end of the test."""
    made = []

    def one(*words, **options):
        made.append(Server(*words, **options))
        return made[-1]

    yield one
    for server in made:
        server.stop()
