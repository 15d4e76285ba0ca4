"""Series and frames of pandas are containers of their array."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert import ArgumentError, UnsupportedError

pd = pytest.importorskip("pandas")

RANDOM = np.random.default_rng(0)
ROWS = list("abcde")
S = pd.Series(RANDOM.uniform(0.5, 2.0, 5), index=ROWS, name="s")
D = pd.DataFrame(RANDOM.uniform(0.5, 2.0, (5, 3)), index=ROWS, columns=list("xyz"))
GROUPS = pd.Series([0, 0, 1, 1, 0], index=ROWS)
SOME = pd.Series([1.0, 2.0, 3.0], index=list("bcd"))


def written(s: Any) -> Any:
    """Assign through a copy."""
    w = s.copy()
    w["a"] = 5.0
    w.loc["b"] = 2 * w["c"]
    w.iloc[3] = w.iloc[4]
    return (w**2).sum()


def with_a_column(d: Any) -> Any:
    """Assign a column and an element."""
    d = d.copy()
    d["w"] = d.x**2
    d.loc["a", "x"] = 3.0
    return (d["w"] * d.x).sum()


SERIES = {
    "sum": lambda s: (s**2).sum(),
    "mean": lambda s: s.mean() ** 2,
    "std": lambda s: s.std() + s.var(ddof=0) + s.sem(),
    "median": lambda s: s.median() ** 2 + s.quantile(0.3),
    "extremes": lambda s: s.min() ** 2 + s.max() ** 2 + s[s.idxmax()],
    "prod": lambda s: s.prod() + s.cumprod().sum() + s.cummax().sum(),
    "ufunc": lambda s: np.sum(np.exp(-s)) + np.maximum(s, 1.0).sum(),
    "operators": lambda s: (2.0**s / (1 + s) - abs(-s)).sum(),
    "labels": lambda s: s["b"] * s.loc["c"] + s.iloc[0] ** 2,
    "slices": lambda s: (s.loc["b":"d"] ** 2).sum() + (s.iloc[[0, 2]] ** 3).sum(),
    "mask": lambda s: (s[s > 1] ** 2).sum() + s[s.between(0.7, 1.5)].sum(),
    "where": lambda s: (s.where(s > 1, 0.0) ** 2).sum() + (s.clip(0.8, 1.5) ** 2).sum(),
    "shift": lambda s: (s.shift(1) * s).sum() + (s.diff() ** 2).sum(),
    "pct_change": lambda s: (s.pct_change() ** 2).sum(),
    "cumsum": lambda s: (s.shift(1).cumsum() ** 2).sum(),
    "groupby": lambda s: (s.groupby(GROUPS).sum() ** 2).sum(),
    "transform": lambda s: ((s / s.groupby(GROUPS).transform("mean")) ** 2).sum(),
    "grouped cumsum": lambda s: (s.groupby(GROUPS).cumsum() ** 2).sum(),
    "aligned": lambda s: ((s * SOME) ** 2).sum(),
    "aligned reflected": lambda s: ((SOME * s).fillna(0.5) ** 2).sum(),
    "reindexed": lambda s: (s.reindex(list("cbaz")).dropna() ** 2).sum(),
    "concat": lambda s: (pd.concat([s, s * 2, SOME]) ** 2).sum(),
    "dot": lambda s: s.dot(s) + s @ s,
    "arrays": lambda s: np.sum(s.values**2) + np.sum(np.asarray(s) * s.to_numpy()),
    "beside arrays": lambda s: (np.arange(5.0) * s + s * np.ones(5)).sum(),
    "assigned": written,
    "sorted": lambda s: np.sum(np.asarray(s.sort_values()) * np.arange(5.0)),
    "apply": lambda s: s.apply(lambda t: t * t).sum() + sum(t * t for t in s),
    "branch": lambda s: s.sum() if s["a"] > 0 else -s.sum(),
    "corr": lambda s: s.corr(s**2) + s.cov(s**2),
    "shown": lambda s: s.sum() if repr(s) else s.prod(),
}
FRAMES = {
    "sum": lambda d: (d**2).sum().sum(),
    "columns": lambda d: (d["x"] * d["y"] - d.z).sum(),
    "axes": lambda d: (d.mean() ** 2).sum() + (d.mean(axis=1) ** 2).sum(),
    "normal": lambda d: ((d - d.mean()) / d.std()).pow(3).sum().sum(),
    "assigned": with_a_column,
    "labels": lambda d: (d.loc["b":"d", ["x", "z"]] ** 2).sum().sum() + d.at["a", "x"],
    "mask": lambda d: (d[d.x > 1]["y"] ** 2).sum() + (d.query("x > 1")["z"] ** 2).sum(),
    "ufunc": lambda d: np.sin(d).sum().sum(),
    "arrays": lambda d: np.sum(d.values**2) + np.sum(np.sin(np.asarray(d))),
    "transposed": lambda d: (d.T.sum() ** 2).sum(),
    "groupby": lambda d: (d.groupby(GROUPS).mean() ** 2).sum().sum(),
    "subtracted": lambda d: (d.sub(d["x"], axis=0) ** 2).sum().sum(),
    "rows": lambda d: sum(row.x * row.y for row in d.itertuples()),
    "apply": lambda d: (d.apply(lambda r: r.x * r.y, axis=1) ** 2).sum(),
    "concat": lambda d: (pd.concat([d, d.x.rename("q")], axis=1) ** 2).sum().sum(),
    "join": lambda d: (d.join(SOME.rename("k")).eval("x * k")).sum(),
    "dot": lambda d: (d.dot(np.arange(3.0)) ** 2).sum() + (d @ np.ones(3)).sum(),
    "melt": lambda d: (d.melt()["value"] ** 2).sum(),
}
PROGRAMS = [(S, name) for name in SERIES] + [(D, name) for name in FRAMES]


@pytest.mark.parametrize(
    ("x", "name"), PROGRAMS, ids=[f"{type(x).__name__}-{name}" for x, name in PROGRAMS]
)
def test_pandas_computes_with_recorded_columns(x: Any, name: str) -> None:
    """Values and slopes are those of plain runs; the gradient has the labels."""
    f, h = (SERIES if x is S else FRAMES)[name], 1e-6
    direction = np.random.default_rng(1).standard_normal(x.shape)

    value, g = wg.value_and_grad(f)(x)
    slope = (f(x + h * direction) - f(x - h * direction)) / (2 * h)

    assert value == pytest.approx(f(x), rel=1e-13)
    assert np.sum(g.to_numpy() * direction) == pytest.approx(slope, rel=1e-6, abs=1e-8)
    assert type(g) is type(x)
    assert all(map(pd.Index.identical, g.axes, x.axes))


def test_a_labelled_result_keeps_its_labels() -> None:
    def f(s: Any) -> Any:
        return (s**2).cumsum()

    x = S.copy()
    x.attrs["unit"] = "m"
    value, pull = wg.vjp(f, x)
    tangent = wg.jvp(f, (x,), (x,))[1]
    tape = pickle.loads(pickle.dumps(wg.record(f, x)))

    pd.testing.assert_series_equal(value, f(x))
    pd.testing.assert_series_equal(tangent, 2 * f(x))
    pd.testing.assert_series_equal(tape(x), f(x))
    assert pull(value)[0].index.identical(x.index)
    assert pull(value)[0].attrs == {"unit": "m"}


def test_missing_numbers_are_passed_over() -> None:
    x = pd.Series([1.0, np.nan, 3.0])

    assert wg.value_and_grad(lambda s: s.mean() ** 2)(x)[0] == 4.0
    assert wg.grad(lambda s: s.mean() ** 2)(x).tolist() == [2.0, 0.0, 2.0]
    assert wg.grad(lambda s: (s.cumsum() ** 2).sum())(x).tolist() == [10.0, 0.0, 8.0]
    assert np.isnan(wg.value_and_grad(lambda s: s.sum(skipna=False))(x)[0])


def test_a_jacobian_has_no_labels() -> None:
    def f(d: Any) -> Any:
        return np.asarray(d.sum() ** 2)

    found, by_one = wg.jacobian(f)(D), wg.jacobian(lambda s: s.cumsum())(S)

    assert type(by_one) is np.ndarray
    np.testing.assert_array_equal(by_one, np.tri(5))
    assert list(found) == ["x", "y", "z"]
    for k, name in enumerate(found):
        expected = np.zeros((3, 5))
        expected[k] = 2 * D[name].sum()
        np.testing.assert_allclose(found[name], expected, rtol=1e-14)


@pytest.mark.slow  # jit looks through the code of pandas for what it reads
@pytest.mark.filterwarnings("ignore")  # pandas' own code is run eagerly, which warns
def test_a_jitted_function_takes_the_labels_it_is_given() -> None:
    f = wg.jit(lambda s: s * 2.0)
    moved = S.rename("t").reset_index(drop=True)

    for s in (S, moved, S, moved):
        pd.testing.assert_series_equal(f(s), s * 2.0)


def test_what_is_not_differentiated_is_data() -> None:
    """As an argument, in a container, and from outside: all of pandas works there."""
    times = pd.Series([0.0, 1.0, 2.0])
    frame = pd.DataFrame({"group": list("aab"), "t": times})

    def f(p: Any, t: Any, more: Any) -> Any:
        means = frame.groupby("group")["t"].mean().to_numpy()
        rolled = t.rolling(2).mean().dropna() + more["frame"]["t"].rank().iloc[0]
        return np.sum(np.exp(-p * t)) + np.sum(means * p) + np.sum(rolled * p)

    expected = -np.sum(times * np.exp(-0.5 * times)) + 2.5 + 4.0

    found = wg.grad(f)(0.5, times, {"frame": frame})
    assert found == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    "x",
    [
        pd.Series(["a", "b"]),
        pd.Series([1, 2], dtype="Int64"),
        pd.Series(pd.date_range("2020", periods=2)),
        pd.Series([True, False]),
        pd.DataFrame({"a": [1.0, 2.0], "b": ["c", "d"]}),
        pd.Index([1.0, 2.0]),
    ],
    ids=["texts", "Int64", "times", "truth", "with texts", "index"],
)
def test_what_is_not_of_numbers_says_what_to_pass(x: Any) -> None:
    with pytest.raises(ArgumentError, match=r"by a \w+(.|\n)*pass (numbers|a pandas)"):
        wg.grad(lambda x: 1.0 * len(x))(x)
    with pytest.raises(ArgumentError, match=r"pass (numbers alone|a pandas.Series)"):
        wg.jit(lambda x: 1.0 * len(x))(x)


def test_its_own_advice_works() -> None:
    x = pd.DataFrame({"a": [1.0, 2.0], "b": ["3", "4"], "c": [True, False]})

    assert wg.grad(lambda d: d.a.sum())(x[["a"]]).a.tolist() == [1.0, 1.0]
    found = wg.grad(lambda d: (d.a * d.b + d.c).sum())(x.astype(float))
    pd.testing.assert_frame_equal(
        found, pd.DataFrame({"a": [3.0, 4.0], "b": [1.0, 2.0], "c": [1.0, 1.0]})
    )


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_columns_of_several_types_stay_what_they_are() -> None:
    mixed = pd.DataFrame({"a": [1.0, 2.0], "b": [3, 0]})

    def f(d: Any) -> Any:
        return d.assign(c=d.a * d.b, e=7 // d.b, g=1)

    assert wg.grad(lambda d: (d.a * d.b).sum())(mixed).b.tolist() == [1.0, 2.0]
    assert wg.vjp(f, mixed)[1](f(mixed) * 1.0)[0].columns.tolist() == ["a", "b"]
    recorded = wg.record(f, mixed.astype(float))(mixed.astype(float))
    pd.testing.assert_frame_equal(recorded, f(mixed.astype(float)))


def test_what_is_in_no_group_is_missing() -> None:
    groups = pd.Series([0.0, np.nan, 1.0, 0.0, 1.0], index=ROWS)

    for f in (
        lambda s: s.groupby(groups).cumsum().sum(),
        lambda s: s.groupby(groups).var(ddof=0).sum() + s.groupby(groups).std().sum(),
        lambda s: s.iloc[:1].std(ddof=0) + s.sum(min_count=2),
    ):
        value, g = wg.value_and_grad(f)(S)
        assert value == pytest.approx(f(S), rel=1e-13)
        assert g["b"] == (1.0 if f(S) > 3 and f(S) == pytest.approx(S.sum()) else 0.0)


@pytest.mark.parametrize(
    "f",
    [lambda s: s.skew(), lambda s: np.where(s > 1, s, 0.0).sum()],
    ids=["skew", "a NumPy function"],
)
def test_what_pandas_computes_by_itself_is_refused(f: Any) -> None:
    advice = r"test_columns.py:\d+: (.|\n)*instead: .*np\.asarray\(x\)"
    with pytest.raises(UnsupportedError, match=advice):
        wg.grad(f)(S)

    found = wg.grad(lambda s: np.sum(np.where(np.asarray(s) > 1, np.asarray(s), 0.0)))
    assert found(S).tolist() == (S > 1).astype(float).tolist()
