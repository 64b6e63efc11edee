import pytest

from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.state import read_state, size_and_time

TABLE = "images_seen,metrics/fid,speed/images_per_second,speed/seconds\n100,9.5,50.0,2.0\n200,,40.0,4.0\n300,7"


@pytest.fixture
def run(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    folder.update_record(status="running", images_seen=0, budget={"images": 1000})
    folder.metrics_file.write_text(TABLE)
    return folder


def test_a_run_that_is_being_trained_shows_what_it_has_logged(run):
    with run.lock():
        state, _ = read_state(run)
    assert (state.status, state.images, state.seconds) == ("running", 200, 4.0)
    assert state.progress() == "200/1,000 images · 40/s · FID 9.500 · 0:20 left"


def test_a_run_without_a_process_was_cut_off(run):
    state, record = read_state(run)
    assert (state.status, state.reason, record["status"]) == ("interrupted", "cut off", "running")


def test_the_values_of_a_finished_run_are_those_of_its_final_evaluation(run):
    run.update_record(status="finished", images_seen=1000, final={"fid": {"value": 3.0}})
    state, _ = read_state(run)
    assert (state.images, state.measures) == (1000, {"fid": 3.0})


@pytest.mark.parametrize("text", ["", "{half", "[]", '{"status": "gone"}', '{"budget": {"images": "many"}}'])
def test_a_record_that_is_none_is_unknown(run, text):
    run.record_file.write_text(text)
    state, _ = read_state(run)
    assert (state.status, state.budget) == ("unknown", 0)


def test_size_and_time_are_those_of_all_files(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(b"12345")
    (tmp_path / "a" / "b" / "two").write_bytes(b"123")
    assert size_and_time(tmp_path / "a") == (8, (tmp_path / "a" / "b" / "two").stat().st_mtime)


@pytest.mark.parametrize("value", ["nan", "inf", "1e300"])
def test_damaged_times_and_speeds_are_left_out(run, value):
    run.metrics_file.write_text(f"images_seen,speed/images_per_second,speed/seconds\n{'9' * 400},{value},{value}\n")
    with run.lock():
        state, _ = read_state(run)
    assert (state.images, state.speed, state.seconds) == (0, 0, 0)
    assert state.progress() == "0/1,000 images"
