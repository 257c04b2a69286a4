"""The pages: asking, following, fetching; who gets in; what they cost."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from medisecure.accounts.models import User
from medisecure.kernel.ids import new_id
from medisecure.reports import asking
from medisecure.reports.models import Job, Schedule
from medisecure.reports.running import run_job
from patients.interface import PatientCard
from tests.cast import ALL_DATABASES
from tests.reports.conftest import FIRST, LAST

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)
HOME = "/admin/reports/job/"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def form(**changes: Any) -> dict[str, Any]:
    return {"kind": "activity", "first": FIRST.isoformat(), "last": LAST.isoformat(), **changes}


def test_a_report_is_asked_for_followed_and_fetched(alice: User) -> None:
    client = signed_in(alice)
    assert "Rien pour l’instant" in client.get(HOME).content.decode()
    page = client.get(f"{HOME}ask/").content.decode()
    assert 'value="occupancy"' in page
    sent = client.post(f"{HOME}ask/", form())
    job = Job.objects.get()
    assert sent["Location"] == f"{HOME}{job.id}/"
    waiting = client.get(sent["Location"]).content.decode()
    assert "<progress" in waiting
    assert "js/live.js" in waiting
    assert run_job(job.id)
    done = client.get(sent["Location"]).content.decode()
    assert "<progress" not in done
    assert "js/live.js" not in done
    file = client.get(f"{HOME}{job.id}/download/pdf/")
    assert file.status_code == 302
    assert job.files.get(format="pdf").sha256 in done
    assert "Prêt" in client.get(HOME).content.decode()
    # The same once more.
    again = client.post(f"{HOME}{job.id}/again/")
    assert Job.objects.count() == 2
    gone = client.post(again["Location"] + "cancel/", follow=True)
    assert "La demande est annulée" in gone.content.decode()


def test_what_is_wrong_stands_at_its_field_in_french(alice: User) -> None:
    client = signed_in(alice)
    for changes, text in (
        ({"last": "2026-03-01"}, "Le dernier jour précède le premier"),
        ({"last": "2027-12-31"}, "Un rapport couvre 366 jours au plus"),
        ({"kind": "weather"}, "weather"),
        ({"first": "tomorrow"}, "date valide"),
        ({"kind": "revenue", "practitioner_id": str(new_id())}, "choix"),
    ):
        answer = client.post(f"{HOME}ask/", form(**changes))
        assert (answer.status_code, Job.objects.count()) == (422, 0)
        assert text in answer.content.decode(), changes


def test_a_list_is_exported_from_its_page(alice: User, asha_card: PatientCard, dan_card: PatientCard) -> None:
    client = signed_in(alice)
    page = client.get("/admin/patients/patient/?active__exact=1&o=-2&p=1").content.decode()
    link = f"{HOME}list/patients/patient/?active__exact=1&amp;o=-2"
    assert link in page
    opened = client.get(link.replace("&amp;", "&"))
    text = opened.content.decode()
    assert 'name="query" value="active__exact=1&amp;o=-2"' in text
    sent = client.post(
        f"{HOME}list/patients/patient/",
        {"query": "active__exact=1&o=-2", "format": "csv", "columns": ["record_number", "sex"]},
    )
    job = Job.objects.get()
    assert sent["Location"] == f"{HOME}{job.id}/"
    assert job.parameters == {"query": "active__exact=1&o=-2", "columns": ["record_number", "sex"], "format": "csv"}
    assert client.post(f"{HOME}list/patients/patient/", {"query": "", "format": "csv"}).status_code == 422
    assert client.get(f"{HOME}list/patients/nothing/").status_code == 404
    assert client.get(f"{HOME}list/patients/patient/?nonsense__exact=1").status_code == 422


def test_a_repeated_report_is_set_up_and_ended(alice: User) -> None:
    client = signed_in(alice)
    assert client.post(f"{HOME}repeated/", {"kind": "occupancy"}).status_code == 422
    client.post(f"{HOME}repeated/", {"kind": "occupancy", "every": "week"})
    row = Schedule.objects.get()
    assert "Chaque lundi" in client.get(f"{HOME}repeated/").content.decode()
    client.post(f"{HOME}repeated/{row.id}/end/")
    assert not Schedule.objects.get().active
    assert client.post(f"{HOME}repeated/{row.id}/end/").status_code == 404


def test_who_gets_in(alice: User, olga: User, rita: User, carol: User, dan: User, dr_bose: User) -> None:
    job = asking.ask_report(actor=alice, kind="activity", first=FIRST, last=LAST)
    pages = {
        HOME: {alice: 200, olga: 200, rita: 200, carol: 200},
        f"{HOME}ask/": {alice: 200, olga: 200, rita: 403, carol: 403, dr_bose: 403},
        f"{HOME}repeated/": {alice: 200, olga: 200, rita: 403},
        f"{HOME}{job.id}/": {alice: 200, olga: 404, carol: 404},
        f"{HOME}{job.id}/download/pdf/": {alice: 404, olga: 404},
        f"{HOME}list/billing/invoice/": {alice: 200, carol: 200, olga: 403, rita: 403},
        f"{HOME}list/audit/accessentry/": {olga: 200, alice: 403},
    }
    for page, answers in pages.items():
        for user, status in answers.items():
            assert signed_in(user).get(page).status_code == status, (page, user.full_name)
        outside = signed_in(dan).get(page)
        assert outside.status_code in (302, 404), page
        assert outside.status_code == 404 or "login" in outside["Location"]
    assert signed_in(olga).post(f"{HOME}{job.id}/cancel/").status_code == 404
    # A link is offered to those alone who may follow it.
    assert "Exporter cette liste" not in signed_in(rita).get("/admin/patients/patient/").content.decode()


def test_the_list_costs_the_same_queries_and_has_pages(alice: User, django_assert_max_num_queries: Any) -> None:
    client = signed_in(alice)

    def queries() -> int:
        with django_assert_max_num_queries(30) as seen:
            client.get(HOME)
        return len(seen)

    asking.ask_report(actor=alice, kind="activity", first=FIRST, last=LAST)
    few = queries()
    Job.objects.bulk_create(
        Job(
            what="report",
            subject="activity",
            parameters=Job.objects.get().parameters,
            language="fr",
            requested_by=alice,
        )
        for _ in range(30)
    )
    assert queries() == few
    page = client.get(HOME).content.decode()
    assert "Page 1 sur 2" in page
    assert page.count('class="rp-name"') == 20
    assert client.get(f"{HOME}?p=2").content.decode().count('class="rp-name"') == 11
