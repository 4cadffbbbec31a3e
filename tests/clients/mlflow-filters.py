"""Reads filters with MLflow's own parsers: a JSON list of [kind, filter] in, a list of verdicts out."""

import json
import sys

from mlflow.utils import search_utils as s

KINDS = {
    "runs": s.SearchUtils,
    "experiments": s.SearchExperimentsUtils,
    "models": s.SearchModelUtils,
    "versions": s.SearchModelVersionUtils,
    "logged models": s.SearchLoggedModelsUtils,
}


def check_operators(kind, utils, clause):
    """What MLflow's stores check when they build the query."""
    operator = clause["comparator"].upper()
    key_type, key, value = clause["type"], clause["key"], clause["value"]
    if isinstance(value, tuple) != (operator in ("IN", "NOT IN")):
        return False
    if key == "version_number" and isinstance(value, str):
        try:
            clause["value"] = int(value)
        except ValueError:
            return False
    if kind in ("experiments", "models", "versions"):
        if key_type == "tag":
            return operator in utils.VALID_TAG_COMPARATORS
        numeric = key in utils.NUMERIC_ATTRIBUTES
        return operator in (utils.VALID_NUMERIC_ATTRIBUTE_COMPARATORS if numeric else utils.VALID_STRING_ATTRIBUTE_COMPARATORS)
    return any(
        (
            utils.is_metric(key_type, operator),
            utils.is_param(key_type, operator),
            utils.is_tag(key_type, operator),
            utils.is_dataset(key_type, operator),
            utils.is_attribute(key_type, key, operator),
        )
    )


def verdict(kind, text):
    utils = KINDS[kind]
    try:
        clauses = utils.parse_search_filter(text)
        if not all(check_operators(kind, utils, clause) for clause in clauses):
            return None
    except Exception:
        return None
    return [[c["type"], c["key"], c["comparator"].upper(), c["value"] if not isinstance(c["value"], tuple) else list(c["value"])] for c in clauses]


print(json.dumps([verdict(*each) for each in json.load(open(sys.argv[1]))]))
