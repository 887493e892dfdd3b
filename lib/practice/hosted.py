"""The hosted checkout page: practice Stripe's own web pages, where a customer saves a card."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from lib.languages import Words
from lib.practice.checkout_form import COUNTRIES, FIELDS, Typed, check, decode, typed
from lib.practice.hosted_ends import closed, unknown
from lib.practice.hosted_pages import MERCHANT, notice, page, redirect, web_address
from lib.practice.hosted_words import translatable, words_for
from lib.practice.number_list import FILL_NAME, Choice, choose, groups
from lib.practice.steps import CheckoutStep, CheckoutView, Completed, NeedsAuthentication

if TYPE_CHECKING:
    from lib.practice.engine import PracticeStripe

MAX_BODY_BYTES = 64 * 1024
PATH = "/practice/checkout/{session_id}"
FORM_TYPE = "application/x-www-form-urlencoded"
NOT_SAVED = translatable("The card was not saved. Nothing was charged.")

_NOT_UNDERSTOOD = translatable("This form was not understood")
_TRY_AGAIN = translatable("Open the link again and try once more.")
_SESSION_ID = re.compile(r"cs_[A-Za-z0-9_]{1,250}")

Answer = Callable[["PracticeStripe", CheckoutView, Request], Awaitable[Response]]


def routes(stripe: Callable[[], PracticeStripe]) -> list[Route]:
    """The pages of every Checkout Session; `stripe` is asked once a request."""

    def endpoint(
        answer: Answer, *, is_for: Callable[[CheckoutView], bool] = _is_open
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answered(request: Request) -> Response:
            practice = stripe()
            session_id = request.path_params["session_id"]
            view = None
            if _SESSION_ID.fullmatch(session_id):
                view = await run_in_threadpool(practice.checkout, session_id)
            if view is None:
                return unknown(_words(request))
            if not is_for(view):
                return (
                    redirect(_address(view))
                    if _is_open(view)
                    else closed(view, _words(request, view))
                )
            return await answer(practice, view, request)

        return answered

    authenticate = f"{PATH}/authenticate"
    microdeposits = f"{PATH}/microdeposits"
    verification = {"is_for": _is_verification_pending}
    return [
        Route(PATH, endpoint(_show_form), methods=["GET"]),
        Route(PATH, endpoint(_take_card), methods=["POST"]),
        Route(authenticate, endpoint(_show_authentication), methods=["GET"]),
        Route(authenticate, endpoint(_take_authentication), methods=["POST"]),
        Route(microdeposits, endpoint(_show_verification, **verification), methods=["GET"]),
        Route(microdeposits, endpoint(_take_verification, **verification), methods=["POST"]),
    ]


async def _show_form(practice: PracticeStripe, view: CheckoutView, request: Request) -> Response:
    if view.is_authentication_pending:
        return redirect(_address(view, "/authenticate"))
    blank = Typed(email=view.customer_email or "", country=_likely_country(request))
    return _form_page(practice, request, view, blank)


async def _take_card(practice: PracticeStripe, view: CheckoutView, request: Request) -> Response:
    fields = await _fields(request)
    if isinstance(fields, Response):
        return fields
    form = typed(fields)
    if "fill" in fields:
        return _form_page(
            practice, request, view, form, choice=choose(fields["fill"], practice.clock())
        )
    locked_email = view.customer_email if view.is_email_locked else None
    card, problems = check(form, locked_email=locked_email, now=practice.clock())
    if card is None:
        return _form_page(practice, request, view, form, problems)
    step = await run_in_threadpool(practice.submit_card, view.id, card)
    return await _after(practice, request, view, form, step)


async def _show_authentication(
    practice: PracticeStripe, view: CheckoutView, request: Request
) -> Response:
    if not view.is_authentication_pending:
        return redirect(_address(view))
    return page(
        "authenticate.html",
        _words(request, view),
        merchant=view.business_name or MERCHANT,
        action=_address(view, "/authenticate"),
    )


async def _take_authentication(
    practice: PracticeStripe, view: CheckoutView, request: Request
) -> Response:
    fields = await _fields(request)
    if isinstance(fields, Response):
        return fields
    answer = fields.get("answer")
    if not view.is_authentication_pending or answer not in ("approve", "fail"):
        return redirect(_address(view))
    step = await run_in_threadpool(
        lambda: practice.answer_authentication(view.id, approve=answer == "approve")
    )
    blank = Typed(email=view.customer_email or "", country=_likely_country(request))
    return await _after(practice, request, view, blank, step)


def _is_open(view: CheckoutView) -> bool:
    return view.status == "open"


def _is_verification_pending(view: CheckoutView) -> bool:
    return view.is_verification_pending


async def _show_verification(
    practice: PracticeStripe, view: CheckoutView, request: Request
) -> Response:
    return page(
        "microdeposits.html",
        _words(request, view),
        merchant=view.business_name or MERCHANT,
        action=_address(view, "/microdeposits"),
    )


async def _take_verification(
    practice: PracticeStripe, view: CheckoutView, request: Request
) -> Response:
    fields = await _fields(request)
    if isinstance(fields, Response):
        return fields
    answer = fields.get("answer")
    if answer not in ("approve", "fail"):
        return redirect(_address(view, "/microdeposits"))
    try:
        await run_in_threadpool(
            lambda: practice.verify_microdeposits(view.setup_intent, succeed=answer == "approve")
        )
    except ValueError:  # A second tab, or the clock, was faster.
        return closed(view, _words(request, view))
    merchant, say = view.business_name or MERCHANT, _words(request, view)
    if answer == "approve":
        used = translatable("{merchant} can use it from now on. Nothing was charged.")
        return notice(
            200,
            say,
            say(translatable("Your bank account is confirmed")),
            say(used, merchant=merchant),
            merchant=merchant,
        )
    refused = translatable("Ask {merchant} for a new link. Nothing was charged.")
    return notice(
        200,
        say,
        say(translatable("Your bank account was not confirmed")),
        say(refused, merchant=merchant),
        merchant=merchant,
    )


async def _after(
    practice: PracticeStripe, request: Request, view: CheckoutView, form: Typed, step: CheckoutStep
) -> Response:
    if isinstance(step, Completed):
        return redirect(step.redirect_url)
    if isinstance(step, NeedsAuthentication):
        return redirect(_address(view, "/authenticate"))
    # A second tab or the clock may have ended the session in the meantime.
    current = await run_in_threadpool(practice.checkout, view.id)
    if current is None or current.status != "open":
        return closed(current or view, _words(request, current or view))
    return _form_page(
        practice, request, view, form, {_field_of(step.message): step.message}, NOT_SAVED
    )


def _field_of(message: str) -> str:
    lowered = message.lower()
    if "security code" in lowered or "cvc" in lowered:
        return "cvc"
    return "expiry" if "expir" in lowered else "number"


def _form_page(
    practice: PracticeStripe,
    request: Request,
    view: CheckoutView,
    form: Typed,
    problems: dict[str, str] | None = None,
    summary: str = translatable("Check the marked fields."),
    *,
    choice: Choice | None = None,
) -> Response:
    shown = form.for_page()
    if choice is not None:
        # What a script would fill in, for a browser without scripts.
        shown |= {"number": choice.shown, "expiry": choice.expiry, "cvc": choice.cvc}
        shown["name"] = form.name or FILL_NAME
    say = _words(request, view)
    named = say.language.locale.territories
    countries = sorted(((code, named.get(code, name)) for code, name in COUNTRIES), key=_by_name)
    return page(
        "checkout.html",
        say,
        status=422 if problems else 200,
        merchant=view.business_name or MERCHANT,
        action=_address(view),
        cancel_url=web_address(view.cancel_url),
        texts=view.texts,
        fixed_email=view.customer_email if view.is_email_locked else None,
        typed=shown,
        problems=dict.fromkeys(FIELDS, "")
        | {name: say(problem) for name, problem in (problems or {}).items()},
        summary=say(summary) if problems else "",
        countries=countries,
        takes_accounts=not {"card", "link"}.issuperset(view.payment_method_types),
        number_groups=groups(view.payment_method_types, practice.clock()),
        is_list_open=choice is not None,
        fill_name=FILL_NAME,
    )


def _likely_country(request: Request) -> str:
    accepted = request.headers.get("accept-language", "")[:100]
    codes = {code for code, _ in COUNTRIES}
    regions = re.findall(r"-([A-Z]{2})\b", accepted)
    return next((region for region in regions if region in codes), "US")


async def _fields(request: Request) -> dict[str, str] | Response:
    """The posted fields, or the page that says why they are not read."""
    say = _words(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        return notice(415, say, say(_NOT_UNDERSTOOD), say(_TRY_AGAIN))
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                text = translatable("Go back, shorten what you typed and try again.")
                return notice(413, say, say(translatable("That is too much text")), say(text))
        return decode(bytes(body))
    except ClientDisconnect:
        return Response(status_code=400)
    except ValueError:
        return notice(400, say, say(_NOT_UNDERSTOOD), say(_TRY_AGAIN))


def _words(request: Request, view: CheckoutView | None = None) -> Words:
    return words_for(view.locale if view else None, request.headers.get("accept-language", ""))


def _by_name(country: tuple[str, str]) -> str:
    return country[1].casefold()


def _address(view: CheckoutView, step: str = "") -> str:
    return PATH.replace("{session_id}", view.id) + step
