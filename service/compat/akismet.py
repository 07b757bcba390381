"""Akismet's REST API, 1.1 and 1.2: is this comment spam?

Only that question is answered: a rude comment is ham here, as it was with Akismet. ``true`` is what the
policy of the site holds or rejects for a reason of spam; ``X-akismet-pro-tip: discard`` is for what
it rejects by the spam score alone. Answers are exact bodies without a newline, a wrong key is 200
``invalid``, and the debugging header stands only on errors: @cedx/akismet throws when it sees one.
"""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, g

from moderation.intake import clean, is_blank
from moderation.labels import learn
from moderation.signals import Subject
from moderation.tables import ForeignCall
from service.auth import Caller, caller_of
from service.compat import audit, deferred, quota, scoring
from service.compat.akismet_form import Form, FormRefused, blog_of, form
from service.door import database, utcnow, vault
from service.problems import Problem

bp = Blueprint("akismet", __name__)
PREFIXES = ("/1.1", "/1.2")
THANKS = "Thanks for making the web a better place."
#: Documented values that are always spam, for trying a set-up.
GUARANTEED_AUTHORS = ("viagra-test-123", "akismet-guaranteed-spam")
GUARANTEED_EMAIL = "akismet-guaranteed-spam@example.com"
#: Names of reasons that speak of spam. Words, manners and privacy are other matters.
SPAM_REASONS = frozenset(
    [
        "spam",
        "honeypot",
        "many_links",
        "lookalike_link",
        "link_in_name",
        "link_shortener",
        "punycode_link",
        "blocked_domain",
        "suspect_domain",
        "blocked_email",
        "suspect_email",
        "blocked_ip",
        "suspect_ip",
        "like_rejected",
        "akin_to_rejected",
        "contact_rejected",
        "duplicate",
        "near_duplicate",
        "flooding_author",
        "flooding_ip",
        "disposable_email",
        "form_too_fast",
    ]
)


class NotAnswered(Exception):
    """A call that is refused in Akismet's way: 200, a word, and a header for whoever debugs.

    :param alert: code and message for the blog's owner.
    :param error: for ``X-Akismet-Error``.
    """

    def __init__(
        self,
        body: str,
        help_: str,
        *,
        error: str = "",
        alert: tuple[int, str] | None = None,
        status: int = 200,
    ) -> None:
        super().__init__(body)
        self.help, self.error, self.alert, self.status = help_, error, alert, status


@bp.post("/1.1/verify-key")
def verify_key() -> Response:
    """Is this key ours, and may this blog use it?"""
    given = form()
    try:
        _caller(given)
    except NotAnswered as refusal:
        # no debugging header here: to this question "invalid" is an answer, not an error
        return text("invalid") if refusal.alert is None else _refusal(refusal)
    return text("valid")


@bp.post("/1.1/comment-check")
def comment_check() -> Response:
    """Say ``true`` for spam and ``false`` for ham."""
    given = form()
    caller, now = asking(given)
    _require(given, "blog", "user_ip")
    call = audit.Call(
        caller.site,
        caller.key,
        "akismet",
        "comment-check",
        now,
        blog=given.blog,
        text_hash=text_hash_of(given),
        email_hash=_email_hash(given),
        is_test=given.says("is_test"),
    )
    is_spam, discards = _opinion(given, caller, call, now)
    call.answer, call.counts = ("spam", ("spam",)) if is_spam else ("ham", ("ham",))
    headers = {"X-akismet-guid": call.id}
    if call.more:  # a person will be asked
        headers["X-akismet-recheck-after"] = str(deferred.RECHECK_SECONDS)
    if discards:
        headers["X-akismet-pro-tip"] = "discard"
    if is_spam and given.says("classify"):
        headers["X-Akismet-Classification"] = "spam"
    audit.keep(call)
    return text("true" if is_spam else "false", headers)


def _opinion(given: Form, caller: Caller, call: audit.Call, now: datetime) -> tuple[bool, bool]:
    """:return: whether it is spam, and whether nobody need look at it."""
    if given.get("user_role").lower() == "administrator":
        return False, False
    if (
        given.get("comment_author").lower() in GUARANTEED_AUTHORS
        or given.get("comment_author_email").lower() == GUARANTEED_EMAIL
    ):
        return True, given.says("test_discard")
    if given.honeypot:
        return True, False
    body = scoring.words_of(given.raw("comment_content"))
    email = given.get("comment_author_email")
    subject_text = scoring.text_of(
        body,
        name=given.get("comment_author"),
        email=email,
        url=given.get("comment_author_url"),
        language=given.language or caller.site.language,
    )
    subject = Subject(
        body=subject_text.body,
        name=subject_text.name,
        email=email,
        email_hash=call.email_hash or "",
        email_domain=email.rpartition("@")[2].lower(),
        ip=given.get("user_ip") or None,
        article=given.get("permalink")[:255],
    )
    found = scoring.judged(caller.site, subject_text, subject, now)
    call.model = found.model
    call.scores = {name: round(score, 6) for name, score in found.scored.scores.items()}
    if found.verdict.outcome == "approve":
        return False, False  # a rule, or the site's own model, lets through what the scores alone would hold
    verdicts = {r.verdict for r in found.verdict.reasons if r.name in SPAM_REASONS and r.verdict != "note"}
    line = found.policy.thresholds.get("spam")
    discards = line is not None and found.scored.scores["spam"] >= line.reject_at
    if "reject" in verdicts or discards:
        return True, discards
    if "hold" not in verdicts:
        return False, False
    if given.get("callback") and not call.is_test:
        comment_id = deferred.defer(given, caller, call.id, body=body, now=now)
        if comment_id is not None:
            call.more = {"comment_id": comment_id, "callback_url": given.get("callback")[:2000]}
            return False, False
    return True, False


@bp.post("/1.1/submit-spam")
def submit_spam() -> Response:
    """Learn that this was spam."""
    return _feedback("submit-spam", 1.0)


@bp.post("/1.1/submit-ham")
def submit_ham() -> Response:
    """Learn that this was none."""
    return _feedback("submit-ham", 0.0)


def _feedback(operation: str, value: float) -> Response:
    given = form()
    caller, now = asking(given)
    body = scoring.words_of(given.raw("comment_content"))
    counted: tuple[str, ...] = ()
    call = audit.Call(
        caller.site,
        caller.key,
        "akismet",
        operation,
        now,
        blog=given.blog,
        text_hash=text_hash_of(given),
        email_hash=_email_hash(given),
        is_test=given.says("is_test"),
    )
    if not call.is_test:
        with database().writing() as session:
            guid = given.get("guid", "akismet_guid", "comment_guid")
            earlier = session.get(ForeignCall, guid[:26]) if guid.isascii() and guid else None
            ours = earlier is not None and earlier.site_id == caller.site.id
            comment_id = earlier.comment_id if earlier is not None and ours else None
            # a name alone teaches nothing, and what we never saw cannot be learned from
            if comment_id is not None or not is_blank(clean(body)[0]):
                learn(
                    session,
                    vault(),
                    site=caller.site,
                    origin=operation,
                    attribute="spam",
                    value=value,
                    text=body,
                    comment_id=comment_id,
                    name=given.get("comment_author"),
                    url=given.get("comment_author_url"),
                    email_hash=call.email_hash,
                    key_id=caller.key.id,
                    now=now,
                )
        counted = ("missed_spam",) if value else ("false_positives",)
    call.counts, call.calls = counted, 0
    audit.keep(call)
    return text(THANKS)


@bp.post("/1.1/token")
def token() -> Response:
    """An opaque word by which this key and blog could be known again."""
    given = form()
    caller, _ = asking(given)
    return text(vault().token_hash(f"akismet:{caller.key.id}:{given.blog}")[:32])


@bp.post("/1.1/deactivate")
def deactivate() -> Response:
    """A plugin was switched off; there is nothing to forget, the key goes on."""
    asking(form())
    return text("deactivated")


# -- who asks --------------------------------------------------------------------------------------------


def asking(given: Form) -> tuple[Caller, datetime]:
    """The caller, counted against its quotas."""
    caller, now = _caller(given), utcnow()
    quota.spend(caller, now)
    return caller, now


def _caller(given: Form) -> Caller:
    for key in given.keys:
        caller = caller_of(key, "akismet")
        if caller is None:
            continue
        blogs = caller.site.options.get("blogs") or ()
        if given.blog and blogs and given.blog not in {blog_of(blog) for blog in blogs}:
            raise NotAnswered(
                "invalid",
                "This blog is not registered for this key.",
                alert=(10404, "This site is not on the list of sites that may use this key."),
            )
        g.site, g.key = caller.site, caller.key
        return caller
    raise NotAnswered("invalid", "We were unable to parse your blog URI or find your API key.")


def _require(given: Form, *names: str) -> None:
    for name in names:
        # Coral sends an empty address where it may not tell it; a field that is not there is a mistake.
        if name not in given.fields or (name == "blog" and not given.get(name)):
            raise NotAnswered(
                f"Missing required field: {name}.", f'Empty "{name}" value', error="missing-required-field"
            )


def text_hash_of(given: Form) -> str:
    content = given.raw("comment_content")
    return vault().text_hash(content) if content.strip() else ""


def _email_hash(given: Form) -> str | None:
    email = given.get("comment_author_email")
    return vault().email_hash(email) if email else None


# -- what is answered ------------------------------------------------------------------------------------


def text(body: str, headers: dict[str, str] | None = None, status: int = 200) -> Response:
    response = Response(body, status, headers, content_type="text/plain; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.errorhandler(NotAnswered)
def not_answered(error: NotAnswered) -> Response:
    return _refusal(error)


def _refusal(error: NotAnswered) -> Response:
    headers = {"X-akismet-debug-help": error.help}
    if error.error:
        headers["X-Akismet-Error"] = error.error
    if error.alert is not None:
        headers["X-akismet-alert-code"] = str(error.alert[0])
        headers["X-akismet-alert-msg"] = error.alert[1]
    return text(str(error), headers, error.status)


@bp.errorhandler(FormRefused)
def form_refused(error: FormRefused) -> Response:
    return _refusal(NotAnswered("invalid", str(error), error="malformed-request", status=400))


@bp.errorhandler(quota.QuotaUsedUp)
def used_up(error: quota.QuotaUsedUp) -> Response:
    message = f"The month's {error.month.limit} calls are used up."
    response = _refusal(NotAnswered("invalid", message, alert=(10501, message), status=429))
    response.headers["Retry-After"] = str(error.retry_seconds)
    return response


def page(problem: Problem) -> Response:
    """Everything else that goes wrong below these addresses: a transport error to every client."""
    response = _refusal(NotAnswered("invalid", problem.detail, status=problem.status))
    response.headers.update({k: v for k, v in problem.headers if k.lower() != "content-length"})
    return response
