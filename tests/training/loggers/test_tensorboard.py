import errno
import os
import threading

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from gan_experiments.runs.folder import RunFolder
from gan_experiments.runs.summary import as_markdown
from gan_experiments.training.loggers.tensorboard import TensorBoard, _events


def scalars(run, tag="loss"):
    events = EventAccumulator(str(run.path), purge_orphaned_data=False)
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


def write(run, clocks, tag="loss"):
    board = TensorBoard(run)
    for clock in clocks:
        board.log_metrics({tag: clock / 10}, clock)
    board.save()
    board.experiment.close()


def test_what_was_logged_after_the_checkpoint_is_taken_back(tmp_path):
    run = RunFolder(tmp_path)
    write(run, [10, 20, 30, 40])
    TensorBoard(run).rewind(20)
    write(run, [30, 40, 50])
    assert scalars(run) == [(clock, clock / 10) for clock in (10, 20, 30, 40, 50)]
    assert not list(tmp_path.glob(".*"))


def test_a_row_of_scalars_is_one_event(tmp_path):
    board = TensorBoard(RunFolder(tmp_path))
    board.log_metrics({"loss": 0.5, "speed": 3.0}, 10)
    board.experiment.close()
    (path,) = tmp_path.glob("events*")
    assert [step for _, step in _events(path)] == [0, 10]  # the first one tells the version
    run = RunFolder(tmp_path)
    assert (scalars(run, "loss"), scalars(run, "speed")) == ([(10, 0.5)], [(10, 3.0)])


def test_a_killed_writers_half_event_is_dropped(tmp_path):
    run = RunFolder(tmp_path)
    write(run, [10, 20, 30])
    (path,) = tmp_path.glob("events*")
    path.write_bytes(path.read_bytes()[:-7])
    TensorBoard(run).rewind(20)
    write(run, [30])
    assert scalars(run) == [(10, 1.0), (20, 2.0), (30, 3.0)]


def test_starting_over_leaves_no_event(tmp_path):
    run = RunFolder(tmp_path)
    write(run, [10])
    TensorBoard(run).rewind(-1)
    assert list(tmp_path.iterdir()) == []


def test_columns_of_the_overrides_go_first(tmp_path):
    board = TensorBoard(RunFolder(tmp_path))
    config = {"batch_size": 8, "loss": {"_target_": "a.Hinge", "margin": 1.0}, "losses": 1, "seed": 3}
    config["penalty"] = {"r1": {"_target_": "a.R1"}}
    board.log_comparison(config, ["final/fid"], ["loss", "seed", "penalty", "absent"])
    board.save()
    board.experiment.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    content = events.summary_metadata["_hparams_/experiment"].plugin_data.content
    columns = HParamsPluginData.FromString(content).experiment.hparam_infos
    assert {column.name for column in columns if column.differs} == {"loss", "seed", "penalty.r1"}
    assert {column.name for column in columns if not column.differs} == {"batch_size", "loss.margin", "losses"}


def test_a_run_is_a_row_of_the_hparams_tab(tmp_path):
    board = TensorBoard(RunFolder(tmp_path))
    board.log_comparison({"loss": {"_target_": "a.b.Hinge", "margin": 1.0}, "seed": 3, "penalty": []}, ["final/fid"])
    board.log_image("samples", torch.zeros(3, 8, 8, dtype=torch.uint8), 10)
    board.save()
    board.experiment.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    content = {
        tag: events.summary_metadata[tag].plugin_data.content for tag in events.PluginTagToContent("hparams")
    }  # fmt: skip
    assert b"final/fid" in content["_hparams_/experiment"]
    for part in (b"loss", b"Hinge", b"loss.margin"):
        assert part in content["_hparams_/session_start_info"]
    assert b"a.b" not in content["_hparams_/session_start_info"]
    assert events.Tags()["images"] == ["samples"]
    assert "hparams.yaml" not in [path.name for path in tmp_path.iterdir()]


def test_the_final_evaluation_is_a_table_with_margins_and_real_baselines(fit):
    run = fit()
    events = EventAccumulator(str(run.path))
    events.Reload()
    (event,) = events.Tensors("final/text_summary")
    record = run.record()
    assert (event.step, event.tensor_proto.string_val[0].decode()) == (64, as_markdown(record))
    assert all(each["margin"] and each["real_baseline"] for each in record["final"].values())


def test_training_goes_on_where_no_events_can_be_written(tmp_path, monkeypatch, caplog):
    board = TensorBoard(RunFolder(tmp_path))

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for name in ("_get_file_writer", "add_image", "flush", "close"):
        monkeypatch.setattr(board.experiment, name, full)
    board.log_metrics({"loss": 1.0}, 8)
    board.log_image("samples", torch.zeros(3, 4, 4, dtype=torch.uint8), 8)
    board.save()
    board.finalize("success")
    (record,) = caplog.records
    assert f"{tmp_path}: TensorBoard's events cannot be written: No space left on device" in record.getMessage()


def test_a_writer_that_fails_prints_no_traceback(tmp_path, monkeypatch, capfd, caplog):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    board = TensorBoard(RunFolder(tmp_path))
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # not pytest's
    writer = board.experiment._get_file_writer().event_writer._async_writer
    monkeypatch.setattr(writer._worker._record_writer, "write", full)
    board.log_metrics({"loss": 1.0}, 8)
    writer._worker.join(10)
    assert not writer._worker.is_alive()
    board.log_metrics({"loss": 1.0}, 16)
    assert "Traceback" not in capfd.readouterr().err
    assert "TensorBoard's events cannot be written: No space left on device" in caplog.text
