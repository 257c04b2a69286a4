"""A statement that is made once answers as the query it was made of."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import models
from django.db.models import Exists, F, OuterRef
from pytest_django import DjangoAssertNumQueries

from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.ids import new_id
from medisecure.kernel.prepared import Prepared
from medisecure.notifications.models import Notice

pytestmark = pytest.mark.django_db

FIELDS: dict[str, Any] = {"notice_id": models.UUIDField(), "before": models.DateTimeField()}


def build(*, notice_id: UUID, before: datetime) -> Any:
    older = Notice.objects.filter(user_id=OuterRef("user_id"), created_at__lt=before).exclude(id=OuterRef("id"))
    return Notice.objects.filter(id=notice_id).annotate(second=Exists(older)).values("created_at", "second", "id")


def notice(user_id: UUID, *, days: int = 0) -> Notice:
    at = clock.now() - timedelta(days=days)
    return Notice.objects.create(dedupe_key=str(new_id()), user_id=user_id, kind="x", created_at=at)


def test_it_answers_as_the_query_does_for_each_value(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    prepared, user = Prepared(build, **FIELDS), new_id()
    rows = [notice(user, days=9), notice(user, days=2), notice(new_id())]
    for row in rows:
        for before in (clock.now(), clock.now() - timedelta(days=5), clock.now() - timedelta(days=30)):
            with django_assert_num_queries(1):
                found = prepared.rows(DEFAULT, notice_id=row.id, before=before)
            assert found == list(build(notice_id=row.id, before=before))
    assert {row["second"] for row in prepared.rows(DEFAULT, notice_id=rows[1].id, before=clock.now())} == {True}
    assert prepared.rows(DEFAULT, notice_id=new_id(), before=clock.now()) == []


def test_the_statement_is_made_once() -> None:
    made = []

    def counting(**values: Any) -> Any:
        made.append(values)
        return build(**values)

    prepared = Prepared(counting, **FIELDS)
    for _ in range(5):
        prepared.rows(DEFAULT, notice_id=new_id(), before=clock.now())
    assert len(made) == 2  # once with each set of marks


def shaping(*, notice_id: UUID, before: datetime) -> Any:
    rows = Notice.objects.filter(id=notice_id)
    return (rows.filter(created_at__lt=before) if notice_id.int < 2 else rows).values("id")


def computing(*, notice_id: UUID, before: datetime) -> Any:
    return Notice.objects.filter(id=notice_id, created_at__lt=before - timedelta(days=1)).values("id")


def ignoring(*, notice_id: UUID, before: datetime) -> Any:
    return Notice.objects.filter(id=notice_id, created_at=F("read_at")).values("id")


@pytest.mark.parametrize(
    ("build", "words"), [(shaping, "shape"), (computing, "computed"), (ignoring, "not in the statement: before")]
)
def test_what_cannot_be_made_once_is_refused(build: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Prepared(build, **FIELDS).rows(DEFAULT, notice_id=new_id(), before=clock.now())
