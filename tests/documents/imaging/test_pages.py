"""The pages of images, in the portal and for staff, and what the viewer asks for."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from typing import Any
from uuid import UUID

import numpy as np
import pydicom
import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse

from documents.imaging import copies, gate
from documents.models import ImagingCopy, ImagingInstance
from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from patients.interface import PatientCard
from patients.models import CareRelation
from tests.cast import ALL_DATABASES
from tests.documents.fixtures import AddDocument, download
from tests.documents.imaging.files import image, own
from tests.documents.imaging.looking import looked_at

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture
def shown(add_document: AddDocument) -> ImagingInstance:
    return looked_at(add_document(image(StudyDescription="Scanner thoracique"), category="imaging"))


def study_id(row: ImagingInstance) -> UUID:
    assert row.series is not None
    found: UUID = row.series.study_id
    return found


def _token(user: User, row: ImagingInstance) -> str:
    return gate.token(user, patient_id=row.document.patient_id, study_id=study_id(row))


# --- What the viewer asks for ---------------------------------------------------------------------------------------


def test_a_frame_comes_as_the_scanner_measured_it(shown: ImagingInstance, asha: User) -> None:
    answer = signed_in(asha).get(reverse("imaging-frame", args=[_token(asha, shown), shown.id, 0]))
    assert (answer.status_code, answer["Content-Encoding"], answer["Cache-Control"]) == (
        200,
        "gzip",
        "private, no-store",
    )
    values = np.frombuffer(gzip.decompress(answer.content), "<i2").reshape(128, 128)
    assert np.array_equal(values, pydicom.dcmread(own("CT_small.dcm")).pixel_array)


def test_a_loop_gives_each_of_its_frames(add_document: AddDocument, asha: User) -> None:
    row = looked_at(add_document(image("rtdose.dcm"), category="imaging"))
    client, token = signed_in(asha), _token(asha, row)
    frames = [client.get(reverse("imaging-frame", args=[token, row.id, n])).content for n in range(15)]
    assert len(set(frames)) == 15
    assert client.get(reverse("imaging-frame", args=[token, row.id, 15])).status_code == 404


def test_the_manifest_says_what_drawing_needs(shown: ImagingInstance, asha: User) -> None:
    answer = signed_in(asha).get(reverse("imaging-manifest", args=[_token(asha, shown)]))
    (series,) = answer.json()["series"]
    (one,) = series["images"]
    assert one["display"]["intercept"] == -1024
    assert (one["format"], one["frames"], one["edges"]["left"]) == ("s16", 1, "R")
    assert "RAO" not in answer.content.decode().upper()


@pytest.mark.parametrize("name", ["imaging-manifest", "imaging-preview", "imaging-frame"])
def test_an_outsider_gets_404_for_anothers_images(name: str, shown: ImagingInstance, asha: User, dan: User) -> None:
    """With Asha's own token, and with one that names Dan and was signed by a mistake of ours."""
    for token in (_token(asha, shown), _token(dan, shown)):
        arguments: dict[str, list[object]] = {"imaging-manifest": [token], "imaging-preview": [token, shown.id]}
        path = reverse(name, args=arguments.get(name, [token, shown.id, 0]))
        assert signed_in(dan).get(path).status_code == 404
        assert Client().get(path).status_code == 302


def test_a_forged_token_and_one_that_is_over_open_nothing(
    shown: ImagingInstance, asha: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, token = signed_in(asha), _token(asha, shown)
    assert client.get(reverse("imaging-manifest", args=[token[:-2] + "xx"])).status_code == 404
    monkeypatch.setattr(gate, "SECONDS", -1)
    assert client.get(reverse("imaging-manifest", args=[token])).status_code == 403


def test_a_right_that_ends_ends_frames_within_seconds(
    shown: ImagingInstance, dr_bose: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, token = signed_in(dr_bose), _token(dr_bose, shown)
    path = reverse("imaging-frame", args=[token, shown.id, 0])
    monkeypatch.setattr(gate, "RECHECK", 0)
    assert client.get(path).status_code == 200
    CareRelation.objects.all().delete()
    assert client.get(path).status_code == 404


def test_a_token_of_one_examination_opens_no_other(
    shown: ImagingInstance, add_document: AddDocument, asha: User
) -> None:
    other = looked_at(add_document(image(study="1.2.3.8"), category="imaging"))
    path = reverse("imaging-frame", args=[_token(asha, shown), other.id, 0])
    assert signed_in(asha).get(path).status_code == 404


def test_what_is_held_is_not_shown_by_any_token(add_document: AddDocument, asha: User) -> None:
    row = looked_at(add_document(image(name="MARTIN^PAUL"), category="imaging"))
    token = gate.token(asha, patient_id=row.document.patient_id, instance_id=row.id)
    client = signed_in(asha)
    assert client.get(reverse("imaging-preview", args=[token, row.id])).status_code == 404
    assert client.get(reverse("imaging-preview", args=[_token(asha, row), row.id])).status_code == 404


def test_frames_cost_few_queries_and_no_entry_in_the_log(
    shown: ImagingInstance, asha: User, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    client, token = signed_in(asha), _token(asha, shown)
    path = reverse("imaging-frame", args=[token, shown.id, 0])
    client.get(path)
    before = AccessEntry.objects.count()
    with django_assert_max_num_queries(7):
        client.get(path)
    assert AccessEntry.objects.count() == before


# --- The portal -----------------------------------------------------------------------------------------------------


def test_the_patient_opens_her_images_which_is_written_down_once(shown: ImagingInstance, asha: User) -> None:
    client = signed_in(asha)
    listing = client.get(reverse("images"))
    assert "Scanner thoracique" in listing.content.decode()
    before = AccessEntry.objects.count()
    page = client.get(reverse("images-study", args=[study_id(shown)]))
    assert page.status_code == 200
    assert page["Cache-Control"] == "private, no-store"
    assert b"data-viewer=" in page.content
    (entry,) = AccessEntry.objects.order_by("id")[before:]
    assert (entry.action, entry.resource, entry.resource_id) == ("view", "imaging-study", str(study_id(shown)))


def test_an_outsider_finds_neither_list_nor_examination(
    shown: ImagingInstance, dan: User, dan_card: PatientCard
) -> None:
    client = signed_in(dan)
    assert "Scanner thoracique" not in client.get(reverse("images")).content.decode()
    assert client.get(reverse("images-study", args=[study_id(shown)])).status_code == 404


def test_a_patient_without_images_reads_so(asha: User, asha_card: PatientCard) -> None:
    assert "empty-title" in signed_in(asha).get(reverse("images")).content.decode()


def test_the_page_of_a_document_leads_to_the_viewer(shown: ImagingInstance, asha: User, dr_bose: User) -> None:
    address = reverse("images-study", args=[study_id(shown)])
    assert address in signed_in(asha).get(reverse("document-view", args=[shown.document_id])).content.decode()
    page = signed_in(dr_bose).get(reverse("admin:documents_document_change", args=[shown.document_id]))
    assert (
        reverse("admin:documents_images_study", args=[shown.document.patient_id, study_id(shown)])
        in page.content.decode()
    )


def test_a_patient_waits_for_an_image_until_it_is_compared(
    add_document: AddDocument, asha: User, dr_bose: User
) -> None:
    document = add_document(image(), category="imaging")
    path = reverse("document", args=[document.id])
    assert signed_in(asha).get(path, follow=False).status_code != 302
    looked_at(document)
    assert signed_in(asha).get(path).status_code == 302


# --- Staff ----------------------------------------------------------------------------------------------------------


def test_staff_open_the_viewer_in_the_patients_frame(shown: ImagingInstance, dr_bose: User, nurse_chen: User) -> None:
    patient_id = shown.document.patient_id
    for user, copies_offered in ((dr_bose, True), (nurse_chen, False)):
        client = signed_in(user)
        listing = client.get(reverse("admin:documents_images", args=[patient_id])).content.decode()
        assert "Scanner thoracique" in listing
        address = reverse("admin:documents_image_copy_ask", args=[patient_id, study_id(shown)])
        assert (address in listing) is copies_offered
        page = client.get(reverse("admin:documents_images_study", args=[patient_id, study_id(shown)]))
        assert b"data-viewer=" in page.content
        assert "Asha Rao" in page.content.decode()


@pytest.mark.parametrize(("who", "status"), [("rita", 403), ("carol", 403), ("alice", 403)])
def test_offices_do_not_see_images(
    who: str, status: int, request: pytest.FixtureRequest, shown: ImagingInstance
) -> None:
    client = signed_in(request.getfixturevalue(who))
    patient_id = shown.document.patient_id
    for name, arguments in (
        ("documents_images", [patient_id]),
        ("documents_images_study", [patient_id, study_id(shown)]),
        ("documents_image_copy_ask", [patient_id, study_id(shown)]),
    ):
        assert client.get(reverse(f"admin:{name}", args=arguments)).status_code == status, name


def test_a_doctor_decides_whose_an_image_is(add_document: AddDocument, dr_bose: User) -> None:
    row = looked_at(add_document(image(name="MARTIN^PAUL"), category="imaging"))
    client, patient_id = signed_in(dr_bose), row.document.patient_id
    path = reverse("admin:documents_image_review", args=[row.id])
    assert path in client.get(reverse("admin:documents_images", args=[patient_id])).content.decode()
    assert path in client.get(reverse("admin:documents_imaginginstance_changelist")).content.decode()
    page = client.get(path).content.decode()
    assert "MARTIN PAUL" in page
    assert "Asha Rao" in page
    # A tab that was left open on another patient decides nothing.
    wrong = client.post(path, {"belongs": "yes", "patient_id": str(row.id)})
    assert wrong.status_code == 409
    assert client.post(path, {"belongs": "perhaps", "patient_id": str(patient_id)}).status_code == 403
    assert client.post(path, {"belongs": "yes", "patient_id": str(patient_id)}).status_code == 302
    row.refresh_from_db()
    assert (row.review, row.reviewed_by) == ("belongs", dr_bose)
    assert client.get(path).status_code == 200


def test_a_doctor_asks_for_a_copy_looks_and_downloads(add_document: AddDocument, dr_bose: User) -> None:
    row = looked_at(add_document(image(BurnedInAnnotation="YES"), category="imaging"))
    client, patient_id = signed_in(dr_bose), row.document.patient_id
    path = reverse("admin:documents_image_copy_ask", args=[patient_id, study_id(row)])
    assert client.get(path).status_code == 200
    assert b"errorlist" in client.post(path, {"patient_id": str(patient_id), "reason": " "}).content
    asked = client.post(path, {"patient_id": str(patient_id), "reason": "Cours d’anatomie"})
    copy = ImagingCopy.objects.get()
    page = reverse("admin:documents_image_copy", args=[copy.id])
    assert asked["Location"] == page
    assert client.get(page).status_code == 200
    copies.make_copy(copy.id)
    assert reverse("imaging-preview", args=["x", row.id]).split("/x/")[1] in client.get(page).content.decode()
    fetch = reverse("admin:documents_image_copy_download", args=[copy.id])
    assert client.get(fetch)["Location"] == page
    client.post(page, {"patient_id": str(patient_id), "clean": "yes"})
    answer = download(client.get(fetch)["Location"])
    assert io.BytesIO(answer.content).read(2) == b"PK"


def test_one_does_not_get_anothers_copy(shown: ImagingInstance, dr_bose: User, nurse_chen: User, dan: User) -> None:
    copy_id = copies.request_copy(
        actor=dr_bose, patient_id=shown.document.patient_id, study_id=study_id(shown), reason="Cours"
    )
    for name in ("documents_image_copy", "documents_image_copy_download"):
        assert signed_in(nurse_chen).get(reverse(f"admin:{name}", args=[copy_id])).status_code == 404
        assert signed_in(dan).get(reverse(f"admin:{name}", args=[copy_id])).status_code in (302, 403, 404)


def test_tokens_are_signed_for_this_use_alone(shown: ImagingInstance, asha: User) -> None:
    other = signing.dumps({"u": str(asha.id), "p": str(shown.document.patient_id), "s": "", "i": ""}, salt="another")
    assert signed_in(asha).get(reverse("imaging-manifest", args=[other])).status_code == 404
