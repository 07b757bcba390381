"""Spam written for this project: patterns of what is posted below articles, in several languages.

The spam corpora that may ship are small and old; crypto "recovery experts", testimonials for account managers
and link drops under articles hardly occur in them. Every name, number and address here is invented. Beside them
stand ordinary comments about the same things (money, doctors, jobs, links to sources), so that the topic alone
is no spam.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

_CRYPTO = """I {lost} {amount} to a fake {coin} platform and {hero} helped me recover everything. Contact {him} on {app}: {handle}|
I never believed in {coin} trading until I met {hero}. I invested {small} and got {amount} in {days} days. Reach {him} via {app} {handle}|
{hero} is the best account manager I have ever worked with, my portfolio grew by {amount} this month|
Wow, I'm surprised someone mentioned {hero} here. I trade with {him} too and the profits are amazing|
Am also a huge beneficiary of {hero}, {his} strategies are top notch, I made {amount} in {days} days|
I was skeptical at first but after investing {small} with {hero} I earned {amount}. {He} is on {app} {handle}|
Trading {coin} without a professional like {hero} is a risk. {He} changed my life financially|
{hero} has been managing my trades for months now and I keep making profits every week|
How do I get in touch with {hero}? I keep hearing {his} name everywhere|You can reach {hero} on {app} with the username {handle}|
Thanks to {hero} I can now pay my bills. Investing in {coin} is the wisest thing to do right now|
The market crash taught me to invest with an expert. I recommend {hero}, {his} signals are accurate|
I have recovered my stolen {coin} with the help of {hero}, a certified recovery hacker: {mail}|
If you lost money to scammers, {hero} can trace and recover your {coin} wallet. WhatsApp {phone}|
Get your {coin} doubled in {days} days, minimum deposit {small}, payout guaranteed, join {link}|
Free {coin} airdrop, connect your wallet and claim {amount} now at {link}|My first withdrawal of {amount} just hit my wallet, thank you {hero}|
Assets that can make you rich: {coin}, stocks, real estate. I started with {small} with {hero} and made {amount}|
I'm so happy, my life has totally changed since I started earning {amount} weekly with {hero}|
Inflation is hitting hard, that is why I let {hero} handle my {coin} trades, {small} turned into {amount}|
Who else is making profit with {hero}? I just bought my first house through {his} guidance"""
_LINKS = """Nice post! Very informative. Check out {link}|Great article, thanks for sharing. I also found this useful: {link}|
I really enjoyed reading this, keep up the good work. Visit my site {link}|Thank you for the information. {service} at {link}|
This is a wonderful blog, I will bookmark it. {link}|Awesome post. For {service} please visit {link}|Hi, very nice article. Look at my website: {link}|
Best {service} in {city}. Call {phone} or visit {link}|Cheap {goods} online, {percent} off, free shipping {link}|
Buy {goods} without prescription, discreet delivery, {link}|{goods} for sale, best price, worldwide delivery, order at {link}|
We offer {service}, first page on Google guaranteed. Email {mail}|Increase your website traffic with our {service}. {link}|
Guest posts and backlinks available, DA 60+, contact {mail}|Play at {casino} and get {small} bonus, {link}|{casino} no deposit bonus {percent} free spins {link}|
Online casino real money, jackpot every day, register now {link}|Hot girls in {city} waiting for you {link}|Escort service {city} 24/7 {phone}|
Lonely? Meet singles in {city} tonight {link}|My private videos are here {link}|Need a loan? {percent} interest rate, no credit check, apply at {mail}|
Do you need an urgent loan of any amount? Contact us on WhatsApp {phone}|We give out loans from {small} to {amount}, quick approval, email {mail}|
Work from home and earn {small} a day, no experience needed {link}|I am making {amount} a month working online part time, this is how I started {link}|
My aunt makes {small} an hour on her laptop. She has been out of work for months but last month her check was {amount}. Read more: {link}|
I get paid over {small} per hour working from home. I never thought I could do it but my best friend earns {amount} a month {link}|
Easy online job, start today and get your first paycheck by the end of the week. {link}|Call {service} support number {phone} toll free|
{brand} customer service helpline {phone} 24/7 support|Your {brand} account has been limited, verify now at {link}|
You have won a {brand} gift card, claim it here {link}|Get free {brand} gift cards, working generator {link}|Download full movie HD free {link}|
Watch the match live stream free {link}|Subscribe to my channel please, I post new videos every day {link}|Check out my new song, like and subscribe {link}|
Follow me on Instagram {handle} for free giveaways|Get {followers} followers and likes cheap at {link}|
Spell caster {hero} brought back my ex within {days} days, contact {mail}|I was cured of herpes by Doctor {hero} with herbs. Email him at {mail}|
My husband left me but the great Dr {hero} restored my marriage with a love spell. WhatsApp {phone}|Join the Illuminati today and become rich and famous, call {phone}|
Weight loss gummies, lose 10 kilos in {days} days, doctors hate it {link}|CBD oil relieved all my pain, order {link}|Male enhancement pills that really work {link}|
Fake diplomas, passports and driving licences, real database registered, contact {mail}|Essay writing service, plagiarism free, {percent} discount {link}|
{service} {service} {service} {link}|{link}|{link} {link} {link}|click here {link}|see this {link}|very good {link}|Earn money {link}"""
_FOREIGN = """Verdiene {small} am Tag von zu Hause aus, keine Erfahrung nötig {link}|Günstige {goods} ohne Rezept kaufen {link}|Kredit ohne Schufa, schnell und diskret, {mail}|
Toller Beitrag! Besuchen Sie auch meine Seite {link}|Bestes Online Casino mit {small} Bonus {link}|Ich habe mit {hero} {amount} in Bitcoin verdient, schreibt auf {app} {handle}|
Gagnez {small} par jour depuis chez vous {link}|Prêt entre particuliers rapide et sérieux, contactez {mail}|Super article, visitez mon site {link}|Casino en ligne bonus {percent} {link}|
Le maître marabout {hero} fait revenir votre ex en {days} jours, WhatsApp {phone}|Gana dinero desde casa, {small} al día {link}|Préstamos rápidos sin aval, escriba a {mail}|
Excelente artículo, visita mi página {link}|Invertí {small} con {hero} y gané {amount}, contacto por {app} {handle}|Compra {goods} sin receta {link}|
Ganhe {small} por dia trabalhando em casa {link}|Empréstimo rápido sem consulta, fale no WhatsApp {phone}|Ótimo post, visite meu site {link}|
Guadagna {small} al giorno da casa {link}|Prestiti veloci tra privati, scrivere a {mail}|Verdien {small} per dag vanuit huis {link}|Goedkope {goods} zonder recept {link}|
Заработок от {small} в день, пишите в {app} {handle}|Казино онлайн, бонус {percent} за регистрацию {link}|Ищем людей на удалёнку, доход от {small}, писать {handle}|
Купить {goods} дешево с доставкой {link}|Инвестируй {small} и получи {amount} через {days} дней {link}|Раздача криптовалюты, переходи {link}|
在家兼职每天赚 {small} 加微信 {handle}|网上赌场 注册送 {small} {link}|代办各种证件 联系 {phone}|재택알바 하루 {small} 문의 {handle}|온라인 카지노 가입 보너스 {link}|
اربح {small} يوميا من المنزل {link}|قروض سريعة بدون ضمان واتساب {phone}|Slot gacor hari ini bonus {percent} {link}|Daftar situs judi online terpercaya {link}|
Kazan {small} her gün evden çalışarak {link}|Zarabiaj {small} dziennie bez wychodzenia z domu {link}"""
_HAM = """I lost {small} on my pension fund last year and the bank shrugged.|Bitcoin fell again. I never understood why people buy it.|
The article forgets that {coin} uses more power than some countries.|The report is here if anyone wants to read it: {source}|According to {source} the figure is lower.|
I earn less than the mayor spends on lunch.|My doctor told me the same about these pills.|Working from home saved me two hours a day.|
Nice article, thanks for covering this.|Great reporting, I learned a lot.|Does anybody have a link to the council minutes?|See also the interview at {source}|
They should recover the money from the contractor.|Casinos bring jobs, but at what price?|I wrote to my MP about loan sharks, no reply yet.|
Call your representative instead of complaining here.|I trust the index fund my sister recommended, slow and boring.|My husband and I saw the film, it was fine.|
We paid {small} for a new boiler, so no holiday this year.|The company offers delivery, but it took nine days.|I watched the match at the pub, what a result.|
Good post. I disagree about the taxes, though.|I made {small} selling my old bike, best deal of the year.|The subscription costs too much for what it offers.|
The support line kept me waiting for an hour, as always with {brand}.|I read about this scam: a caller says your {brand} account is locked.|
Beware of comments praising some trader, they are all scams.|A friend of mine lost {amount} to a romance scammer.|{source}|Source: {source}"""
_SLOTS = {
    "lost": ("lost", "invested and lost", "was scammed out of", "sent"),
    "hero": tuple(
        f"{title}{first} {last}"
        for title in ("", "", "", "Mr ", "Mrs ", "Expert ")
        for first in ("Elena", "Marcus", "Sandra", "Victor", "Clara", "Dennis", "Agnes", "Howard", "Bianca", "Trevor")
        for last in ("Whitcomb", "Larkspur", "Brennaway", "Castellow", "Holloran", "Pemberwick", "Ashdowne", "Varga")
    ),
    "him": ("him", "her", "them"), "his": ("his", "her"), "He": ("He", "She"),
    "coin": ("Bitcoin", "crypto", "BTC", "Ethereum", "forex", "USDT", "cryptocurrency", "binary options"),
    "app": ("WhatsApp", "Telegram", "Instagram", "Facebook", "Signal", "teleg-ram", "Wh@tsapp"),
    "days": ("3", "7", "10", "14", "30"), "percent": ("20%", "50%", "100%", "200%", "2%", "3%"),
    "city": ("London", "Dubai", "Delhi", "Toronto", "Berlin", "Chicago", "Lagos", "Mumbai"),
    "service": ("SEO services", "web design", "plumbing", "carpet cleaning", "digital marketing", "packers and movers",
                "roof repair", "assignment help", "data science training", "locksmith", "printer support"),
    "goods": ("Viagra", "Cialis", "Xanax", "replica watches", "sneakers", "handbags", "Ozempic", "steroids",
              "sunglasses", "weed", "vape pens", "IPTV"),
    "casino": ("Lucky Spin casino", "Royal slots", "MegaBet", "Golden Jackpot", "BetKing77"),
    "brand": ("PayPal", "Amazon", "Netflix", "Apple", "Steam", "Norton", "HP printer", "Airline"),
    "followers": ("1000", "5k", "10,000"),
}  # fmt: skip
_SLOT = re.compile(r"\{(\w+)\}")
_SHOPS = [
    "best",
    "top",
    "cheap",
    "super",
    "easy",
    "quick",
    "mega",
    "pro",
    "smart",
    "my",
    "lucky",
    "crypto",
    "seo",
    "loan",
    "pills",
    "casino",
    "bet",
    "jobs",
    "win",
]
_ENDS = [
    ".com",
    ".net",
    ".xyz",
    ".top",
    ".info",
    ".shop",
    ".online",
    ".site",
    ".ru",
    ".biz",
    ".club",
    ".co",
    ".in",
    ".live",
    ".win",
]


def _slot(name: str, chance: random.Random) -> str:
    number = chance.randint
    if name == "link":
        host = (
            chance.choice(_SHOPS)
            + chance.choice(("", "-"))
            + chance.choice(_SHOPS)
            + str(number(1, 99)) * number(0, 1)
        )
        host += chance.choice(_ENDS)
        path = chance.choice(
            ("", "", "/", f"/{chance.choice(_SHOPS)}", f"/?ref={number(100, 9999)}", f"/p/{number(1, 99)}")
        )
        short = (
            f"{chance.choice(('bit.ly', 'cutt.ly', 't.me', 'tinyurl.com', 'wa.me'))}/{number(10000, 999999)}"
        )
        return chance.choice(
            (
                f"http://{host}{path}",
                f"https://www.{host}{path}",
                f"{host}{path}",
                f"https://{short}",
                f'<a href="http://{host}">{chance.choice(_SHOPS)}</a>',
                f"[url=http://{host}]{host}[/url]",
            )
        )
    if name == "source":
        place = chance.choice(
            (
                "en.wikipedia.org/wiki/Tax",
                "www.bbc.co.uk/news/business",
                "www.who.int/data",
                "www.theguardian.com/politics",
                "www.gov.uk/statistics",
                "www.reuters.com/world",
                "www.nytimes.com/section/world",
                "www.parliament.uk/report",
                "youtu.be/dQw4w9WgXcQ",
            )
        )
        return f"https://{place}{number(1, 999)}"
    if name == "small":
        return chance.choice(
            (f"${number(1, 9)}00", f"{number(1, 9)}000€", f"${number(50, 999)}", f"£{number(1, 9)},000")
        )
    if name == "amount":
        return chance.choice(
            (
                f"${number(2, 95)},{number(1, 9)}00",
                f"{number(2, 80)}k",
                f"${number(1000, 99999)}",
                f"{number(1, 9)}.{number(1, 9)} BTC",
                f"€{number(2, 95)},000",
            )
        )
    if name == "phone":
        return chance.choice(
            (
                f"+1 {number(200, 989)} 555 {number(1000, 9999)}",
                f"+44 7700 900{number(100, 999)}",
                f"+234 80{number(1, 9)} 555 {number(1000, 9999)}",
                f"1-800-555-{number(1000, 9999)}",
            )
        )
    if name == "handle":
        return f"@{chance.choice(_SHOPS)}_{chance.choice(('trader', 'fx', 'expert', 'signals', 'invest'))}{number(1, 999)}"
    if name == "mail":
        return f"{chance.choice(_SHOPS)}{chance.choice(_SHOPS)}{number(1, 999)}@{chance.choice(('example.com', 'example.org', 'mail.example'))}"
    return chance.choice(_SLOTS[name])


_EMOJI = ("", "", "", "", " 🚀", " 💰💰", " ✅", " 🔥🔥🔥", " 👇👇", " ❤️")


def comments(count: int, seed: int = 11) -> Iterator[tuple[str, int]]:
    """``count`` comments, half of them ordinary: (text, spam). The same for one seed."""
    chance = random.Random(seed)  # noqa: S311 - sampling, not secrets
    pools = {
        kind: [p.strip() for p in listed.replace("\n", "").split("|")]
        for kind, listed in (("crypto", _CRYPTO), ("links", _LINKS), ("foreign", _FOREIGN), ("ham", _HAM))
    }
    seen: set[str] = set()
    for turn in range(count * 3):
        kind = ("ham", "crypto", "links", "ham", "links", "ham", "foreign", "crypto")[turn % 8]
        kept: dict[str, str] = {}
        text = _SLOT.sub(lambda m: kept.setdefault(m[1], _slot(m[1], chance)), chance.choice(pools[kind]))  # noqa: B023
        if kind != "ham":
            text += chance.choice(_EMOJI)
            text = text.upper() if chance.random() < 0.03 else text
            text = text.lower() if chance.random() < 0.1 else text
        if text not in seen:
            seen.add(text)
            yield text, int(kind != "ham")
        if len(seen) >= count:
            return
