"""What this room may refuse."""

from __future__ import annotations

from chandlery.kernel.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Limited,
    NotFound,
    Unauthenticated,
    Unavailable,
)


class OrganizationUnknown(NotFound):
    """There is no such organisation; check the id."""


class OrganizationUnfit(Invalid):
    """The organisation cannot be saved like this; see the problems listed."""


class ParentUnfit(Invalid):
    """An organisation of this kind cannot stand below that one; see the problem listed."""


class ParentInactive(Conflict):
    """The organisation above is suspended or closed; reactivate it first."""


class OrganizationClosed(Conflict):
    """This organisation is closed for good; add a new one."""


class OwnOrganization(Forbidden):
    """You cannot change the status or edition of your own organisation; ask the organisation above it."""


class PathTaken(Conflict):
    """A random name inside the tree was taken already; repeat the same request."""

    retry_after_seconds = 1


class MasterKeyUnfit(Invalid):
    """The master key is too short to be secret; set CHANDLERY_SECRET_KEY to at least 32 random characters."""


class MasterKeyWrong(Unavailable):
    """Stored secrets were sealed under another master key; start with the CHANDLERY_SECRET_KEY or secret.key of old."""


class PasswordUnfit(Invalid):
    """This password is too easy to guess; see the problems listed."""


class RoleUnknown(NotFound):
    """There is no such role in this organisation; check its name or id."""


class RoleUnfit(Invalid):
    """The role cannot be saved like this; see the problems listed."""


class RoleNameTaken(Conflict):
    """The organisation has a role of this name; choose another name or change that role."""


class RoleInUse(Conflict):
    """Somebody has this role; give them another one first."""


class RoleExceedsYours(Forbidden):
    """This concerns permissions that you do not have yourself; ask somebody who has them."""


class UserUnknown(NotFound):
    """There is no such user; check the id."""


class UserUnfit(Invalid):
    """The user cannot be saved like this; see the problems listed."""


class EmailTaken(Conflict):
    """A user with this e-mail address exists; use another address."""


class UsernameTaken(Conflict):
    """A user with this user name exists; choose another name."""


class UserBelongsElsewhere(Conflict):
    """This user belongs to other organisations too; remove the memberships you can see instead."""


class MembershipUnknown(NotFound):
    """There is no such membership; check the id."""


class MemberAlready(Conflict):
    """This user is a member of the organisation already; change that membership's role instead."""


class OwnMembership(Forbidden):
    """You cannot change your own membership; ask another administrator."""


class ClientUnknown(NotFound):
    """There is no such API client; check the id."""


class ClientUnfit(Invalid):
    """The API client cannot be saved like this; see the problems listed."""


class ClientIsPublic(Conflict):
    """A public API client has no secret; add one that is not public."""


class ChannelUnknown(NotFound):
    """There is no such channel; check the id."""


class ChannelUnfit(Invalid):
    """The channel cannot be saved like this; see the problems listed."""


class ChannelNumberTaken(Conflict):
    """Another channel has this number; choose another, or leave it out to get the next one."""


class ChannelIsDefault(Conflict):
    """This channel takes the orders that name none, so it stays open; make another one the default first."""


class CredentialsWrong(Unauthenticated):
    """The name or password is wrong; check both and try again."""


class ClientCredentialsWrong(Unauthenticated):
    """The client id or client secret is wrong, or the client is disabled; check both."""


class SignInLocked(Limited):
    """Too many wrong passwords for this name; wait as long as Retry-After says."""

    retry_after_seconds = 30


class GrantNotAllowed(Forbidden):
    """This API client may not use this grant; allow it in the client's settings or use another client."""


class ScopeUnknown(Invalid):
    """No such permission, or not one of this client's; leave scope out to get all that there are."""


class RefreshTokenWrong(Unauthenticated):
    """This refresh token is unknown, used or ended; sign in again."""


class RefreshTokenReused(RefreshTokenWrong):
    """This refresh token was used before, so the session was ended for safety; sign in again."""


class TokenInvalid(Unauthenticated):
    """The access token is not one of ours, not for this API, or has expired; ask for a new one."""


class OwnPasswordOnly(Forbidden):
    """People change their own password, signed in as themselves; nobody else can."""


class PeopleOnly(Forbidden):
    """This is for people, about themselves; sign in as a person and ask again."""


class InvitationUnknown(NotFound):
    """There is no such invitation; check the id."""


class InvitationUnfit(Invalid):
    """The invitation cannot be sent like this; see the problems listed."""


class InvitedAlready(Conflict):
    """This address is invited to the organisation already; send that invitation again or revoke it."""


class InvitationClosed(Conflict):
    """This invitation was accepted or revoked; send a new one."""


class TokenSpent(NotFound):
    """This link is unknown, was used, or has expired; ask for a new one."""


class SecondFactorNeeded(Unauthenticated):
    """This account has a second factor, which cannot be shown here; sign in with a browser, or use a personal token."""


class SecondFactorWrong(Unauthenticated):
    """This code is wrong or was used before; enter the one that your app shows now, or a recovery code."""


class SecondFactorThere(Conflict):
    """This account has a second factor already; remove it first."""


class SecondFactorMissing(NotFound):
    """This account has no second factor; set one up first."""


class GroupUnknown(NotFound):
    """There is no such group; check the id."""


class GroupUnfit(Invalid):
    """The group cannot be saved like this; see the problems listed."""


class GroupNameTaken(Conflict):
    """The organisation has a group of this name; choose another name."""


class GroupMemberElsewhere(Conflict):
    """This user is no member of the group's organisation; add the membership first."""


class PersonalTokenUnknown(NotFound):
    """There is no such personal token of yours; check the id."""


class PersonalTokenUnfit(Invalid):
    """The personal token cannot be made like this; see the problems listed."""


class IdentityProviderUnknown(NotFound):
    """There is no such identity provider; check the id."""


class IdentityProviderUnfit(Invalid):
    """The identity provider cannot be saved like this; see the problems listed."""


class DomainTaken(Conflict):
    """Another identity provider speaks for one of these domains; take the domain from that one first."""


class NobodyThere(Forbidden):
    """Your organisation's provider knows you, but you are no member here; ask to be invited."""
