"""Writes reference-values.json: what the incumbent libraries say of small, fixed inputs.

uv venv venv && uv pip install --python venv numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 'pandas<3' confidenceinterval==1.0.5 evidently==0.7.23 nannyml==0.13.1
PYTHONHASHSEED=0 venv/bin/python reference-values.py > reference-values.json  # the seed fixes the order in which Evidently sums
"""

import json
import warnings
from importlib.metadata import version

import numpy as np
import pandas as pd
from confidenceinterval.delong import delong_roc_variance
from scipy import spatial, special, stats
from sklearn import calibration, metrics

warnings.simplefilter("ignore")


def binary():
    rng = np.random.default_rng(1)
    n = 400
    y = (rng.random(n) < 0.3).astype(int)
    score = np.round(1 / (1 + np.exp(-(rng.normal(-1, 1, n) + 1.2 * y))), 2)  # two decimals: many ties
    score = np.clip(score, 0.01, 0.99)
    other = np.round(1 / (1 + np.exp(-(rng.normal(-1, 1, n) + 0.8 * y))), 6)
    weight = np.round(rng.random(n) * 3, 3)
    at = 0.4
    said = (score >= at).astype(int)
    distinct = np.round((np.arange(n) + 0.5) / n, 6)  # no ties, so that quantile bins are equal-mass bins
    rng.shuffle(distinct)
    observed, mean_score = calibration.calibration_curve(y, distinct, n_bins=10, strategy="quantile")
    auc, var = delong_roc_variance(y, score)
    return {
        "labels": y.tolist(), "scores": score.tolist(), "other": other.tolist(), "weights": weight.tolist(), "distinct": distinct.tolist(),
        "auc": metrics.roc_auc_score(y, score),
        "aucWeighted": metrics.roc_auc_score(y, score, sample_weight=weight),
        "aucOther": metrics.roc_auc_score(y, other),
        "delongAuc": float(auc), "delongStandardError": float(np.sqrt(var)),
        "delongDifferenceStandardError": delong_paired(y, score, other),
        "logLoss": metrics.log_loss(y, score), "logLossWeighted": metrics.log_loss(y, score, sample_weight=weight),
        "logLossOfCertainty": metrics.log_loss([0, 1, 1], [0.0, 1.0, 0.0]),
        "brier": metrics.brier_score_loss(y, score), "brierWeighted": metrics.brier_score_loss(y, score, sample_weight=weight),
        "averagePrecision": metrics.average_precision_score(y, score),
        "averagePrecisionWeighted": metrics.average_precision_score(y, score, sample_weight=weight),
        "threshold": at,
        "accuracy": metrics.accuracy_score(y, said, sample_weight=weight),
        "precision": metrics.precision_score(y, said, sample_weight=weight),
        "recall": metrics.recall_score(y, said, sample_weight=weight),
        "f1": metrics.f1_score(y, said, sample_weight=weight),
        "calibrationObserved": observed.tolist(), "calibrationMeanScore": mean_score.tolist(),
    }


def delong_paired(y, a, b):
    """Standard error of the difference, straight from the definition (all pairs), as a check on the fast form."""
    def components(s):
        pos, neg = s[y == 1], s[y == 0]
        psi = (pos[:, None] > neg[None, :]) + 0.5 * (pos[:, None] == neg[None, :])
        return psi.mean(axis=1), psi.mean(axis=0)
    (p1, n1), (p2, n2) = components(a), components(b)
    sp, sn = np.cov(p1, p2), np.cov(n1, n2)
    s = sp / len(p1) + sn / len(n1)
    return float(np.sqrt(s[0, 0] + s[1, 1] - 2 * s[0, 1]))


def regression():
    rng = np.random.default_rng(2)
    y = np.round(rng.normal(50, 12, 60), 3)
    p = np.round(y + rng.normal(1, 5, 60), 3)
    w = np.round(rng.random(60), 3)
    return {
        "labels": y.tolist(), "predictions": p.tolist(), "weights": w.tolist(),
        "mae": metrics.mean_absolute_error(y, p), "rmse": metrics.root_mean_squared_error(y, p), "r2": metrics.r2_score(y, p),
        "maeWeighted": metrics.mean_absolute_error(y, p, sample_weight=w),
        "rmseWeighted": metrics.root_mean_squared_error(y, p, sample_weight=w), "r2Weighted": metrics.r2_score(y, p, sample_weight=w),
    }


def tails():
    return {
        "chiSquare": [[x, k, float(stats.chi2.sf(x, k))] for x, k in [(0.5, 1), (3.84, 1), (12.6, 5), (200, 10), (1500, 400), (30, 60)]],
        "normal": [[z, float(2 * stats.norm.sf(z))] for z in [0.1, 1.96, 5, 12]],
        "kolmogorov": [[x, float(special.kolmogorov(x))] for x in [0.3, 0.8, 1.17, 1.19, 1.36, 3.0]],
    }


def two_samples():
    rng = np.random.default_rng(3)
    cases = []
    for n, m, shift, digits in [(40, 40, 0.2, 6), (120, 75, 0.4, 6), (300, 200, 0.1, 1), (90, 31, 1.5, 0)]:
        a, b = np.round(rng.normal(0, 1, n), digits) + 0, np.round(rng.normal(shift, 1.1, m), digits) + 0
        cases.append({
            "reference": a.tolist(), "current": b.tolist(),
            "ks": float(stats.ks_2samp(a, b).statistic), "ksExactP": float(stats.ks_2samp(a, b, method="exact").pvalue),
            "wasserstein": float(stats.wasserstein_distance(a, b)),
        })
    return cases


def counts():
    cases = []
    for p, q in [([16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8]), ([500, 300, 200], [40, 45, 15]), ([9, 1], [5, 5])]:
        a, b = np.array(p, float), np.array(q, float)
        pa, qa = a / a.sum(), b / b.sum()
        gof = stats.chisquare(b, pa * b.sum())
        both = stats.chi2_contingency(np.array([p, q]), correction=False)
        cases.append({
            "reference": p, "current": q,
            "psi": float(np.sum((pa - qa) * np.log(pa / qa))), "kl": float(stats.entropy(pa, qa)),
            "jsNat": float(spatial.distance.jensenshannon(pa, qa)), "jsBase2": float(spatial.distance.jensenshannon(pa, qa, base=2)),
            "tvd": float(np.abs(pa - qa).sum() / 2), "lInfinity": float(np.abs(pa - qa).max()),
            "hellinger": float(np.sqrt(1 - np.sum(np.sqrt(pa * qa)))),
            "goodnessOfFit": [float(gof.statistic), float(gof.pvalue)], "homogeneity": [float(both.statistic), float(both.pvalue)],
        })
    return cases


def evidently_cases():
    from evidently.legacy.calculations.stattests import (chi_stat_test, jensenshannon_stat_test, kl_div_stat_test, ks_stat_test, psi_stat_test, wasserstein_stat_test, z_stat_test)
    from evidently.legacy.calculations.stattests.registry import get_stattest
    from evidently.legacy.core import ColumnType
    tests = {"psi": psi_stat_test, "kl_div": kl_div_stat_test, "jensenshannon": jensenshannon_stat_test, "ks": ks_stat_test,
             "wasserstein": wasserstein_stat_test, "chisquare": chi_stat_test, "z": z_stat_test}
    rng = np.random.default_rng(4)
    num = lambda n, mean, sd: np.round(rng.normal(mean, sd, n), 3)
    cat = lambda n, p: rng.choice(list("abcdef")[: len(p)], n, p=p)
    inputs = {
        "numbers": ("num", num(300, 0, 1), num(200, 0.3, 1.2)),
        "heavy tail": ("num", np.round(np.exp(num(250, 0, 1)), 3), np.round(np.exp(num(250, 0.2, 1)), 3)),
        "few numbers": ("num", rng.integers(0, 4, 150).astype(float), rng.integers(0, 4, 120).astype(float)),
        "many rows": ("num", np.round(rng.integers(0, 60, 1200) / 7, 3), np.round(rng.integers(0, 66, 300) / 7, 3)),
        "categories": ("cat", cat(200, [0.5, 0.3, 0.1, 0.1]), cat(150, [0.4, 0.3, 0.2, 0.1])),
        "two categories": ("cat", cat(80, [0.5, 0.5]), cat(60, [0.3, 0.7])),
        "unseen category": ("cat", np.array(list("aaabbbccc")), np.array(list("abbbccdd"))),
    }
    cases = []
    for name, (kind, ref, cur) in inputs.items():
        r, c = pd.Series(ref), pd.Series(cur)
        column = ColumnType.Numerical if kind == "num" else ColumnType.Categorical
        chosen = get_stattest(r, c, column, None)
        scores = {}
        for key, test in tests.items():
            if (column not in test.allowed_feature_types and key != chosen.name) or (key == "z" and pd.concat([r, c]).nunique() > 2):
                continue
            scores[key] = score_of(test, r, c, column)
        cases.append({"name": name, "kind": kind, "reference": ref.tolist(), "current": cur.tolist(), "chosen": chosen.name,
                      "threshold": chosen.default_threshold, "scores": scores})
    return cases


def nannyml_cases():
    from nannyml.drift.univariate.methods import MethodFactory, FeatureType
    from nannyml.thresholds import ConstantThreshold
    rng = np.random.default_rng(5)
    inputs = {
        "numbers": ("num", np.round(rng.normal(0, 1, 300), 3), np.round(rng.normal(0.3, 1.3, 200), 3)),
        "skewed": ("num", np.round(np.exp(rng.normal(0, 1, 400)), 3), np.round(np.exp(rng.normal(0.3, 1, 100)), 3)),
        "categories": ("cat", rng.choice(list("abcd"), 200, p=[0.5, 0.3, 0.1, 0.1]), rng.choice(list("abce"), 150, p=[0.4, 0.3, 0.2, 0.1])),
    }
    cases = []
    for name, (kind, ref, cur) in inputs.items():
        feature = FeatureType.CONTINUOUS if kind == "num" else FeatureType.CATEGORICAL
        keys = ["jensen_shannon", "hellinger", "kolmogorov_smirnov", "wasserstein"] if kind == "num" else ["jensen_shannon", "hellinger", "l_infinity", "chi2"]
        scores = {}
        for key in keys:
            method = MethodFactory.create(key, feature, chunker=None, threshold=ConstantThreshold(upper=0.1))
            method._fit(pd.Series(ref))
            scores[key] = float(method._calculate(pd.Series(cur)))
        cases.append({"name": name, "kind": kind, "reference": ref.tolist(), "current": cur.tolist(), "scores": scores})
    return cases


def numpy_edges():
    rng = np.random.default_rng(6)
    cases = []
    for name, x in [("normal", np.round(rng.normal(5, 2, 100), 3)), ("skewed", np.round(np.exp(rng.normal(0, 1, 333)), 3)), ("integers as floats", rng.integers(0, 50, 500).astype(float)), ("constant", np.full(10, 3.0))]:
        cases.append({"name": name, "values": x.tolist(), **{
            rule: {"edges": (e := np.histogram_bin_edges(x, bins=rule)).tolist(), "counts": np.histogram(x, bins=e)[0].tolist()} for rule in ["sturges", "doane"]}})
    return cases


def score_of(test, r, c, column):
    from evidently.legacy.calculations.stattests.registry import get_stattest
    from evidently.legacy.core import ColumnType
    impl = get_stattest(r, c, column, test)
    result = impl(r, c, column, None)
    return float(result.drift_score)


print(json.dumps({
    "versions": {name: version(name) for name in ["numpy", "scipy", "scikit-learn", "confidenceinterval", "evidently", "nannyml"]},
    "binary": binary(), "regression": regression(), "tails": tails(), "twoSamples": two_samples(), "counts": counts(),
    "numpyEdges": numpy_edges(), "evidently": evidently_cases(), "nannyml": nannyml_cases(),
}, separators=(",", ":")).replace('],"', '],\n"').replace('},{', '},\n{'))
