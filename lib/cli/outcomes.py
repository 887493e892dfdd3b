"""Outcomes that no evidence settles, of charges and of refunds: one person proposes, somebody else agrees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from lib.cli.answers import Answer, Command, person
from lib.cli.staff import password_again
from lib.domain.actors import Actor, Permission

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments
    from lib.domain.manual_outcomes import ManualOutcomeState


class Proposal(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def state(self) -> ManualOutcomeState: ...
    @property
    def outcome(self) -> StrEnum: ...
    @property
    def reason(self) -> str: ...
    @property
    def proposed_by(self) -> str: ...
    @property
    def decided_by(self) -> str | None: ...


P = TypeVar("P", bound=Proposal)
P_co = TypeVar("P_co", bound=Proposal, covariant=True)


class Decisions(Protocol[P_co]):
    def approve(self, proposal_id: str, *, by: Actor, password: str) -> P_co: ...
    def reject(self, proposal_id: str, *, by: Actor, password: str, note: str) -> P_co: ...
    def withdraw(self, proposal_id: str, *, by: Actor) -> P_co: ...


@dataclass(frozen=True, slots=True)
class OutcomeCommands(Generic[P]):
    """The four commands of `noun`: settle, agree, disagree and withdraw."""

    noun: str
    propose: Callable[[Services, Arguments, Actor], P]
    decisions: Callable[[Services], Decisions[P]]
    subject: Callable[[Services, P, Actor], tuple[dict[str, object], str]]
    """What a proposal is of: its fields, and its line."""

    def commands(self) -> dict[str, Command]:
        return {
            f"{self.noun} settle": Command(self._settle, Permission.CHARGE),
            f"{self.noun} agree": Command(self._agree, Permission.APPROVE),
            f"{self.noun} disagree": Command(self._disagree, Permission.APPROVE),
            f"{self.noun} withdraw": Command(self._withdraw, Permission.CHARGE),
        }

    def _settle(self, services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
        by = person(actor)
        proposal = self.propose(services, arguments, by)
        next_step = f"Somebody else agrees to it: {self.noun} agree {proposal.id}"
        return self._answer(services, proposal, by, next_step)

    def _agree(self, services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
        by, password = person(actor), password_again(arguments)
        agreed = self.decisions(services).approve(arguments.proposal, by=by, password=password)
        return self._answer(services, agreed, by)

    def _disagree(self, services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
        by, password = person(actor), password_again(arguments)
        rejected = self.decisions(services).reject(
            arguments.proposal, by=by, password=password, note=arguments.note
        )
        return self._answer(services, rejected, by)

    def _withdraw(self, services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
        by = person(actor)
        return self._answer(
            services, self.decisions(services).withdraw(arguments.proposal, by=by), by
        )

    def _answer(self, services: Services, proposal: P, by: Actor, *more: str) -> Answer:
        fields, line = self.subject(services, proposal, by)
        state, outcome = proposal.state.value, str(proposal.outcome.value)
        data: dict[str, object] = {
            "proposal_id": proposal.id,
            "state": state,
            "outcome": outcome,
            "reason": proposal.reason,
            "proposed_by": proposal.proposed_by,
            "decided_by": proposal.decided_by,
            **fields,
        }
        return Answer(data, [f"{proposal.id}  {outcome.replace('_', ' ')}, {state}", line, *more])
