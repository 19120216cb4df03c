"""The zoo is whole: a killer for each property, and every bug of the list."""

from __future__ import annotations

from collections import Counter

from anyjob.conformance import backend_properties, store_properties
from tests.conformance.zoo.catalogue import BROKEN, MUTANTS
from tests.conformance.zoo.catalogue.declared import LIARS
from tests.conformance.zoo.catalogue.sqlite import SQLITE
from tests.conformance.zoo.catalogue.wired import WIRED
from tests.conformance.zoo.ledger import FIELD_BUGS, NOBODYS

#: Each property that needs a capability asks first that its absence is refused; and many ask what
#: becomes of a stale settlement.
WIDE = (
    "a delay is declared absent, accepted and ignored",
    "an old receipt that SQS takes in vain settles a job",
)
PROPERTIES = {**backend_properties(), **store_properties()}


def test_each_property_has_a_mutant_that_it_kills() -> None:
    killed = {mutant.fails for mutant in MUTANTS}

    assert killed | set(NOBODYS) == set(PROPERTIES)
    assert not killed & set(NOBODYS)


def test_every_field_bug_is_repeated() -> None:
    issues = [mutant.issue for mutant in MUTANTS if mutant.issue is not None]
    found = {issue for entry in issues for issue in entry.split(", ")}

    assert found == set(FIELD_BUGS)


def test_mutants_are_as_many_and_as_narrow_as_they_should_be() -> None:
    assert len(BROKEN) >= 120
    assert len(SQLITE) >= 10
    assert len(WIRED) >= 8
    for mutant in MUTANTS:
        assert mutant.fails not in mutant.spoils
        assert len(mutant.spoils) < 10 or mutant.name in WIDE, f"{mutant} fails more than ten"
        assert mutant.spoils <= set(PROPERTIES)


def test_no_two_mutants_have_one_name() -> None:
    names = Counter(str(mutant) for mutant in MUTANTS)

    assert [name for name, count in names.items() if count > 1] == []


def test_liars_lie_about_each_kind_of_declaration() -> None:
    assert {mutant.fails for mutant in LIARS} >= {f"CAP-{n}" for n in range(1, 7)}
