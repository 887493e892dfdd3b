"""Staff accounts on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.cli.answers import Answer, person
from lib.cli.staff import new_password, password_again, signed_in
from lib.domain.actors import Actor, Permission
from lib.domain.admin_changes import AdminProposal
from lib.domain.identity import visible

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments
    from lib.store.users import User

_WAITS = (
    "Another admin has to agree: “admin-changes list” shows it, “admin-changes agree ID” does it."
)


def add(services: Services, arguments: Arguments, _: Actor | None) -> Answer:
    by = signed_in(arguments, services) if arguments.as_ is not None else None
    user = services.users.add(
        arguments.name,
        name=arguments.full_name,
        email=arguments.email,
        roles=arguments.roles,
        password=new_password(arguments.name),
        by=by,
    )
    roles = services.admin_proposals.roles_waiting(user.username)
    answer = _user_answer(user, "Added")
    if roles is None:
        return answer
    return Answer(answer.data | waiting(services, roles).data, [*answer.lines, _WAITS])


def listing(services: Services, _: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.MANAGE_USERS)
    users, linked = services.users.list(), services.single_sign_on.identities()
    subjects = {name: identity.subject for name, identity in linked.items()}
    return Answer(
        {
            "users": [
                _user_object(user) | {"sso_subject": subjects.get(user.username)} for user in users
            ]
        },
        [
            f"{user.username:<20} {' '.join(sorted(user.roles)):<30} {user.email}"
            + ("" if user.is_active else "  (disabled)")
            for user in users
        ],
    )


def disable(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    name = visible(arguments.name)
    if arguments.on_this_host:
        return _user_answer(services.users.disable_on_this_host(name), "Disabled")
    made = services.users.disable(name, by=person(actor))
    return _made(services, made, "Disabled")


def roles(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    made = services.users.set_roles(visible(arguments.name), arguments.roles, by=person(actor))
    return _made(services, made, "Set the roles of")


def vouch(services: Services, arguments: Arguments, _: Actor | None) -> Answer:
    user = services.account_changes.vouch_on_this_host(arguments.name)
    return _user_answer(user, "All admins are told that you vouched for")


def set_password(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    user = services.users.set_password(
        visible(arguments.name), new_password(arguments.name), by=person(actor)
    )
    return _user_answer(user, "New password set for")


def unlock(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    user = services.users.unlock(visible(arguments.name), by=person(actor))
    return _user_answer(user, "Forgot the wrong sign-ins of")


def reset(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    made = services.second_factors.reset(visible(arguments.name), by=person(actor))
    return _made(services, made, "Removed the second factor of")


def link_sso(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    name, by = visible(arguments.name), person(actor)
    if arguments.by_email:
        made = services.single_sign_on.expect(name, by=by)
        return _made(services, made, "The first sign-in with the same verified address links")
    made = services.single_sign_on.link(name, arguments.subject, by=by)
    return _made(services, made, "Linked")


def unlink_sso(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    made = services.single_sign_on.unlink(visible(arguments.name), by=person(actor))
    return _made(services, made, "Unlinked")


def recover(services: Services, arguments: Arguments, _: Actor | None) -> Answer:
    user, address = services.invitations.recover(visible(arguments.name))
    return Answer(
        {"user": _user_object(user), "url": address},
        [f"{user.username} chooses a new password with this address, once: {address}"],
    )


def invite(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    address = services.invitations.invite(visible(arguments.name), by=person(actor))
    if isinstance(address, AdminProposal):
        return waiting(services, address)
    return Answer(
        {"url": address}, [f"Send this to {arguments.name}, and to nobody else: {address}"]
    )


def waiting(services: Services, proposal: AdminProposal) -> Answer:
    """What another admin has to agree to before it is done."""
    return Answer({"waiting": _proposal_object(services, proposal)}, [_WAITS])


def changes(services: Services, _: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.MANAGE_USERS)
    proposals = services.admin_proposals.to_decide(by=person(actor))
    rows = [_proposal_object(services, one) for one in proposals]
    return Answer(
        {"changes": rows}, [f"{row['change_id']}  {row['change']} ({row['by']})" for row in rows]
    )


def agree(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    agreed = services.admin_proposals.agree(
        arguments.change, by=person(actor), password=password_again(arguments)
    )
    address = agreed.invitation
    lines = [f"Done: {services.admin_proposals.in_words(agreed.proposal)}."]
    if address is not None:
        lines.append(f"Send this to the person, and to nobody else: {address}")
    return Answer({**_proposal_object(services, agreed.proposal), "url": address}, lines)


def disagree(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    proposal = services.admin_proposals.reject(
        arguments.change, by=person(actor), password=password_again(arguments)
    )
    return Answer(_proposal_object(services, proposal), ["Rejected. Nothing was changed."])


def withdraw(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    proposal = services.admin_proposals.withdraw(arguments.change, by=person(actor))
    return Answer(_proposal_object(services, proposal), ["Taken back. Nothing was changed."])


def _proposal_object(services: Services, proposal: AdminProposal) -> dict[str, object]:
    return {
        "change_id": proposal.id,
        "change": services.admin_proposals.in_words(proposal),
        "by": proposal.proposed_by,
        "at": proposal.proposed_at,
    }


def _made(services: Services, made: User | AdminProposal, verb: str) -> Answer:
    if isinstance(made, AdminProposal):
        user = services.users.find(made.change.subject)
        return Answer(
            {"user": _user_object(user) if user else None} | waiting(services, made).data, [_WAITS]
        )
    return _user_answer(made, verb)


def _user_object(user: User) -> dict[str, object]:
    return {
        "name": user.username,
        "full_name": user.name,
        "email": user.email,
        "roles": sorted(user.roles),
        "active": user.is_active,
    }


def _user_answer(user: User, verb: str) -> Answer:
    return Answer({"user": _user_object(user)}, [f"{verb} {user.username}."])
