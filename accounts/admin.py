"""Django's admin of accounts: each page shows what its actor may see, each write is a service.

Rights come from the actor's scopes (``ActingMiddleware``), never from Django's permissions.
Subjects of records appear nowhere here.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.authentication import actor_of
from accounts.core.identifiers import EMAIL_LENGTH_MAX, IdentifierError, parse_email
from accounts.core.scopes import Scope
from accounts.models import ApiKey, Credential, Membership, Organisation, User
from accounts.networks import NetworkError, parse_network
from accounts.services import (
    api_key_create,
    api_key_revoke,
    membership_grant,
    membership_revoke,
    user_create,
)
from foundation.core.actor import ActorKind, Role
from foundation.core.problem import UnauthenticatedError

if TYPE_CHECKING:  # generic for the type checker only
    _ModelAdmin = admin.ModelAdmin[Any]
    _ModelForm = forms.ModelForm[Any]
else:
    _ModelAdmin, _ModelForm = admin.ModelAdmin, forms.ModelForm

ROLES = [(role.value, role.value) for role in Role if role is not Role.PATIENT]
SCOPES = [(scope.value, scope.value) for scope in Scope]


class ActingAdmin(_ModelAdmin):
    """Read by staff with ``accounts:read``, added to with ``accounts:write``, never changed."""

    addable: ClassVar[bool] = False
    changeable: ClassVar[bool] = False
    deletable: ClassVar[bool] = False
    list_select_related: ClassVar[tuple[str, ...] | bool] = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return whether the index lists accounts."""
        return _has(request, Scope.ACCOUNTS_READ)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Return whether the actor reads accounts."""
        return _has(request, Scope.ACCOUNTS_READ)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the actor may add one."""
        return self.addable and _has(request, Scope.ACCOUNTS_WRITE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Return whether the actor may change one."""
        return self.changeable and _has(request, Scope.ACCOUNTS_WRITE)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Return whether the actor may delete one."""
        return self.deletable and _has(request, Scope.ACCOUNTS_WRITE)


def _has(request: HttpRequest, scope: Scope) -> bool:
    """Return whether the person acts for an organisation, with this scope."""
    try:
        actor = actor_of(request)
    except UnauthenticatedError:
        return False
    return actor.kind is ActorKind.ORGANISATION and scope in actor.scopes


class UserForm(_ModelForm):
    """A new colleague, with roles in the acting organisation."""

    email = forms.CharField(max_length=EMAIL_LENGTH_MAX)
    password = forms.CharField(widget=forms.PasswordInput, strip=False)
    roles = forms.MultipleChoiceField(choices=ROLES, widget=forms.CheckboxSelectMultiple)

    class Meta:
        """What the row holds of it."""

        model = User
        fields = ("email", "name", "is_staff", "password")

    def clean_email(self) -> str:
        """Return the address as it is kept."""
        try:
            return parse_email(self.cleaned_data["email"])
        except IdentifierError as error:
            raise ValidationError(error.detail) from error


@admin.register(User)
class UserAdmin(ActingAdmin):
    """People who share the acting organisation."""

    addable = True
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    search_fields = ("email", "name")
    view_fields = ("email", "name", "is_active", "is_staff", "last_login", "created_at")
    ordering = ("email",)

    def get_form(
        self,
        request: HttpRequest,
        obj: User | None = None,
        change: bool = False,  # noqa: FBT001, FBT002 - Django's
        **kwargs: Any,
    ) -> type[_ModelForm]:
        """Return the form of a new person, or none to fill in."""
        return super().get_form(request, obj, change, **kwargs) if obj else UserForm

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:  # noqa: ARG002 - Django's
        """Return what a page shows; a password's hash never."""
        return self.view_fields if obj else ("email", "name", "is_staff", "password", "roles")

    def save_model(
        self,
        request: HttpRequest,
        obj: User,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's
    ) -> None:
        """Make the account and the membership."""
        assert not change
        actor, now, data = actor_of(request), timezone.now(), form.cleaned_data
        user_create(
            actor=actor,
            user_id=obj.pk,
            email=data["email"],
            name=data["name"],
            password=data["password"],
            is_staff=data["is_staff"],
            now=now,
        )
        membership_grant(
            actor=actor,
            user_id=obj.pk,
            organisation_id=actor.organisation,
            roles=[Role(role) for role in data["roles"]],
            now=now,
        )


@admin.register(Organisation)
class OrganisationAdmin(ActingAdmin):
    """Members of the channel; the log says who they are."""

    list_display = ("name", "kind", "gln", "id")
    list_filter = ("kind",)
    search_fields = ("name", "gln")
    fields = ("id", "name", "kind", "gln")
    ordering = ("name",)


@admin.register(Credential)
class CredentialAdmin(ActingAdmin):
    """Verified credentials; each is an entry in the log."""

    list_display = ("holder", "type", "value", "valid_from", "expires_on", "organisation")
    list_filter = ("type",)
    list_select_related = ("holder", "organisation")
    search_fields = ("value", "holder__name")
    fields = ("holder", "type", "value", "evidence", "valid_from", "expires_on", "organisation")


class MembershipForm(_ModelForm):
    """Roles by their names."""

    roles = forms.MultipleChoiceField(choices=ROLES, widget=forms.CheckboxSelectMultiple)

    class Meta:
        """A membership's person never changes."""

        model = Membership
        fields = ("user", "roles")


@admin.register(Membership)
class MembershipAdmin(ActingAdmin):
    """Who may do what in the acting organisation. New people are added under users."""

    changeable = True
    deletable = True
    form = MembershipForm
    list_display = ("user", "__str__", "granted_at")
    list_select_related = ("user",)
    readonly_fields = ("user",)

    def save_model(
        self,
        request: HttpRequest,
        obj: Membership,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's
    ) -> None:
        """Give the person these roles and no others."""
        assert change
        membership_grant(
            actor=actor_of(request),
            user_id=obj.user_id,
            organisation_id=obj.organisation_id,
            roles=[Role(role) for role in form.cleaned_data["roles"]],
            now=timezone.now(),
        )

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        """End the membership."""
        membership_revoke(
            actor=actor_of(request), user_id=obj.user_id, organisation_id=obj.organisation_id
        )

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        """End the memberships."""
        for row in queryset:
            self.delete_model(request, row)


def _expiry() -> AdminSplitDateTime:
    """Return the two fields of an expiry, each with a name of its own for those who hear it."""
    widget = AdminSplitDateTime()
    for part, name in zip(widget.widgets, ("Expiry date", "Expiry time, UTC"), strict=True):
        part.attrs["aria-label"] = name
    return widget


class ApiKeyForm(_ModelForm):
    """A new key; networks one to a line."""

    scopes = forms.MultipleChoiceField(choices=SCOPES, widget=forms.CheckboxSelectMultiple)
    networks = forms.CharField(widget=forms.Textarea, required=False)
    expires_at = forms.SplitDateTimeField(
        required=False, widget=_expiry(), label="Expires at (UTC)"
    )

    class Meta:
        """What is chosen of it."""

        model = ApiKey
        fields = ("name", "scopes", "networks", "expires_at")

    def clean_networks(self) -> list[str]:
        """Return the networks."""
        try:
            return [parse_network(line) for line in self.cleaned_data["networks"].split()]
        except NetworkError as error:
            raise ValidationError(error.detail) from error


@admin.register(ApiKey)
class ApiKeyAdmin(ActingAdmin):
    """API keys of the acting organisation; the text of a new one is shown once."""

    addable = True
    list_display = ("name", "prefix", "created_at", "expires_at", "revoked_at")
    view_fields = (
        "name",
        "prefix",
        "scopes",
        "networks",
        "created_at",
        "expires_at",
        "revoked_at",
    )
    actions = ("revoke",)

    def get_form(
        self,
        request: HttpRequest,
        obj: ApiKey | None = None,
        change: bool = False,  # noqa: FBT001, FBT002 - Django's
        **kwargs: Any,
    ) -> type[_ModelForm]:
        """Return the form of a new key, or none to fill in."""
        return super().get_form(request, obj, change, **kwargs) if obj else ApiKeyForm

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:  # noqa: ARG002 - Django's
        """Return what a page shows; the secret's hash never."""
        return self.view_fields if obj else ("name", "scopes", "networks", "expires_at")

    def save_model(
        self,
        request: HttpRequest,
        obj: ApiKey,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's
    ) -> None:
        """Make the key, and show its text this once."""
        assert not change
        data = form.cleaned_data
        info, text = api_key_create(
            actor=actor_of(request),
            name=data["name"],
            scopes=data["scopes"],
            networks=data["networks"],
            expires_at=data["expires_at"],
            now=timezone.now(),
        )
        obj.pk, obj.prefix = info.id, info.prefix
        messages.warning(request, f"Copy this key now, it is not shown again: {text}")

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Revoke keys."""
        for row in queryset:
            api_key_revoke(actor=actor_of(request), api_key_id=row.pk, now=timezone.now())
        messages.success(request, "The selected keys open nothing any more.")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Return whether the actor may revoke keys."""
        return _has(request, Scope.ACCOUNTS_WRITE)


# Roles of memberships take the place of Django's groups.
admin.site.unregister(Group)
