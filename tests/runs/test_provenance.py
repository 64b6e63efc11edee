import os
import re
import subprocess

from gan_experiments.runs import provenance


def test_software_and_machine_are_recorded():
    described = provenance.provenance()
    assert set(described) == {"versions", "git", "host", "device", "threads"}
    assert set(described["versions"]) == {"python", *provenance.PACKAGES}
    assert described["threads"] >= 1


def test_the_commit_is_that_of_the_checkout_and_changes_are_noticed(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    assert provenance._git(tmp_path) is None
    git("init")
    (tmp_path / "a.py").write_text("a = 1")
    git("add", ".")
    assert provenance._git(tmp_path) is None
    git("commit", "-m", "a")
    state = provenance._git(tmp_path)
    assert re.fullmatch(r"[0-9a-f]{40}", state["commit"])
    assert state["changed"] is False
    index = (tmp_path / ".git" / "index").read_bytes()
    os.utime(tmp_path / "a.py", (1, 1))  # git refreshes its index where only the time of a file has changed
    assert provenance._git(tmp_path) == state
    assert (tmp_path / ".git" / "index").read_bytes() == index
    (tmp_path / "a.py").write_text("a = 2")
    assert provenance._git(tmp_path) == {**state, "changed": True}


def test_a_package_installed_inside_somebodys_checkout_has_no_commit(tmp_path):
    subprocess.run(["git", "init"], cwd=tmp_path, check=True, capture_output=True)
    installed = tmp_path / ".venv" / "gan_experiments"
    installed.mkdir(parents=True)
    (tmp_path / "mine.py").write_text("")
    (installed / "a.py").write_text("")
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["add", "mine.py"], [*identity, "commit", "-m", "mine"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True)
    assert provenance._git(tmp_path) is not None
    assert provenance._git(installed) is None
