"""The public corpora: which may train what is shipped, which label speaks to which attribute, and the split.

A folder holds one Parquet file for each corpus with the columns ``id, text, toxic | spam, …, lang, split,
source``; docs/model.md names each public source and its licence. A row without a label for an attribute is
masked (NaN) for it, never a negative.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models import ATTRIBUTES

Frame = Any


@dataclass(frozen=True, slots=True)
class Corpus:
    """One corpus. ``ships``: its licence lets a model trained on it be shipped. ``says``: attribute ->
    column.
    """

    name: str
    licence: str
    citation: str
    says: dict[str, str]
    ships: bool = True
    language: str = "en"
    weight: float = 1.0
    positives_only: bool = False
    what: str = ""


_JIGSAW = {
    "toxicity": "toxic",
    "severe_toxicity": "severe_toxic",
    "obscene": "obscene",
    "threat": "threat",
    "insult": "insult",
    "identity_attack": "identity_hate",
}
_TOXIC = {"toxicity": "toxic"}
_HATE = {"identity_attack": "toxic"}
_HATEFUL = {"identity_attack": "toxic", "toxicity": "toxic"}
_HATE_AND_ABUSE = {"identity_attack": "hate", "toxicity": "toxic"}
_SPAM = {"spam": "spam"}

CORPORA = (
    Corpus("civil_comments", "CC0-1.0", "Borkan et al. 2019; Pavlopoulos et al. 2021",
           {"toxicity": "toxicity"},
           what="comments of about 50 English news sites"),
    Corpus("jigsaw_wiki", "CC0-1.0 (labels), CC BY-SA 3.0 (text)", "cjadams et al. 2017", _JIGSAW,
           what="Wikipedia talk pages, six labels"),
    Corpus("jigsaw_wiki_stripped", "CC0-1.0 (labels), CC BY-SA 3.0 (text)", "cjadams et al. 2017", _JIGSAW,
           weight=0.5, what="the same, lower-cased and without punctuation"),
    Corpus("wiki_cat_context", "Apache-2.0", "Pavlopoulos et al. 2020", _TOXIC,
           what="Wikipedia talk in context"),
    Corpus("paradetox", "CC0-1.0", "Logacheva et al. 2022", _TOXIC, weight=0.3,
           what="minimal pairs: an abusive sentence and its civil rewrite"),
    Corpus("stormfront_forum", "CC BY-SA 3.0 ES", "de Gibert et al. 2018", _HATE,
           what="a white-supremacist forum"),
    Corpus("hatemoji", "CC BY 4.0", "Kirk et al. 2022", _HATEFUL, what="hate written with emoji"),
    Corpus("davidson_twitter", "MIT", "Davidson et al. 2017", _HATE_AND_ABUSE, weight=0.3,
           what="tweets collected by a lexicon"),
    Corpus("latent_hatred", "MIT", "ElSherief et al. 2021", _HATE, what="implicit hate on Twitter"),
    Corpus("gab_hate_corpus", "CC BY 4.0", "Kennedy et al. 2022", _HATE, what="posts of Gab"),
    Corpus("social_bias_frames", "CC BY 4.0", "Sap et al. 2020", _HATEFUL, what="jokes and microaggressions"),
    Corpus("hatexplain", "MIT", "Mathew et al. 2021", _HATE_AND_ABUSE, what="Twitter and Gab"),
    Corpus("edos_sexism", "CC0-1.0", "Kirk et al. 2023", _HATE, positives_only=True,
           what="sexism on Gab and Reddit (its positives)"),
    Corpus("convabuse", "CC BY 4.0", "Cercas Curry et al. 2021", {"insult": "toxic"}, weight=0.3,
           what="abuse of chat bots"),
    Corpus("political_incivility", "MIT", "Pendzel et al. 2024",
           {"insult": "impoliteness", "toxicity": "toxic"}, weight=0.2, what="US political tweets"),
    Corpus("germeval18_de", "CC BY 4.0", "Wiegand et al. 2018", _TOXIC, language="de", what="German tweets"),
    Corpus("toldbr_pt", "CC BY-SA 4.0", "Leite et al. 2020", _TOXIC, language="pt", what="Brazilian tweets"),
    Corpus("cold_zh", "Apache-2.0", "Deng et al. 2022", _TOXIC, language="zh", what="Chinese social media"),
    Corpus("news_ko_beep", "CC BY-SA 4.0", "Moon et al. 2020", _TOXIC, language="ko",
           what="comments of Korean entertainment news"),
    # Its labels are so noisy that training on them costs 0.02 AUC on other tweets.
    Corpus("mlma_en_fr_ar", "MIT", "Ousidhoum et al. 2019", _TOXIC, ships=False, language="",
           what="tweets in English, French and Arabic, noisy"),
    Corpus("youtube_spam", "CC BY 4.0", "Alberto et al. 2015", _SPAM, what="comments below music videos"),
    Corpus("contact_form_spam", "MIT, Unlicense", "spam-detector-ai, spendabit/webapp-tools", _SPAM,
           positives_only=True, what="spam sent through contact forms"),
    Corpus("sms_spam", "CC BY 4.0", "Almeida et al. 2011", _SPAM, what="text messages"),
    Corpus("telegram_ru_spam", "MIT", "monalenka/telegram-spam-classifier-bot", _SPAM, language="ru",
           what="Russian Telegram groups"),
    Corpus("tgspam_samples", "MIT", "umputun/tg-spam", _SPAM, language="",
           what="seed lines of a Telegram bot"),
    Corpus("tgspam_more", "MIT", "umputun/tg-spam", _SPAM, language="",
           what="Telegram group spam, many languages"),
    Corpus("ucc_globe_and_mail", "CC BY-NC-SA 4.0", "Price et al. 2020", _TOXIC, ships=False,
           what="comments of a Canadian news site"),
    Corpus("olid_twitter", "research use", "Zampieri et al. 2019", _TOXIC, ships=False, what="tweets"),
    Corpus("impermium_insults", "research use", "Impermium 2012", {"insult": "toxic"}, ships=False,
           what="insults in social commentary"),
    Corpus("toxigen_annotated", "research use", "Hartvigsen et al. 2022", _HATE, ships=False,
           what="machine-written statements about groups"),
    Corpus("dynahate_test", "research use", "Vidgen et al. 2021", _HATE, ships=False,
           what="adversarial hate"),
    Corpus("hateval_twitter", "research use", "Basile et al. 2019", _HATE, ships=False, what="tweets"),
    Corpus("gbv_counterspeech", "research use", "GBV counterspeech 2025", _HATE, ships=False,
           what="counter-speech"),
    Corpus("youtube_crypto_spam", "research use", "toreyes0", _SPAM, ships=False, what="crypto-scam replies"),
    Corpus("blog_datacamp_spam", "research use", "Desmond00", _SPAM, ships=False,
           what="spam under tutorial articles"),
    Corpus("sms_exais_ng", "research use", "Onashoga et al. 2020", _SPAM, ships=False, what="Nigerian SMS"),
    Corpus("news_de_rp", "CC BY-NC-SA 4.0", "Assenmacher et al. 2021", _TOXIC, ships=False, language="de",
           what="German news comments"),
    Corpus("germeval21_de", "research use", "Risch et al. 2021", _TOXIC, ships=False, language="de",
           what="German Facebook comments"),
    Corpus("russe_detox_ru", "research use", "Dementieva et al. 2022", _TOXIC, ships=False, language="ru",
           what="Russian minimal pairs"),
    Corpus("telegram_ru_more", "research use", "radio-t/tg-spam-samples", _SPAM, ships=False, language="ru",
           what="Russian Telegram spam"),
)  # fmt: skip
#: Those whose raters looked for hate against a group.
OF_HATE = frozenset(c.name for c in CORPORA if c.says in (_HATE, _HATEFUL, _HATE_AND_ABUSE))
BY_NAME = {corpus.name: corpus for corpus in CORPORA}
_KEY_NOISE = re.compile(r"(?:https?://|www\.)\S+|[\d\s]+")


class CorporaMissing(Exception):
    """Files that training needs are not in the folder. The message lists each."""


def key(text: str) -> str:
    """What makes two texts the same row: lower case, without links, digits and white space."""
    return _KEY_NOISE.sub("", text.lower())


def side(text: str) -> str:
    """The side of a row, by a hash of its key: 80 % train, 10 % calibration, 10 % development.

    The letters alone decide, and only the first 60 of them: near-duplicates share a side.
    """
    letters = "".join(c for c in key(text) if c.isalnum())[:60]
    draw = int.from_bytes(hashlib.blake2b(letters.encode(), digest_size=4).digest()) / 2**32
    return "development" if draw < 0.1 else "calibration" if draw < 0.2 else "train"


def missing(folder: Path, corpora: Iterable[Corpus] = CORPORA) -> list[str]:
    """Names of the files that are not in the folder."""
    return [f"{c.name}.parquet" for c in corpora if not (folder / f"{c.name}.parquet").is_file()]


def read(folder: Path, corpus: Corpus) -> Frame:
    """One corpus as a frame: text, side, corpus, lang, natural, weight, and one column for each attribute.

    :raises CorporaMissing: the file is not there or lacks a column.
    """
    path = folder / f"{corpus.name}.parquet"
    if not path.is_file():
        raise CorporaMissing(f"{path.name} is not in {folder}; docs/model.md says where it comes from")
    raw = pd.read_parquet(path)
    absent = [c for c in ("text", *corpus.says.values()) if c not in raw.columns]
    if absent:
        raise CorporaMissing(f"{path.name} lacks the columns {', '.join(absent)}")
    frame = pd.DataFrame({"text": raw["text"].astype(str).map(_mended.get(corpus.name, str))})
    frame["corpus"] = corpus.name
    frame["lang"] = raw["lang"] if "lang" in raw.columns else corpus.language
    frame["natural"] = raw["natural_sample"].fillna(0).astype(int) if "natural_sample" in raw.columns else 0
    frame["weight"] = corpus.weight
    for attribute in ATTRIBUTES:
        frame[attribute] = np.nan
    for attribute, column in corpus.says.items():
        frame[attribute] = pd.to_numeric(raw[column], errors="coerce").astype(float)
    if corpus.name == "civil_comments":
        frame["toxicity"] = frame["toxicity"].fillna(raw["toxic"].astype(float))
        # Readers of news do argue, but an ordinary comment below an article is hardly ever spam.
        frame.loc[frame["toxicity"] < 0.2, "spam"] = 0.0
    if corpus.name.startswith("jigsaw"):
        frame.loc[frame["toxicity"] == 0, "spam"] = np.nan
    if corpus.positives_only:
        frame = frame[frame[list(corpus.says)].max(axis=1) >= 0.5]
    frame["side"] = [side(t) for t in frame["text"]]
    return frame.reset_index(drop=True)


_QUESTION_RUNS = re.compile(r"\?{2,}")
_mended: dict[str, Callable[[str], str]] = {
    # Fancy letters were lost upstream and show as runs of "?", which would give the label away.
    "youtube_crypto_spam": lambda text: _QUESTION_RUNS.sub(" ", text),
}


def read_all(folder: Path, *, ships: bool = True) -> Frame:
    """Every corpus that may (or, with ``ships=False``, may not) train what is shipped, one frame.

    :raises CorporaMissing: lists every file that is not there.
    """
    wanted = [c for c in CORPORA if c.ships == ships]
    if absent := missing(folder, wanted):
        raise CorporaMissing(
            f"not in {folder}: {', '.join(absent)}; docs/model.md says where each comes from"
        )
    frame = pd.concat([read(folder, corpus) for corpus in wanted], ignore_index=True)
    frame["lang"] = frame["lang"].fillna("").astype(str)
    return frame
