"""What the paper has to say today: five invented, harmless articles.

They stand in the code because the example is about comments, not about writing articles.
"""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Article:
    """One article.

    :param slug: its address and the ``article.id`` that Below the Line knows it by.
    :param language: BCP 47; decides the words around the article and their direction.
    :param drawing: a file in ``static/``.
    """

    slug: str
    language: str
    section: str
    headline: str
    summary: str
    byline: str
    published_on: date
    drawing: str
    drawing_says: str
    paragraphs: tuple[str, ...]

    @property
    def direction(self) -> str:
        return "rtl" if self.language == "ar" else "ltr"


ARTICLES: tuple[Article, ...] = (
    Article(
        slug="ferry",
        language="en",
        section="The estuary",
        headline="The night ferry is back, and this time it hums",
        summary="After eleven years without a late crossing, the last boat to Saltholm leaves at 23:40 again.",
        byline="Maren Holt",
        published_on=date(2026, 11, 27),
        drawing="ferry.svg",
        drawing_says="Line drawing of a small ferry on calm water under a moon",
        paragraphs=(
            "At twenty to midnight on Thursday the Little Tern cast off from the town quay with sixty-one "
            "passengers, nine bicycles and a cello. It was the first late crossing to Saltholm since 2015, when "
            "the old diesel boat was sold for parts and the island learned to go to bed early.",
            "The new ferry runs on batteries that are charged at both piers while passengers walk on and off. "
            "“You hear the water,” said Ida Krog, who has worked the ropes for nineteen years. “The first week "
            "I kept thinking that the engine had stopped.” The crossing takes twenty-two minutes, four more "
            "than by day, because the skipper goes slowly past the seal bank.",
            "The council has paid for a trial of twelve months. If fewer than forty people a night use the boat, "
            "the timetable goes back to what it was. On its first weekend the Little Tern was full twice, and the "
            "kiosk on the island sold out of soup.",
        ),
    ),
    Article(
        slug="library",
        language="en",
        section="Town",
        headline="The library stays open until ten, with nobody at the desk",
        summary="Readers let themselves in with a card after six. The librarians say they get more done.",
        byline="Tobias Okafor",
        published_on=date(2026, 11, 26),
        drawing="library.svg",
        drawing_says="Line drawing of a bookshelf with one book leaning",
        paragraphs=(
            "Since the first of the month the lights in the town library have stayed on until ten in the evening. "
            "After six o’clock the staff go home, and anyone with a reader’s card can open the door, borrow, "
            "return, print, or sit by the radiator with a newspaper.",
            "In four weeks two books went missing and one came back that had been overdue since 1998. “It was a "
            "field guide to mosses,” said the head librarian, Anneke Visser. “There was a note in it that said "
            "sorry. We have framed the note.”",
            "The quiet hours are used most by pupils before exams and by people on late shifts at the harbour. "
            "The reading circle has moved its meetings to nine, which its oldest member, 91, calls “a civilised "
            "time to argue about novels”.",
        ),
    ),
    Article(
        slug="market",
        language="en",
        section="Trade",
        headline="Saturday market moves in under the railway arches",
        summary="Forty-two stalls, a roof at last, and a long argument about where the fish van should stand.",
        byline="Priya Raman",
        published_on=date(2026, 11, 25),
        drawing="market.svg",
        drawing_says="Line drawing of three railway arches with market stalls",
        paragraphs=(
            "For ninety years the Saturday market stood in the rain on Corn Square. From this week it stands under "
            "the eleven arches of the old harbour railway, which the town has cleaned, lit and given a floor that "
            "drains.",
            "Not everybody is happy. The arches are seven minutes further from the bus station, and the bell "
            "of St Olave’s no longer tells the stallholders when to pack up. The fish van, after three meetings, "
            "has been given the last arch, down wind of the cheese.",
            "“I sold out by eleven,” said Joan Pettifer, who grows apples. “People stay when they’re dry.” The "
            "council will count visitors until Easter and decide then whether the square gets its market back in "
            "summer.",
        ),
    ),
    Article(
        slug="backstube",
        language="de",
        section="Insel",
        headline="Die Inselbäckerei hat eine Nachfolgerin gefunden",
        summary="Drei Jahre lang suchte Hinnerk Petersen jemanden für seinen Ofen. Nun übernimmt eine Geigenbauerin.",
        byline="Wiebke Lorenzen",
        published_on=date(2026, 11, 24),
        drawing="bakery.svg",
        drawing_says="Strichzeichnung von drei Broten auf einem Brett",
        paragraphs=(
            "Seit 1987 heizt Hinnerk Petersen um halb drei in der Nacht den Ofen an. Im Januar gibt er den Schlüssel "
            "ab: an Jule Brandt, 34, die bisher Geigen gebaut hat und das Backen in Petersens Stube seit einem Jahr "
            "lernt.",
            "„Holz und Teig haben mehr gemeinsam, als man denkt“, sagt sie. „Beides lässt sich nicht hetzen.“ Das "
            "Roggenbrot bleibt, die Öffnungszeiten auch. Neu ist ein kleiner Tisch vor dem Fenster, an dem man "
            "sitzen darf, bis die Fähre kommt.",
            "Die Gemeinde beteiligt sich mit einem zinslosen Darlehen an einem sparsameren Ofen. Der alte bleibt "
            "stehen, als Denkmal und, wie Petersen sagt, „für den Fall, dass die neue Technik mal ausschläft“.",
        ),
    ),
    Article(
        slug="maktaba",
        language="ar",
        section="ثقافة",
        headline="مكتبة متنقلة تصعد إلى قرى الجبل",
        summary="حافلة قديمة تحمل ألفي كتاب، وتتوقف كل أسبوع في تسع قرى لم تكن فيها مكتبة من قبل.",
        byline="سلمى الحداد",
        published_on=date(2026, 11, 23),
        drawing="bus.svg",
        drawing_says="رسم بالخطوط لحافلة تحمل رفوف كتب أمام جبل",
        paragraphs=(
            "كل صباح اثنين تغادر حافلة زرقاء ساحة البلدة محمّلة بألفي كتاب، وتصعد الطريق الملتوية نحو قرى الجبل. "
            "كانت الحافلة تنقل التلاميذ قبل عشرين عاماً، واليوم تحمل إليهم الروايات والأطالس وكتب الطبخ.",
            "تقول سائقتها وأمينة مكتبتها، هدى منصور: «في الأسبوع الأول جاء الأطفال وحدهم، وفي الثاني جاؤوا ومعهم "
            "جدّاتهم». أكثر الكتب طلباً حتى الآن كتاب عن تربية النحل.",
            "تموّل البلدية الرحلات حتى نهاية الصيف. وقد تبرّع أهل القرى بمقاعد خشبية توضع في الظل عند كل محطة، كي "
            "يقرأ من شاء ريثما يحين موعد الرحيل.",
        ),
    ),
)

_BY_SLUG = {article.slug: article for article in ARTICLES}


def article_of(slug: str) -> Article | None:
    return _BY_SLUG.get(slug)
