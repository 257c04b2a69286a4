"""Language, refusals, sign-in pages, and the content security policy on every face."""

from __future__ import annotations

import time
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.test import Client, RequestFactory, override_settings
from django.urls import include, path, reverse
from django.utils import translation

from medisecure.accounts.models import User
from medisecure.errors import DomainErrorMiddleware
from medisecure.kernel.errors import Busy, Invalid, SlotTaken
from patients.interface import PatientCard
from tests.cast import ALL_DATABASES, PASSWORD
from tests.portal.conftest import browser
from tests.portal.pages import Page, faults

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


# --- language ---------------------------------------------------------------------------------------------------------


def test_switch_of_somebody_signed_in_is_kept_with_the_account(asha: User, asha_card: PatientCard) -> None:
    client = browser(asha, "fr")
    response = client.post("/language/", {"language": "en", "next": "/appointments/"})
    assert response["Location"] == "/appointments/"
    asha.refresh_from_db()
    assert asha.language == "en"
    # A browser drops a cookie that has expired; Django's test client keeps it, empty.
    assert client.cookies.pop("medisecure_language")["max-age"] == 0
    assert Page(client.get("/")).language == "en"


def test_switch_before_the_sign_in_is_kept_in_the_browser(client: Client) -> None:
    client.post("/language/", {"language": "en", "next": "/accounts/login/"})
    assert Page(client.get("/accounts/login/")).language == "en"
    client.post("/language/", {"language": "fr", "next": "/accounts/login/"})
    assert Page(client.get("/accounts/login/")).language == "fr"


def test_french_is_the_language_of_who_says_nothing(client: Client) -> None:
    assert Page(client.get("/accounts/login/")).language == "fr"


@pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_switch_leads_nowhere_else(client: Client, address: str) -> None:
    assert client.post("/language/", {"language": "en", "next": address})["Location"] == "/"


def test_unknown_language_changes_nothing(asha: User) -> None:
    browser(asha).post("/language/", {"language": "tlh", "next": "/"})
    asha.refresh_from_db()
    assert asha.language == "fr"


def test_switch_is_no_link(client: Client) -> None:
    assert client.get("/language/").status_code == 405


def test_profile_saves_the_language(asha: User, asha_card: PatientCard) -> None:
    client = browser(asha)
    assert client.post("/profile/", {"language": "en"}).status_code == 302
    asha.refresh_from_db()
    assert asha.language == "en"
    response = client.post("/profile/", {"language": "xx"})
    assert response.status_code == 200
    assert faults(Page(response)) == []


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "429", "500"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_error_pages_stand_alone(name: str, language: str, django_assert_num_queries: Any) -> None:
    with translation.override(language), django_assert_num_queries(0):
        page = Page(HttpResponse(render_to_string(f"{name}.html")))
    assert faults(page) == []
    assert page.language == language


def test_unknown_address_is_our_404(client: Client) -> None:
    response = client.get("/nothing-here/")
    assert response.status_code == 404
    assert faults(Page(response)) == []


def test_expired_form_is_our_403(asha: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies["medisecure_language"] = "en"
    client.force_login(asha)
    response = client.post("/notices/")
    assert response.status_code == 403
    assert "This form has expired" in Page(response).text


@pytest.mark.parametrize("error", [SlotTaken(), Busy(), Invalid({"start": ["This time has passed."]})])
def test_refusal_that_no_page_caught_is_a_page(error: Any) -> None:
    middleware = DomainErrorMiddleware(lambda request: HttpResponse())
    request = RequestFactory().get("/")
    with translation.override("en"):
        response = middleware.process_exception(request, error)
        assert response is not None
        page = Page(response)
    assert response.status_code == error.status
    assert str(error.title) in page.text
    assert faults(page) == []


def _forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def _broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a fault")


urlpatterns = [path("forbidden/", _forbidden), path("broken/", _broken), path("", include("medisecure.urls"))]
handler403 = "medisecure.portal.errors.forbidden"
handler404 = "medisecure.portal.errors.not_found"
handler500 = "medisecure.portal.errors.fault"


@override_settings(ROOT_URLCONF="tests.portal.test_frame")
@pytest.mark.parametrize(("address", "status"), [("/forbidden/", 403), ("/broken/", 500)])
def test_handlers_answer_with_our_pages(address: str, status: int, asha: User) -> None:
    client = browser(asha)
    client.raise_request_exception = False
    response = client.get(address)
    assert response.status_code == status
    assert faults(Page(response)) == []
    assert "a fault" not in Page(response).text


# --- sign-in ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["account_login", "account_reset_password", "account_reset_password_done", "account_signup"]
)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_pages_before_the_sign_in(name: str, language: str) -> None:
    response = browser(language=language).get(reverse(name))
    assert response.status_code == 200
    assert faults(Page(response)) == []
    assert "Content-Security-Policy" in response.headers


def test_wrong_password_is_said_without_saying_which_accounts_exist(asha: User) -> None:
    texts = set()
    for email in (asha.email, "nobody@example.org"):
        response = browser().post("/accounts/login/", {"login": email, "password": "not the right one"})
        assert response.status_code == 200
        page = Page(response)
        assert faults(page) == []
        texts.add(page.text)
    assert len(texts) == 1


def test_sign_in_leads_home(asha: User, asha_card: PatientCard) -> None:
    response = browser().post("/accounts/login/", {"login": asha.email, "password": PASSWORD})
    assert response["Location"] == "/"


def reauthenticated(user: User) -> Client:
    client = browser()
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


@pytest.mark.parametrize(
    "name",
    [
        "account_logout",
        "account_change_password",
        "account_reauthenticate",
        "mfa_index",
        "mfa_activate_totp",
    ],
)
def test_pages_of_the_account(name: str, dr_bose: User) -> None:
    response = reauthenticated(dr_bose).get(reverse(name))
    assert response.status_code == 200, response
    assert faults(Page(response)) == []


def one_time_code(secret: str) -> str:
    """What an authenticator app shows now (RFC 6238)."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def test_second_factor_from_activation_to_its_codes(dr_bose: User) -> None:
    client = reauthenticated(dr_bose)
    response = client.get(reverse("mfa_activate_totp"))
    assert b'src="data:image/svg+xml;base64,' in response.content
    secret = response.context["form"].secret
    assert client.post(reverse("mfa_activate_totp"), {"code": one_time_code(secret)}).status_code == 302
    for name in ("mfa_index", "mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_deactivate_totp"):
        page = Page(client.get(reverse(name)))
        assert faults(page) == [], name
    # Signing in again asks for the code, on a page of ours.
    again = browser()
    response = again.post("/accounts/login/", {"login": dr_bose.email, "password": PASSWORD}, follow=True)
    assert response.redirect_chain[-1][0].startswith(reverse("mfa_authenticate"))
    assert faults(Page(response)) == []


# --- admin and API ----------------------------------------------------------------------------------------------------

ADMIN = [
    "admin:index",
    "admin:patients_patient_changelist",
    "admin:appointments_appointment_agenda",
    "admin:appointments_calendar_changelist",
    "admin:documents_document_changelist",
    "admin:billing_invoice_changelist",
    "admin:accounts_user_changelist",
    "admin:accounts_user_add",
    "admin:notifications_message_changelist",
    "admin:audit_accessentry_changelist",
]


@pytest.fixture
def chief(db: None) -> User:
    """Somebody whom every page of the admin is open to."""
    return User.objects.create_superuser("chief@example.org", PASSWORD, full_name="Chief")


@pytest.mark.parametrize("name", ADMIN)
def test_admin_obeys_the_policy(name: str, chief: User) -> None:
    response = browser(chief).get(reverse(name))
    assert response.status_code == 200
    assert "Content-Security-Policy" in response.headers
    assert Page(response).refused == []


def test_admin_shows_each_role_its_daily_work(rita: User, carol: User, alice: User, olga: User) -> None:
    def work(user: User) -> set[str]:
        return set(Page(browser(user).get("/admin/")).links)

    assert reverse("admin:appointments_appointment_day") in work(rita)
    assert reverse("admin:patients_patient_changelist") in work(rita)
    assert reverse("admin:billing_invoice_changelist") not in work(rita)
    assert reverse("admin:billing_invoice_changelist") in work(carol)
    assert reverse("admin:appointments_appointment_day") not in work(carol)
    assert reverse("admin:accounts_user_changelist") in work(alice)
    assert reverse("admin:audit_accessentry_changelist") in work(olga)


def test_admin_is_closed_to_patients(asha: User) -> None:
    assert browser(asha).get("/admin/").status_code in (302, 403)


def test_api_documentation_obeys_the_policy(client: Client) -> None:
    page = Page(client.get("/api/docs"))
    assert page.refused == []


def test_policy_allows_nothing_inline(client: Client) -> None:
    policy = client.get("/accounts/login/")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_check_itself_sees_what_is_inline() -> None:
    bad = HttpResponse(
        '<p style="color:red">a</p><script>1</script><style>p{}</style><a href="javascript:1">b</a>'
        '<button onclick="1">c</button><img src="https://elsewhere.example/x.png">'
    )
    assert len(Page(bad).refused) == 6
