from gan_experiments.sweeps.state import ELSEWHERE, SKIPPED, WAITING, state_of

TABLE = "images_seen,metrics/fid,speed/images_per_second,speed/seconds\n100,9.5,50.0,2.0\n200,,40.0,4.0\n300,7"


def test_the_state_of_a_job(job):
    assert state_of(job("new"), running=True).status == WAITING
    assert state_of(job("done", status="finished", final={"fid": {"value": 1.0}}), running=False).status == SKIPPED
    assert state_of(
        job("now", before={}, status="finished", final={"fid": {"value": 1.0}}), running=False
    ).measures == {"fid": 1.0}
    cut_off = state_of(job("killed", TABLE, status="running"), running=True)
    assert (cut_off.status, cut_off.images, cut_off.seconds) == ("interrupted", 200, 4.0)
    held = job("held", TABLE, status="running")
    with held.folder.lock():
        assert state_of(held, running=True).status == "running"
        assert state_of(held, running=False).status == ELSEWHERE
    failed = state_of(job("bad", status="failed", reason="a fault"), running=False)
    assert failed.reason == "a fault (before; retry=failed tries it again)"


def test_a_job_whose_table_cannot_be_read_has_no_values_yet(job):
    broken = job("broken", "images_seen,images_seen\n1,2\n", status="interrupted", images_seen=64)
    state = state_of(broken, running=True)
    assert (state.images, state.measures, state.speed) == (64, {}, 0.0)
