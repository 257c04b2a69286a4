"""Pages of billing that are no change form: a question with its form, in one frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.functional import Promise

from medisecure.accounts.models import User
from medisecure.kernel.errors import DomainError, NotFound, Refused

Text = str | Promise


def actor_of(request: HttpRequest) -> User:
    return cast(User, request.user)


class Frames:
    """Mixed into an admin; a page's crumbs lead back to that admin's list."""

    admin_site: admin.AdminSite
    opts: Any

    def framed(
        self, request: HttpRequest, template: str, *, title: Text, status: int = HTTPStatus.OK, **context: Any
    ) -> TemplateResponse:
        base = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "subtitle": None}
        return TemplateResponse(request, f"admin/billing/books/{template}.html", base | context, status=status)

    def asked(
        self,
        request: HttpRequest,
        *,
        title: Text,
        text: Text,
        button: Text,
        form_class: type[forms.Form],
        act: Callable[[Any], str],
        then: str,
        initial: dict[str, Any] | None = None,
        facts: Sequence[tuple[Text, Text]] = (),
    ) -> HttpResponse:
        """Show the question; on POST do it, say what was done and go on to `then`, or show why not."""
        lines: Sequence[str] = ()
        form = form_class(request.POST) if request.method == "POST" else form_class(initial=initial)
        if request.method == "POST" and form.is_valid():
            try:
                done = act(form)
            except (NotFound, Refused):
                raise
            except DomainError as error:
                lines = [] if error.errors else [error.message]
                for field, texts in error.errors.items():
                    if field in form.fields:
                        form.add_error(field, [str(text) for text in texts])
                    else:
                        lines += [str(text) for text in texts]
            else:
                messages.success(request, done)
                return HttpResponseRedirect(then)
        return self.framed(
            request,
            "question",
            title=title,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if lines or form.errors else HTTPStatus.OK,
            text=text,
            button=button,
            form=form,
            faults=lines,
            facts=facts,
            back=then,
        )
