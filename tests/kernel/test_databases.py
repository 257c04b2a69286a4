"""Three databases, strict both ways."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connections, models, router

from medisecure.accounts.models import User
from medisecure.kernel.databases import ALIASES, APPOINTMENTS, BILLING, DEFAULT, WrongDatabase, alias_for
from medisecure.kernel.ids import new_id
from medisecure.kernel.outbox import outbox
from tests.cast import ALL_DATABASES

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)

ELSEWHERE = [(alias, other) for alias in ALIASES for other in ALIASES if other != alias]


def test_every_model_has_its_table_in_its_own_database_and_in_no_other() -> None:
    tables = {alias: set(connections[alias].introspection.table_names()) for alias in ALIASES}
    for model in apps.get_models():
        table = model._meta.db_table
        if model._meta.managed and not table.startswith(("outbox_", "inbox_")):
            assert {alias for alias in ALIASES if table in tables[alias]} == {alias_for(model)}, model._meta.label


@pytest.mark.parametrize(("home", "other"), ELSEWHERE)
def test_a_queryset_pointed_at_another_database_is_refused(home: str, other: str) -> None:
    model = outbox(home)
    with pytest.raises(WrongDatabase):
        model.objects.using(other)
    with pytest.raises(WrongDatabase):
        model.objects.db_manager(other).all()


@pytest.mark.parametrize(("home", "other"), ELSEWHERE)
def test_a_write_to_another_database_is_refused(home: str, other: str) -> None:
    row = outbox(home)(name="x")
    with pytest.raises(WrongDatabase):
        row.save(using=other)
    row.save()
    with pytest.raises(WrongDatabase):
        row.delete(using=other)


@pytest.mark.parametrize("other", [APPOINTMENTS, BILLING])
def test_models_of_django_and_of_libraries_are_guarded_too(other: str) -> None:
    with pytest.raises(WrongDatabase):
        User(email="a@example.org").save(using=other)


@pytest.mark.parametrize(("home", "other"), ELSEWHERE)
def test_a_relation_across_databases_is_refused(home: str, other: str) -> None:
    assert not router.allow_relation(outbox(home)(), outbox(other)())
    assert router.allow_relation(outbox(home)(), outbox(home)())


def test_a_foreign_key_across_databases_fails_the_system_check(monkeypatch: pytest.MonkeyPatch) -> None:
    from medisecure import checks

    assert checks.cross_database_relations() == []

    class Crossing(models.Model):
        user = models.ForeignKey(User, on_delete=models.PROTECT)

        class Meta:
            app_label = "billing"
            managed = False

    try:
        assert checks.cross_database_relations() == [("billing.Crossing.user", "accounts.User")]
        assert [error.id for error in checks.relations_stay_in_one_database(None)] == ["medisecure.E001"]
    finally:
        del apps.all_models["billing"]["crossing"]
        apps.clear_cache()


def test_assigning_a_row_of_another_database_is_refused() -> None:
    """The router's word is what Django asks when a relation is set by hand."""
    user = User.objects.create_user("b@example.org", full_name="B")
    user._state.db = BILLING
    from allauth.account.models import EmailAddress

    address = EmailAddress(email="b@example.org")
    address._state.db = DEFAULT
    # Two rows of one model's home may be related, whatever `_state` claims: homes are what counts.
    address.user = user
    with pytest.raises(WrongDatabase):
        address.save(using=BILLING)


def test_ids_sort_by_creation() -> None:
    ids = [new_id() for _ in range(1000)]
    assert ids == sorted(ids)
    assert {found.version for found in ids} == {7}
