"""Every type that provinces may send has all that it needs in every list that names types."""

from services.enrollment.domain import judging
from shared.contracts import enrollment, provinces


def test_every_type_has_a_rule_and_a_fact() -> None:
    assert judging.RULES.keys() == provinces.DATA_MODELS.keys()
    assert provinces.DATA_MODELS.keys() <= enrollment.FACT_MODELS.keys()


def test_what_names_an_enrollment_is_about_a_worker() -> None:
    for name, model in provinces.DATA_MODELS.items():
        if "enrollment_no" in model.model_fields:
            assert name in provinces.ABOUT_A_WORKER


def test_every_fact_about_an_enrollment_says_who_reported_it() -> None:
    for name in provinces.MAY_BE_ABOUT_A_WORKER:
        assert "reported_by" in enrollment.FACT_MODELS[name].model_fields
