from __future__ import annotations

import pytest
from django.test import Client

from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.audit.models import AccessEntry
from medisecure.kernel.append_only import AppendOnly
from medisecure.kernel.ids import new_id

pytestmark = pytest.mark.django_db


def entry(actor: User | None = None) -> AccessEntry:
    found = record_access(
        actor=actor, patient_id=new_id(), action="view", resource="record", purpose="care", right="care-relation"
    )
    return AccessEntry.objects.get(id=found)


def test_an_entry_says_who_did_what_and_why(dr_bose: User) -> None:
    found = entry(dr_bose)
    assert (found.actor_id, found.action, found.resource, found.right) == (
        dr_bose.id,
        "view",
        "record",
        "care-relation",
    )


def test_an_entry_cannot_be_changed_nor_removed(dr_bose: User) -> None:
    found = entry(dr_bose)
    found.action = "nothing"
    with pytest.raises(AppendOnly):
        found.save()
    with pytest.raises(AppendOnly):
        found.delete()
    with pytest.raises(AppendOnly):
        AccessEntry.objects.filter(id=found.id).update(action="nothing")
    with pytest.raises(AppendOnly):
        AccessEntry.objects.all().delete()
    assert AccessEntry.objects.get().action == "view"


def test_the_privacy_officer_reads_the_log_and_nobody_changes_it(olga: User, client: Client) -> None:
    found = entry()
    client.force_login(olga)
    page = client.get("/admin/audit/accessentry/")
    assert page.status_code == 200
    assert str(found.patient_id) in page.content.decode()
    assert client.post(f"/admin/audit/accessentry/{found.id}/delete/", {"post": "yes"}).status_code == 403
    assert client.get("/admin/audit/accessentry/add/").status_code == 403


def test_other_staff_do_not_read_the_log(dr_bose: User, client: Client) -> None:
    client.force_login(dr_bose)
    assert client.get("/admin/audit/accessentry/").status_code == 403


def test_the_address_of_a_request_is_kept(asha: User) -> None:
    from medisecure.audit.interface import current_address

    token = current_address.set("203.0.113.9")
    try:
        assert entry(asha).address == "203.0.113.9"
    finally:
        current_address.reset(token)
