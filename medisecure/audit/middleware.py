from __future__ import annotations

from collections.abc import Callable

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from medisecure.audit.interface import current_address


class AddressMiddleware:
    """Makes the caller's address known to the access log, read as the sign-in limits read it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            address = get_adapter().get_client_ip(request)
        except PermissionDenied:
            # The request did not come through the proxies it should have: it has no address we can believe.
            address = None
        token = current_address.set(address)
        try:
            return self.get_response(request)
        finally:
            current_address.reset(token)
