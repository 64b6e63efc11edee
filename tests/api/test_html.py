import re
from html.parser import HTMLParser

import pytest

from gan_experiments.api.evaluate import evaluate
from gan_experiments.api.run import Run


def problems(html):
    """Return the tags that are not closed in their order."""
    found, stack = [], []

    class Parser(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in ("img", "br"):
                stack.append(tag)

        def handle_endtag(self, tag):
            if not stack or stack.pop() != tag:
                found.append(tag)

    Parser().feed(html)
    return found + stack


def test_a_run_shows_status_values_curves_and_samples(trained):
    html = trained._repr_html_()
    assert problems(html) == []
    assert "finished · 64 of 64 images" in html
    fid, real = (trained.record["final"]["fid"][key] for key in ("value", "real_baseline"))
    assert f">{fid:.4g}<" in html
    assert f">{real:.4g}<" in html
    assert "samples at 64 images" in html
    assert re.findall(r"data:image/([a-z+]+);base64", html) == ["svg+xml", "png"]
    assert trained._repr_html_() == html


def test_a_run_without_anything_has_a_status(tmp_path):
    assert "not started" in Run(tmp_path)._repr_html_()


def test_text_from_the_folder_is_escaped(tmp_path):
    run = Run(tmp_path / "<b>")
    run.files.update_record(status="failed", reason="<script>")
    assert "<script>" not in run._repr_html_()
    assert problems(run._repr_html_()) == []


@pytest.mark.parametrize(
    "record",
    [{"budget": "x"}, {"images_seen": "3", "budget": {"images": 3}}, {"seconds": "a"}, {"images_per_second": "a"},
     {"final": {"fid": {"value": 1}}, "evaluation": "x"}],
)  # fmt: skip
def test_a_record_that_is_not_that_of_a_run_is_said(tmp_path, record):
    run = Run(tmp_path)
    run.files.update_record(**record)
    assert "damaged: its values are not those of a run" in run._repr_html_()


def test_pictures_that_somebody_has_put_beside_the_grids_are_left_out(tmp_path):
    run = Run(tmp_path)
    run.files.samples.mkdir()
    (run.files.samples / "2 of mine.png").touch()
    assert "<img" not in run._repr_html_()


def test_a_table_that_cannot_be_read_is_said(tmp_path):
    run = Run(tmp_path)
    run.files.metrics_file.write_text("a,b\n1,2\n")
    assert "not the metrics of a run" in run._repr_html_()


def test_an_evaluation_shows_its_values(trained):
    html = evaluate(trained)._repr_html_()
    assert problems(html) == []
    assert "FID" in html
    assert "60 samples of the EMA generator" in html
