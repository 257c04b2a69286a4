from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import BaseUserCreationForm, UserChangeForm
from django.utils.translation import gettext_lazy as _

from medisecure.accounts.models import User


def _role_name(group: Any) -> str:
    """A group's name as people say it; groups that are no roles keep theirs."""
    from medisecure.accounts.roles import LABELS

    return next((str(label) for role, label in LABELS.items() if role.value == group.name), str(group.name))


class NewUserForm(BaseUserCreationForm[User]):
    class Meta:
        model = User
        fields = ("email", "full_name")


class EditUserForm(UserChangeForm[User]):
    class Meta:
        model = User
        fields = "__all__"


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    form = EditUserForm
    add_form = NewUserForm
    ordering: ClassVar[Any] = ["full_name"]
    list_display = ("full_name", "email", "role_names", "is_active", "last_login")
    list_filter = ("groups", "is_active")
    search_fields = ("full_name", "email")
    filter_horizontal = ("groups",)
    readonly_fields = ("last_login", "created_at")
    fieldsets = (
        (None, {"fields": ("full_name", "email", "language", "password")}),
        (_("Rights"), {"fields": ("is_active", "is_staff", "groups")}),
        (_("Dates"), {"fields": ("last_login", "created_at")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("full_name", "email", "password1", "password2")}),)

    @admin.display(description=_("roles"))
    def role_names(self, user: User) -> str:
        return ", ".join(_role_name(group) for group in user.groups.all())

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is not None and db_field.name == "groups":
            field.label_from_instance = _role_name
        return field

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).prefetch_related("groups")
