"""A healthy folder, drawn once: each test gets a copy that it may spoil."""

import shutil

import patients
import pytest


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    return patients.healthy(tmp_path_factory.mktemp("drawn") / "scenes")


@pytest.fixture
def folder(tmp_path, drawn):
    return shutil.copytree(drawn, tmp_path / "scenes & <b>")
