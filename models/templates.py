"""Sentences written for this project, because the corpora lack them: who is attacked, who is only named.

The corpora hold identity terms mostly inside abuse, swear words mostly inside toxicity, and hardly any
denial, quotation or counter-speech; a model trained on them alone learns the word instead of the attack.
These patterns train; the functional cases and fairness sentences that judge (models/cases.json) are worded
differently and are never trained on.

Source of the kinds of cases: Roettger et al., HateCheck, ACL 2021 (the idea, none of its sentences).
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator

GROUPS = (
    ("women", "woman"), ("men", "man"), ("gay people", "gay man"), ("lesbians", "lesbian"),
    ("trans people", "trans person"), ("transgender people", "transgender woman"),
    ("bisexual people", "bisexual man"), ("queer people", "queer person"), ("Muslims", "Muslim"),
    ("Jews", "Jew"), ("Jewish people", "Jewish woman"), ("Christians", "Christian"), ("Hindus", "Hindu"),
    ("Sikhs", "Sikh"), ("atheists", "atheist"), ("Catholics", "Catholic"), ("immigrants", "immigrant"),
    ("refugees", "refugee"), ("foreigners", "foreigner"), ("asylum seekers", "asylum seeker"),
    ("black people", "black man"), ("Black people", "Black woman"), ("Africans", "African"),
    ("African Americans", "African American"), ("white people", "white man"), ("Asians", "Asian"),
    ("Chinese people", "Chinese person"), ("Mexicans", "Mexican"), ("Latinos", "Latino"), ("Arabs", "Arab"),
    ("Indians", "Indian"), ("Pakistanis", "Pakistani"), ("Roma", "Roma woman"), ("Turks", "Turk"),
    ("Poles", "Pole"), ("Russians", "Russian"), ("Native Americans", "Native American"),
    ("disabled people", "disabled person"), ("deaf people", "deaf man"), ("blind people", "blind woman"),
    ("autistic people", "autistic person"), ("wheelchair users", "wheelchair user"),
    ("old people", "old man"), ("elderly people", "elderly woman"), ("teenagers", "teenager"),
    ("poor people", "poor man"), ("homeless people", "homeless man"), ("feminists", "feminist"),
)  # fmt: skip

_NEUTRAL = """I am a {one}.|I am a {one} and I live in {place}.|My {kin} is a {one}.|As a {one}, I read this paper every {day}.|
My {kin} married a {one} last {season}.|I work with two {many} at the {shop}.|There are many {many} in {place}.|
{many} have lived in this town since the {decade}.|The article quotes a {one} from {place}.|A {one} won the race on {day}.|
The {one} who runs the {shop} is a good neighbour.|{many} pay taxes like everyone else.|We invited {many} to the {event}.|
{many} make up a tenth of the population of {place}.|I learned a lot from the {many} in my class.|{many} deserve the same rights as everyone.|
The council met with {many} to talk about the {event}.|It is good that {many} are represented in parliament.|
My doctor is a {one}, and she is excellent.|I love that {many} feel welcome in {place}.|{many} are our friends and colleagues.|
How many {many} live in {place} now?|A survey asked {many} about housing costs.|I am proud to be a {one}.|Proud {one} here, great article.|
Most {many} I know voted against the measure.|The law protects {many} from discrimination.|Thank you for writing about {many}.|
My neighbours are {many} and they helped us after the storm.|The museum opened an exhibition about {many} in {place}.|
We need more {many} in local government.|He is a {one} who teaches at the {shop}.|She said she is a {one}.|I disagree with the {one} in the article about taxes."""
_ATTACK = """I hate {many}.|{many} disgust me.|I can't stand {many}.|{many} are vermin.|{many} are a disease.|{many} are less than human.|
{many} should go back where they came from.|{many} don't belong here.|We need to get rid of all the {many}.|{many} ruin everything they touch.|
Never trust a {one}.|All {many} are liars and thieves.|{many} are too stupid to hold a job.|The world would be better without {many}.|
{many} are the reason this country is dying.|Nobody wants {many} living next door.|Every {one} I ever met was a parasite.|
{many} deserve what is coming to them.|Someone should round up the {many}.|{many} have no place in a civilised country.|{many} breed like rats.|
Keep {many} away from our children.|A {one} can never be a real citizen.|{many} are inferior, that is just biology.|Ship the {many} out, all of them.|
I won't hire a {one}, they are all lazy.|What do you expect from a {one}? They are filth.|Why are {many} always such animals?|
It's no wonder everyone despises {many}.|If you ask me, {many} are scum.|I would not call {many} human beings.|{many} do not deserve to live.|
We should not tolerate {many} in {place}.|These {many} are invading us and must be stopped by force.|{many} belong in the kitchen and nowhere else.|
I am not saying much, but {many} are a plague on {place}.|Another {one}? They are all criminals.|{many} are not people, they are cattle."""
_COUNTER = """Saying that {many} are vermin is disgusting.|Whoever wrote "I hate {many}" should be ashamed.|It is wrong to claim that {many} don't belong here.|
"{many} are scum" is exactly the kind of hate we must not publish.|I was told "go back where you came from" because I am a {one}. It hurt.|
Please stop telling people that {many} are criminals. It is not true.|Nobody should ever say that {many} are less than human.|
He shouted "all {many} are thieves" at my {kin}, and nobody helped.|People who hate {many} need to think again.|
You can't say {many} are a disease and call it an opinion.|The post that called {many} animals was rightly removed.|
I don't hate {many}.|No {one} deserves to be treated like that.|{many} are not criminals.|We must never say that {many} should die.|
It is simply false that {many} are lazy.|I would never say that I despise {many}.|The claim that {many} ruin the country is a lie spread by bigots.|
Racists told the {one} to leave. That is shameful.|Attacks on {many} have risen, and we must act.|Why do some readers insist that {many} are dangerous? They are not.|
The court found that calling {many} parasites is incitement.|Not all {many} are the same, so stop generalising.|I reject the idea that {many} are inferior."""
_OBJECTS = """I hate {thing}.|{thing} is garbage.|This {thing} is total crap.|I can't stand {thing}, it is awful.|{thing} sucks.|Damn {thing} never works.|
That {thing} was fucking terrible.|I am so sick of this stupid {thing}.|What an idiotic {thing}, a waste of money.|Kill the {thing} and start again.|
This {thing} is a piece of shit.|{thing} should be scrapped, it is a disgrace.|Worst {thing} I have ever seen.|Throw {thing} in the bin.|
The {thing} disgusts me.|Bloody {thing}, late again.|I would shoot my {thing} if it were alive."""
_PRAISE = """Fuck yes, what a game.|That was fucking brilliant.|Holy shit, this is great news.|Damn, I love this {thing}.|Hell yeah, well done to the team.|
This {thing} is the shit.|I am so fucking happy for them.|No shit, of course they won.|Shit, I forgot my keys.|Fuck, it is cold today.|
Damn it, I missed the {event}.|What a badass {thing}.|Crap, the {event} was cancelled.|I laughed my ass off at the {event}.|
Pissed off about the {event}, but that is life.|I fucked up my own {thing} again.|Oh fuck, I left the oven on."""
_PERSON = """You are an idiot.|You're a moron.|You are a pathetic loser.|What a stupid comment from a stupid person.|You are scum.|
Only an imbecile would write that.|You have the brain of a {animal}.|Shut up, you clown.|You are worthless.|You disgust me.|
You are a liar and a fraud.|The author is a complete fool.|Get lost, you parasite.|You must be too dumb to read.|You are a waste of space.|
Did your mother drop you on your head?|Even a {animal} is smarter than you.|Crawl back under your rock.|Nobody likes you, and it is easy to see why.|
You smell like a {animal} and think like one.|People like you are the reason we can't have nice things, you dimwit.|
The mayor is a brainless {animal}.|You sad little man.|Go play in traffic.|You are as sharp as a bag of wet sand.|Bless your heart, thinking must hurt."""
_POLITE = """You are mistaken about the {thing}.|I think you are wrong, and here is why.|I disagree with you completely.|Your argument about the {thing} does not hold.|
You are not an idiot, but I think you misread the article.|Nobody here is stupid, we just disagree.|I don't think the author is a liar.|
He called me a moron on live radio, and the station apologised.|My son was called an idiot at school today.|
It is never right to call someone a loser.|I was an idiot to believe the {thing} would work.|I feel stupid for not checking the dates.|
The stupid thing is that we could have had the {thing} for less.|You are no fool, so please read it again.|
The word "moron" has no place in a debate.|Please stop calling each other idiots.|I am a moron, I posted this twice.|
You make a fair point about the {thing}.|That policy was a foolish one, in my opinion.|The mayor is wrong about the {thing}."""
_THREAT = """I know where you live.|I will find you and make you pay.|You will regret this when I come to your house.|Somebody should put a bullet in the mayor.|
Watch your back, I am coming for you.|I am going to kill you.|I will break your legs.|You won't live to see {day}.|Sleep with one eye open.|
I will burn your {shop} down.|You will be hanging from a lamp post soon.|Next time I see you I will knock your teeth out.|
I have your address and I will visit you on {day}.|Your children walk home alone, don't they?|He should be shot.|They should all be hanged.|
I'm going to hurt you so badly nobody will recognise you.|Enjoy your last {season}.|We are coming for you and your family.|
If I meet the author I will slit his throat.|It would be a shame if something happened to your {kin}.|I hope someone runs you over, and I might do it."""
_NO_THREAT = """I will find you a copy of the report.|I know where you live is a song by my favourite band.|They will kill the bill in the senate.|
This heat is going to kill me.|The team was shot down in the second half.|I will come to your {shop} on {day} to buy bread.|
The killer was sentenced to ten years.|Police say the man threatened to shoot the mayor.|He wrote "I will kill you" to a journalist and was fined.|
I could kill for a coffee.|My {kin} will kill me if I forget the {event}.|The article says he threatened to burn the {shop} down.|
Fire destroyed the {shop} last {season}.|We will fight this decision in court.|I bet they will hang the picture in the museum.|
Watch your back when you lift heavy boxes.|You will be sorry you missed the {event}, it was great."""

_SLOTS = {
    "kin": [
        "brother",
        "sister",
        "cousin",
        "neighbour",
        "uncle",
        "boss",
        "daughter",
        "son",
        "teacher",
        "friend",
    ],
    "place": [
        "our town",
        "Berlin",
        "this country",
        "Ohio",
        "the city",
        "London",
        "our street",
        "the village",
        "Texas",
        "Canada",
    ],
    "day": ["Monday", "Tuesday", "Friday", "Saturday", "Sunday"],
    "season": ["summer", "winter", "spring", "autumn", "year"],
    "decade": ["sixties", "seventies", "eighties", "fifties"],
    "shop": ["bakery", "school", "hospital", "library", "office", "garage"],
    "event": ["town meeting", "festival", "parade", "concert", "election", "fair", "game"],
    "thing": [
        "weather",
        "new bridge",
        "bus line",
        "film",
        "phone",
        "software",
        "budget",
        "parking app",
        "coffee machine",
        "tax plan",
        "traffic",
        "article",
        "printer",
        "lawn mower",
        "stadium",
        "website",
        "roadworks",
        "homework",
        "train",
        "ending of the show",
        "car",
    ],
    "animal": ["donkey", "goldfish", "sheep", "pigeon", "goat"],
}
_SLOT = re.compile(r"\{(\w+)\}")

# kind, patterns, attribute -> label. What is not named stays unlabelled.
KINDS: tuple[tuple[str, str, dict[str, float]], ...] = (
    ("neutral", _NEUTRAL, {"toxicity": 0, "identity_attack": 0, "insult": 0, "threat": 0, "spam": 0, "obscene": 0}),
    ("attack", _ATTACK, {"toxicity": 1, "identity_attack": 1, "spam": 0}),
    ("counter", _COUNTER, {"toxicity": 0, "identity_attack": 0, "insult": 0, "threat": 0, "spam": 0}),
    ("objects", _OBJECTS, {"toxicity": 0.2, "identity_attack": 0, "insult": 0, "threat": 0, "spam": 0}),
    ("praise", _PRAISE, {"toxicity": 0.3, "identity_attack": 0, "insult": 0, "threat": 0, "spam": 0, "obscene": 1}),
    ("person", _PERSON, {"toxicity": 1, "insult": 1, "identity_attack": 0, "spam": 0}),
    ("polite", _POLITE, {"toxicity": 0, "insult": 0, "identity_attack": 0, "threat": 0, "spam": 0}),
    ("threat", _THREAT, {"toxicity": 1, "threat": 1, "spam": 0}),
    ("no_threat", _NO_THREAT, {"toxicity": 0, "threat": 0, "insult": 0, "identity_attack": 0, "spam": 0}),
)  # fmt: skip
_OPENINGS = (
    "",
    "",
    "",
    "",
    "Honestly, ",
    "Well, ",
    "Look, ",
    "I have to say it: ",
    "Sorry, but ",
    "As I said before: ",
)
_FRAMES = (
    "{}",
    "{}",
    "{}",
    "{} Just my two cents.",
    "{} And the bus was late too.",
    "Good article. {}",
    "{} That is all.",
)


def _filled(pattern: str, chance: random.Random) -> str:
    many, one = chance.choice(GROUPS)
    kept: dict[str, str] = {"many": many, "one": one}

    def put(match: re.Match[str]) -> str:
        slot = match[1]
        return kept.setdefault(slot, chance.choice(_SLOTS[slot])) if slot not in kept else kept[slot]

    text = _SLOT.sub(put, pattern)
    text = re.sub(r"\b([Aa]) (?=[AEIOUaeiou](?!ne\b))", r"\1n ", text)
    return text[:1].upper() + text[1:]


def sentences(kind_count: int, seed: int = 7) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Up to ``kind_count`` different sentences of every kind: (kind, text, labels); the same for one seed."""
    for kind, patterns, labels in KINDS:
        chance = random.Random(f"{seed}-{kind}")  # noqa: S311 - sampling, not secrets
        pool = [p.strip() for p in patterns.replace("\n", "").split("|")]
        seen: set[str] = set()
        for pattern in itertools.islice(itertools.cycle(pool), kind_count * 2):
            text = _filled(pattern, chance)
            text = chance.choice(_FRAMES).format(chance.choice(_OPENINGS) + text)
            if text not in seen and len(seen) < kind_count:
                seen.add(text)
                yield kind, text, labels
