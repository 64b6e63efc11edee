from functools import partial

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gan_experiments.core.yaml_size import _LOADER, _load_part, load_yaml, refuse_huge


def test_what_a_config_holds_is_fine():
    refuse_huge("a: &a {b: [1, 2]}\nc: *a\nd: {<<: *a}\n--- 1\n")
    refuse_huge("")


@pytest.mark.parametrize(("levels", "huge"), [(4, False), (6, True)])
def test_values_are_counted_as_often_as_they_are_repeated(levels, huge):
    text = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, levels))
    if huge:
        with pytest.raises(yaml.YAMLError, match="more than 100,000 values"):
            refuse_huge(text)
    else:
        refuse_huge(text)


def test_depth_and_recursion_are_refused():
    with pytest.raises(yaml.YAMLError, match="deeper"):
        refuse_huge("[" * 65 + "]" * 65)
    with pytest.raises(yaml.YAMLError, match="part of"):
        refuse_huge("&a [*a]")


SIMPLE = [
    *("", "---\n", "# nothing", "a", "[]", "{}", "a: {b: [1, {c: ~}]}\n", "- - 1\n  - b\n", "a: 1\nb: 2\na: 3\n"),
    "a: [1, 010, 0x1F, 1_000, 1:30, 1.5, 1e-5, 1.0e-5, .inf, -.inf, yes, No, null, ~, '1', '<<', x y]\n",
    "a: |\n  1\nb: >-\n  two\n  lines\n? c\n: 1\n",
]
OTHERS = [
    *("a: &x [1]\nb: *x", "a: &x {b: 1}\nc: {<<: *x, b: 2}", "a: !!str 1", "a: ! 1", "a: 2026-01-01", "=: 1"),
    *("{? [1] : 2}", "? {a: 1}\n: 2", "a\n--- b", "a: !!python/name:os.system", "a: 2026-13-45", "{", "a: b: c"),
    *("{? {} : 2}", "[&a 1]", "&a {}", "!x []", "--- &a\n", "[1, 2", "*a", "\t- a", "\0", "a: !!set {b}"),
]


def outcome(read, text):
    try:
        return repr(read(text))
    except (yaml.YAMLError, ValueError, TypeError) as error:
        return type(error)


def reference(text, loader=yaml.SafeLoader):
    refuse_huge(text)
    return yaml.load(text, loader)


@pytest.mark.parametrize("text", SIMPLE + OTHERS)
def test_it_is_what_a_safe_loader_reads(text):
    assert outcome(load_yaml, text) == outcome(reference, text)
    assert outcome(load_yaml, text.encode()) == outcome(reference, text.encode())


LINES = [
    *("a: 1", "b:", "- x", "  c: 'y", "z: q'", "d: {", "  e: 1}", "f: [g,", "h]", "i: |", "j: >-", "  text", "", " "),
    *("# k", 'l: "', 'm"', "n", "---", "...", "  - o", "p: &q 1", "r: *q", "\ts", "? t", "a: 2", "b: 3\r"),
    *("c: d\re: f", "yes: no", "_u: v w", "  x", "y: é", "1: 2", "%YAML 1.1", "'b': 4"),
]


@settings(max_examples=1000)
@given(st.lists(st.sampled_from(LINES), max_size=7), st.sampled_from(["\n", ""]))
def test_so_it_is_wherever_a_key_ends(lines, end):
    """A mapping is read key by key, and a line that looks like a key may be part of a value."""
    text = "\n".join(lines) + end
    assert outcome(load_yaml, text) == outcome(partial(reference, loader=_LOADER), text)


def test_who_changes_what_was_read_changes_it_for_nobody_else():
    text = "a: {b: [1, {c: 2}]}\nd:\n- 3\n"
    first = load_yaml(text)
    first["a"]["b"][1]["c"] = first["d"][0] = first["a"]["new"] = 0
    assert load_yaml(text) == {"a": {"b": [1, {"c": 2}]}, "d": [3]}


def test_a_bomb_is_no_smaller_in_pieces():
    """Each key alone would stand for fewer values than are too many."""
    bombs = "".join(f"k{i}: {{a: &a [{'1,' * 200}], b: [{'*a,' * 400}]}}\n" for i in range(3))
    with pytest.raises(yaml.YAMLError, match="more than 100,000 values"):
        load_yaml(bombs)


def test_a_study_of_runs_shares_what_they_have_in_common():
    _load_part.cache_clear()
    for seed in range(100):
        load_yaml(f"same: {{as: [all, the, others]}}\nseed: {seed}\n")
    kept = _load_part.cache_info()
    assert (kept.misses, kept.hits) == (101, 99)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.dates()
NESTED = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner))


@given(NESTED, st.sampled_from([None, True, False]))
def test_what_was_written_is_read(value, flow):
    assert load_yaml(yaml.safe_dump(value, default_flow_style=flow, sort_keys=False)) == value


@pytest.mark.parametrize("depth", [64, 65])
def test_it_refuses_what_is_huge(depth):
    text = "[" * depth + "]" * depth
    if depth > 64:
        with pytest.raises(yaml.YAMLError, match="deeper"):
            load_yaml(text)
    else:
        assert repr(load_yaml(text)) == text
    with pytest.raises(yaml.YAMLError, match="more than 100,000 values"):
        load_yaml("[" + "1," * 100_001 + "]")


def test_a_long_value_is_read_and_not_kept():
    kept = _load_part.cache_info().currsize
    assert load_yaml(f"a: {'x' * 50_000}\n") == {"a": "x" * 50_000}
    assert _load_part.cache_info().currsize == kept
