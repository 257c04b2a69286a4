from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import BaseUserCreationForm, UserChangeForm
from django.utils.translation import gettext_lazy as _

from medisecure.accounts.models import User


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
        from medisecure.accounts.roles import LABELS

        known = {role.value: label for role, label in LABELS.items()}
        return ", ".join(str(known.get(group.name, group.name)) for group in user.groups.all())

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).prefetch_related("groups")
