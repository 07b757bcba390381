"""What readers see and send."""

import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, abort, current_app, redirect, render_template, request, session, url_for
from werkzeug.exceptions import HTTPException

from . import comments
from .articles import ARTICLES, Article, article_of
from .below_the_line import Answer, BelowTheLine
from .words import MONTHS, WORDS

# No other field has this name, and no reader sees it: who fills it in is a machine.
HONEYPOT = "homepage"
FIELDS = ("body", "name", "email", "parent", "form", "shown", HONEYPOT)
REPORT_REASONS = (
    "OFFENSIVE",
    "HARASSMENT_BULLYING",
    "HATE_SPEECH",
    "SPAM",
    "MISINFORMATION",
    "ILLEGAL_CONTENT",
    "OTHER",
)
bp = Blueprint("pages", __name__)


@bp.get("/")
def front_page():
    counts = comments.counts_by_article(comments.database())
    return render_template("front.html", articles=ARTICLES, counts=counts, language="en", direction="ltr")


@bp.get("/articles/<slug>")
def article(slug: str):
    return _article_page(_article(slug))


@bp.get("/articles/<slug>/comments")
def back_to_article(slug: str):
    """Where a reader lands who reloads after a fault."""
    return redirect(url_for("pages.article", slug=_article(slug).slug), 303)


@bp.get("/articles/<slug>/comments/list")
def comment_list(slug: str):
    """The comments alone: the page's script asks for them while a reader's comment waits."""
    return render_template("_comments.html", **_thread_values(_article(slug)))


@bp.post("/articles/<slug>/comments")
def post_comment(slug: str):
    article = _article(slug)
    words = WORDS[article.language]
    typed = {name: request.form.get(name, "") for name in FIELDS}
    if not _is_our_form():
        return _article_page(article, typed, notice=words["expired"], status=400)
    faults = _faults_at_sight(typed, words)
    if faults:
        return _article_page(article, typed, faults, words["faults"], 422)

    db = comments.database()
    parent = comments.comment_of(db, typed["parent"]) if typed["parent"] else None
    if parent is not None and (parent["article"] != article.slug or parent["status"] != "approved"):
        parent = None
    document = _comment_document(article, typed, parent)
    external_id = document["external_id"]
    comments.keep_for_reader(
        db,
        external_id=external_id,
        article=article.slug,
        parent=parent["external_id"] if parent else None,
        reader=_reader(),
        name=typed["name"].strip(),
        body=typed["body"].strip(),
    )
    answer = _below_the_line().send_comment(document, _fingerprint(json.dumps(document, sort_keys=True)))
    if answer.outcome != "taken":
        comments.forget_unsent(db, external_id)
        return _not_taken(article, typed, answer)
    if "id" in answer.body:
        comments.note_taken(db, external_id, str(answer.body["id"]))
    session["posted"] = external_id
    return redirect(url_for("pages.article", slug=slug, _anchor="comments"), 303)


@bp.route("/comments/<external_id>/report", methods=["GET", "POST"])
def report(external_id: str):
    comment = comments.comment_of(comments.database(), external_id)
    if comment is None or comment["status"] != "approved":
        abort(404)
    reason, text = request.form.get("reason", ""), request.form.get("text", "").strip()

    def send() -> Answer:
        document = {
            "reason": reason if reason in REPORT_REASONS else "OTHER",
            "text": text,
            "illegal": reason == "ILLEGAL_CONTENT",
            # So that one reader's second report of the same comment does not count twice.
            "reporter": {"id": _fingerprint(f"reporter {_reader()}")},
        }
        return _below_the_line().report(comment["btl_id"], document)

    return _small_form("report", comment, send, reasons=REPORT_REASONS)


@bp.route("/comments/<external_id>/edit", methods=["GET", "POST"])
def edit(external_id: str):
    db = comments.database()
    comment = _own_comment(external_id)
    body = request.form.get("text", "").strip()

    def send() -> Answer:
        answer = _below_the_line().edit(comment["btl_id"], body)
        if answer.outcome == "taken":
            comments.note_edit(db, external_id, body)
        return answer

    return _small_form("edit", comment, send, text_required=True)


@bp.post("/comments/<external_id>/withdraw")
def withdraw(external_id: str):
    db = comments.database()
    comment = _own_comment(external_id)

    def send() -> Answer:
        answer = _below_the_line().withdraw(comment["btl_id"])
        if answer.outcome == "taken":
            comments.note_withdrawal(db, external_id)
        return answer

    return _small_form("edit", comment, send, thanks="withdraw")


@bp.route("/comments/<external_id>/appeal", methods=["GET", "POST"])
def appeal(external_id: str):
    db = comments.database()
    comment = comments.comment_of(db, external_id)
    if comment is None or comment["reader"] != _reader():
        # Whose comment it is is nobody else's business: to others there is no such page.
        abort(404)
    if comment["status"] != "rejected" or comment["appeal"]:
        return redirect(url_for("pages.article", slug=comment["article"], _anchor="comments"), 303)

    def send() -> Answer:
        answer = _below_the_line().appeal(comment["btl_id"], {"text": request.form.get("text", "").strip()})
        if answer.outcome == "taken":
            comments.note_appeal(db, external_id)
        return answer

    return _small_form("appeal", comment, send, text_required=True)


@bp.get("/healthz")
def healthz():
    return "ok\n", 200, {"Content-Type": "text/plain"}


@bp.app_errorhandler(HTTPException)
def say_what_is_wrong(fault: HTTPException):
    sentences = {
        404: "There is no such page, or no longer.",
        405: "This page cannot be asked in this way.",
        413: "That is too long to be sent. Go back: your text is still there.",
    }
    sentence = sentences.get(fault.code or 500, "Something went wrong. Please try again in a minute.")
    page = render_template("fault.html", sentence=sentence, language="en", direction="ltr")
    return page, fault.code or 500


@bp.app_template_filter("when")
def when(stamp: str, language: str) -> str:
    """A moment in words: ``5 min ago``, and after a day the date."""
    words, moment = WORDS[language], datetime.fromisoformat(stamp)
    minutes = int((datetime.now(UTC) - moment).total_seconds() // 60)
    if minutes < 1:
        return words["now"]
    if minutes < 60:
        return words["minutes"].format(n=minutes)
    if minutes < 24 * 60:
        return words["hours"].format(n=minutes // 60)
    return day(moment, language)


@bp.app_template_filter("day")
def day(moment: Any, language: str) -> str:
    dot = "." if language == "de" else ""
    return f"{moment.day}{dot} {MONTHS[language][moment.month - 1]} {moment.year}"


@bp.app_context_processor
def form_values() -> dict[str, Any]:
    return {"csrf": _csrf, "honeypot": HONEYPOT}


def _article(slug: str) -> Article:
    return article_of(slug) or abort(404)


def _own_comment(external_id: str) -> Any:
    """A comment that this browser sent and may still change; for everybody else there is none."""
    comment = comments.comment_of(comments.database(), external_id)
    if (
        comment is None
        or comment["reader"] != _reader()
        or comment["btl_id"] is None
        or comment["status"] in ("withdrawn", "erased")
    ):
        abort(404)
    return comment


def _below_the_line() -> BelowTheLine:
    return current_app.extensions["below_the_line"]


def _reader() -> str:
    if "reader" not in session:
        session["reader"] = secrets.token_urlsafe(16)
        session.permanent = True
    return session["reader"]


def _csrf() -> str:
    return _fingerprint(f"form of {_reader()}")


def _is_our_form() -> bool:
    return hmac.compare_digest(request.form.get("csrf", "").encode(), _csrf().encode())


def _fingerprint(text: str) -> str:
    """Keyed, so that nothing about the text (an e-mail address, say) can be guessed from it."""
    return hmac.new(current_app.secret_key, text.encode(), hashlib.sha256).hexdigest()[:32]


def _comment_document(article: Article, typed: dict[str, str], parent: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        # The same form sent twice is the same comment; with anything changed it is another one.
        "external_id": _fingerprint(json.dumps([article.slug, *(typed[name] for name in sorted(typed))])),
        "name": typed["name"],
        "email": typed["email"],
        "body": typed["body"],
        "article": {
            "id": article.slug,
            "url": current_app.config["PUBLIC_URL"] + url_for("pages.article", slug=article.slug),
            "title": article.headline,
        },
        "language": article.language,
        "ip": request.remote_addr,
        "user_agent": request.user_agent.string,
    }
    if typed["shown"]:
        document["form_token"] = typed["shown"]
    if typed[HONEYPOT]:
        document["honeypot"] = typed[HONEYPOT]
    if parent is not None:
        document["parent"] = {"id": parent["external_id"], "body": parent["body"]}
    return document


def _faults_at_sight(typed: dict[str, str], words: dict[str, str]) -> dict[str, str]:
    """What needs no question to the API; the API looks more closely."""
    faults = {
        name: words[f"required_{name}"] for name in ("body", "name", "email") if not typed[name].strip()
    }
    if "email" not in faults and "@" not in typed["email"]:
        faults["email"] = words["bad_email"]
    return faults


def _not_taken(article: Article, typed: dict[str, str], answer: Answer):
    words = WORDS[article.language]
    if answer.outcome == "faulty":
        faults = {
            field: detail for field, detail in answer.faults.items() if field in ("body", "name", "email")
        }
        if article.language != "en" and "email" in faults:
            faults["email"] = words["bad_email"]
        other = " ".join(detail for field, detail in answer.faults.items() if field not in faults)
        return _article_page(article, typed, faults, f"{words['faults']} {other}".strip(), 422)
    if answer.outcome == "refused":
        return _article_page(article, typed, notice=words["closed"].format(why=answer.detail), status=409)
    return _article_page(
        article, typed, notice=words["busy" if answer.outcome == "busy" else "unreachable"], status=503
    )


def _thread_values(article: Article) -> dict[str, Any]:
    db = comments.database()
    page = max(1, request.args.get("page", 1, type=int))
    threads, older = comments.threads_of(db, article.slug, _reader(), page)
    return {
        "article": article,
        "w": WORDS[article.language],
        "language": article.language,
        "direction": article.direction,
        "threads": threads,
        "page": page,
        "older": older,
        "count": comments.counts_by_article(db).get(article.slug, 0),
    }


def _article_page(
    article: Article,
    typed: dict[str, str] | None = None,
    faults: dict[str, str] | None = None,
    notice: str = "",
    status: int = 200,
):
    typed = typed or {
        "form": secrets.token_urlsafe(12),
        "shown": _below_the_line().form_token(),
        "parent": request.args.get("reply_to", ""),
    }
    db = comments.database()
    answered = comments.comment_of(db, typed["parent"]) if typed.get("parent") else None
    if answered is not None and (answered["status"] != "approved" or answered["article"] != article.slug):
        answered = None
    posted = session.pop("posted", None) if request.method == "GET" else None
    values = {
        "typed": typed,
        "faults": faults or {},
        "notice": notice,
        "answered": answered,
        "posted": comments.comment_of(db, posted) if posted else None,
        "thanks": session.pop("thanks", None) if request.method == "GET" else None,
    }
    return render_template("article.html", **values, **_thread_values(article)), status


def _small_form(
    kind: str, comment: Any, send: Any, text_required: bool = False, thanks: str = "", **values: Any
):
    """A page with one question about one comment: a report, an appeal, a new version."""
    article = _article(comment["article"])
    words = WORDS[article.language]
    fault, status = "", 200
    if request.method == "POST":
        if not _is_our_form():
            fault, status = words["expired"], 400
        elif text_required and not request.form.get("text", "").strip():
            fault, status = words["required_text"], 422
        else:
            answer = send()
            if answer.outcome == "taken":
                session["thanks"] = f"thanks_{thanks or kind}"
                return redirect(url_for("pages.article", slug=article.slug, _anchor="comments"), 303)
            fault = " ".join(answer.faults.values()) or answer.detail or words["failed"]
            status = 422 if answer.faults else 503
    page = render_template(
        f"{kind}.html",
        article=article,
        comment=comment,
        w=words,
        language=article.language,
        direction=article.direction,
        fault=fault,
        typed=request.form,
        **values,
    )
    return page, status
