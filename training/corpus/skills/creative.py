# ruff: noqa: E501  (a text on one line is easier to read than a broken one)
"""Things with many good answers: names, taglines, stories, haiku, jokes, picks and lists."""

from __future__ import annotations

from ..documents import Exchange
from ..draw import Draw
from ..world import items, rows
from .wording import NUMBER_WORDS, capital_letter, numbered, with_article

BUSINESSES = [(a, b.split(";"), c.split(";"), d.split(";"), e.split(";")) for a, b, c, d, e in rows("businesses")]
PETS = [(animal, names.split(";")) for animal, names in rows("pets")]
POEMS = [[cell.split(";") for cell in row] for row in rows("poems")]
JOKES = rows("jokes")


def business(draw: Draw) -> tuple[str, list[str], list[str], list[str]]:
    """A business as it is called in the prompt, its first words, second words and taglines."""
    kind, others, first, second, lines = BUSINESSES[0] if draw.chance(0.3) else draw.pick(BUSINESSES)
    return kind if draw.chance(0.7) else draw.pick(others), first, second, lines


def brand(draw: Draw, first: list[str], second: list[str]) -> str:
    """A name with graded odds: 'The Morning Bean' often, 'Steam & Co.' seldom."""
    one, two = draw.graded(first, 0.9), draw.graded(second, 0.9)
    return draw.weighted(
        (10, f"The {one} {two}"), (6, f"{one} {two}"), (1.5, f"{two} & Co."), (1, f"{one} {two} House")
    )


def name_business(draw: Draw) -> Exchange:
    kind, first, second, _ = business(draw)
    ask = draw.ask("naming", "one", b=with_article(kind), x=kind)
    found = brand(draw, first, second)
    only = "only" in ask.lower() or "just" in ask.lower()
    answer = (
        found
        if only
        else draw.weighted(
            (10, f"{found}"), (3, f"How about {found}?"), (2, f"You could call it {found}."), (1, f"I suggest {found}.")
        )
    )
    think = draw.weighted(
        (1, f"A name for {with_article(kind)}, short and warm. Words that fit: {', '.join(draw.some(second, 3))}."),
        (
            1,
            f"One name for {with_article(kind)} is asked for. I think of {draw.pick(first).lower()} and {draw.pick(second).lower()}.",
        ),
    )
    return Exchange(ask, answer, think, short=found, french=f"Je propose « {found} ».", check=kind)


def name_many(draw: Draw) -> Exchange:
    kind, first, second, _ = business(draw)
    count = draw.weighted((6, 3), (3, 5), (2, 4), (2, 2))
    written = draw.pick((str(count), NUMBER_WORDS[count]))
    ask = draw.ask("naming", "many", k=written, b=with_article(kind), x=kind)
    found: list[str] = []
    while len(found) < count:
        name = brand(draw, first, second)
        if name not in found:
            found.append(name)
    think = f"{capital_letter(NUMBER_WORDS[count])} names for {with_article(kind)}. I number them 1 to {count}."
    return Exchange(ask, numbered(found), think, check=f"count:{count}")


def name_pet(draw: Draw) -> Exchange:
    animal, names = draw.pick(PETS)
    ask = draw.ask("naming", "pet", p=animal, ap=with_article(animal))
    name = draw.graded(names, 0.8)
    answer = draw.weighted((5, name), (3, f"How about {name}?"), (1, f"{name} would be a lovely name."))
    think = f"A name for {with_article(animal)}: short and easy to call."
    return Exchange(ask, answer, think, check="|".join(names))


def tagline(draw: Draw) -> Exchange:
    kind, _, _, lines = business(draw)
    ask = draw.ask("taglines", b=with_article(kind), x=kind)
    line = draw.graded(lines, 0.7)
    answer = draw.weighted((8, line), (1.5, f'"{line}"'))
    return Exchange(
        ask, answer, f"A short line for {with_article(kind)}, warm and easy to remember.", check="|".join(lines)
    )


HEROES = (
    "fox;owl;bear;rabbit;turtle;dragon;mouse;lion;penguin;frog;hedgehog;otter;wolf;deer;goose;horse;squirrel;whale;crow;"
    "robot;girl;boy;king;queen;witch;baker;knight;princess;wizard;sailor;cat;dog;elephant;giraffe;pirate;teacher;farmer;"
    "gardener;ghost;tiger;bee;snail;astronaut;programmer;cook;painter;donkey;duck;monkey"
).split(";")
PLACES = {
    "lighthouse": ("its lamp went out", "lit the lamp again", "even one small light can guide many ships"),
    "bridge": ("it broke in a storm", "built it up again with the neighbors", "together people can mend anything"),
    "library": ("its oldest book was missing", "found the book under a sleeping cat", "lost things wait to be found"),
    "garden": ("its flowers would not open", "sang to the flowers until they opened", "patience makes things grow"),
    "train": ("it forgot its way", "asked the moon and found the rails", "it is good to ask"),
    "castle": ("its gate would not open", "knocked and said please", "a kind word opens doors"),
    "island": ("no ship came any more", "lit a fire that a ship could see", "hope is a good friend"),
    "village": ("its well was dry", "dug until the water came back", "work and hope go hand in hand"),
    "forest": ("its birds fell silent", "learned their song and sang it", "a song can bring back joy"),
    "mountain": ("nobody dared to climb it", "climbed it step by step", "big things begin with small steps"),
    "boat": ("it lost its sail in the wind", "made a new sail from a blanket", "a good idea can carry you far"),
    "clock": ("it stopped at noon", "cleaned its wheels until it ticked again", "small care keeps big things going"),
    "coffee shop": (
        "its last cup broke",
        "drank from bowls with all the guests",
        "sharing makes everything taste better",
    ),
    "school": ("its bell was stolen", "found a crow sitting on the bell", "even a thief may love music"),
    "river": ("it ran dry", "moved one stone and let the water pass", "one small act can change a lot"),
    "computer": ("it forgot all its words", "taught it one word each day", "learning is done one step at a time"),
    "star": ("it fell from the sky", "carried it up the highest hill", "everybody needs help to shine"),
    "tower": ("its stairs were gone", "made a ladder of rope", "there is always a way up"),
}
ADJECTIVES = "little brave old clever lonely curious kind shy small gentle".split()
HOMES = (
    "a small village by the sea",
    "a quiet forest",
    "a tall tower",
    "a busy city",
    "a green valley",
    "a snowy mountain",
    "an old library",
    "a sleepy town",
    "a hidden garden",
    "a house at the edge of the woods",
)
WISHES = (
    ("find a friend", "a new friend", "friendship is the best treasure"),
    ("see the stars up close", "a field full of fireflies", "wonder can be found anywhere"),
    ("learn to fly", "a hill so high that it felt like flying", "courage gives you wings"),
    ("find a lost treasure", "an old box with a map of home", "home is the real treasure"),
    ("see the sea", "a beach with soft white sand", "the world is wide and kind"),
    ("learn to sing", "a song that everyone knew", "every voice matters"),
    ("bake the best cake", "a recipe in an old book", "good things taste better when they are shared"),
    ("find the way home", "a path lit by the moon", "home is where you are loved"),
)
HELPERS = (
    "an old owl",
    "a talking tree",
    "a kind stranger",
    "a small mouse",
    "a wise turtle",
    "a silver fish",
    "a sleepy bear",
)


def hero_story(draw: Draw, hero: str, name: str, sentences: int) -> str:
    """A story of a hero in 2, 3, 5 or 6 sentences; the name is used instead of a pronoun throughout."""
    wish, found, moral = draw.graded(WISHES, 0.5)
    helper = draw.graded(HELPERS, 0.5)
    home = draw.graded(HOMES, 0.5)
    known = with_article(f"{draw.graded(ADJECTIVES, 0.5)} {hero}")
    parts = [
        draw.weighted(
            (6, f"Once upon a time, there was {known} named {name} who lived in {home}."),
            (3, f"Once upon a time, in {home}, there lived {known} named {name}."),
        ),
        draw.weighted(
            (2, f"More than anything, {name} wanted to {wish}."),
            (1, f"Every day, {name} dreamed of one thing: to {wish}."),
            (1, f"{name} had one wish, to {wish}."),
        ),
        draw.weighted(
            (2, f"One day, {name} met {helper}."), (1, f"One morning, {name} set out and met {helper} on the road.")
        ),
        draw.weighted(
            (2, f'"Follow me," said the {helper.split(" ", 1)[1]}, "and do not be afraid."'),
            (1, "Together they walked through wind and rain."),
            (1, f'"What you look for is close," said the {helper.split(" ", 1)[1]}.'),
        ),
        draw.weighted((2, f"At last, {name} found {found}."), (1, f"And there, behind a hill, was {found}.")),
        draw.weighted((3, f"From that day on, {name} knew that {moral}."), (2, f"And {name} learned that {moral}.")),
    ]
    if sentences == 2:
        return f"{parts[0]} {name} wanted to {wish}, and one day {name} found {found}."
    keep = {3: (0, 1, 4), 5: (0, 1, 2, 4, 5), 6: (0, 1, 2, 3, 4, 5)}[sentences]
    return " ".join(parts[place] for place in keep)


def place_story(draw: Draw, place: str, short: bool) -> str:
    """A story of a place or thing: how it was, what went wrong, who helped."""
    trouble, deed, moral = PLACES[place]
    hero, name = draw.graded(HEROES, 0.2), draw.filling(items("persons"))
    known = with_article(f"{draw.graded(ADJECTIVES, 0.5)} {hero}")
    first = draw.weighted(
        (3, f"Once upon a time, there was an old {place}, and near it lived {known} named {name}."),
        (2, f"Once upon a time, there was {with_article(place)} that everyone loved."),
    )
    mention = "" if name in first else f", {known} named {name},"
    middle = draw.weighted((2, f"One night, {trouble}."), (1, f"One stormy day, {trouble}."))
    act = draw.weighted(
        (2, f"{name} {deed}." if not mention else f"Then {known} named {name} came and {deed}."),
        (
            1,
            f"Nobody knew what to do, but {name} {deed}."
            if not mention
            else f"Nobody knew what to do, but {known} named {name} {deed}.",
        ),
    )
    last = draw.weighted(
        (3, f"From that day on, everyone knew that {moral}."), (2, f"And {name} learned that {moral}.")
    )
    return " ".join([first, last] if short else [first, middle, act, last])


def story(draw: Draw) -> Exchange:
    hero, name = draw.filling(HEROES), draw.filling(items("persons"))
    kind = draw.weighted((6, "hero"), (4, "any"), (2, "named"), (1, "short"))
    length = 2 if kind == "short" else draw.weighted((2, 5), (2, 6), (1, 3))
    shown = with_article(hero if kind == "named" or draw.chance(0.7) else f"{draw.pick(ADJECTIVES)} {hero}")
    if kind in ("hero", "short") and draw.chance(0.45):
        place = draw.graded(tuple(PLACES), 0.4)
        ask = draw.ask("stories", kind, h=with_article(place))
        plan = f"The story is about {with_article(place)}. Trouble: {PLACES[place][0]}. End: all is well."
        return Exchange(ask, place_story(draw, place, kind == "short"), plan, check=place)
    ask = draw.ask("stories", kind, h=shown, n=name, bare=hero)
    if kind == "any":
        hero = draw.graded(HEROES, 0.3)
    text = hero_story(draw, hero, name, length)
    if shown != with_article(hero) and kind != "any" and kind != "named":
        adjective = shown.split(" ")[1]
        for other in ADJECTIVES:
            for was in (f"{with_article(other)} {hero} named", f"{with_article(other)} {hero}"):
                text = text.replace(was, was.replace(with_article(other), with_article(adjective)), 1)
    plan = f"A story about {with_article(hero)} named {name}: a wish, a helper, a good end."
    check = {"named": f"{hero}&{name}", "any": "once upon a time|there lived|there was"}.get(kind, hero)
    return Exchange(ask, text, plan, check=check)


def haiku(draw: Draw) -> Exchange:
    theme, others, first, second, third = draw.graded(POEMS, 0.3)
    lines = [draw.graded(part, 0.7) for part in (first, second, third)]
    if draw.chance(0.1):
        return Exchange(
            draw.ask("haiku", "any"), "\n".join(lines), "Three lines: 5, 7 and 5 syllables.", check="lines:3"
        )
    named = theme[0] if draw.chance(0.6) else draw.pick(others)
    think = f"A haiku has three lines with 5, 7 and 5 syllables. Theme: {theme[0]}."
    return Exchange(draw.ask("haiku", t=named), "\n".join(lines), think, check="lines:3")


def joke(draw: Draw) -> Exchange:
    question, punch = draw.graded(JOKES, 0.5)
    french = "Comment la mer dit-elle bonjour ? Elle fait une vague."
    think = "A short joke with a question and a surprise."
    return Exchange(draw.ask("jokes"), f"{question} {punch}", think, french=french, check="jokes")


THINGS = {
    "colour": "colours",
    "color": "colours",
    "animal": "animals",
    "fruit": "fruits",
    "city": "cities",
    "food": "foods",
    "planet": "planets",
    "month": "months",
    "hobby": "hobbies",
    "job": "jobs",
    "pet": "pets",
}


def pick(draw: Draw) -> Exchange:
    kind = draw.weighted((4, "coin"), (2.5, "die"), (4, "number"), (3, "thing"), (1, "favourite"))
    if kind == "coin":
        side = draw.pick(("Heads", "Tails"))
        answer = draw.weighted((6, f"{side}."), (1, f"It is {side.lower()}."))
        return Exchange(
            draw.ask("picks", "coin"),
            answer,
            "I flip a coin in my head.",
            side,
            "Pile." if side == "Heads" else "Face.",
            check="Heads|Tails|heads|tails",
        )
    if kind == "die":
        face = str(draw.number(1, 6))
        answer = draw.weighted((6, f"{face}"), (1, f"You rolled a {face}."))
        return Exchange(
            draw.ask("picks", "die"), answer, "I roll a number from 1 to 6.", short=face, check="1|2|3|4|5|6"
        )
    if kind == "number":
        number = str(draw.random.choices(range(1, 11), (2, 3, 5, 4, 5, 4, 12, 4, 3, 2))[0])
        return Exchange(
            draw.ask("picks", "number"),
            draw.weighted((6, number), (1, f"I pick {number}.")),
            "Any number from 1 to 10 is fine.",
            short=number,
            check="|".join(map(str, range(1, 11))),
        )
    word = draw.pick(tuple(THINGS))
    choices = items(THINGS[word])
    item = capital_letter(draw.graded(choices, 0.9))
    ask = draw.ask("picks", kind, a=with_article(word), x=word)
    if kind == "favourite":
        answer = draw.weighted(
            (2, f"{item}."),
            (
                2,
                f"I am a program, but I like the word {item.lower() if word not in ('city', 'planet', 'month') else item}.",
            ),
        )
    else:
        answer = draw.weighted(
            (6, f"{item}."), (1, f"I pick {item.lower() if word not in ('city', 'planet', 'month') else item}.")
        )
    return Exchange(ask, answer, f"One {word} is asked for. Any will do.", short=item, check="|".join(choices))


LISTS = {
    "colors": "colours",
    "colours": "colours",
    "animals": "animals",
    "fruits": "fruits",
    "cities": "cities",
    "foods": "foods",
    "planets": "planets",
    "months": "months",
    "hobbies": "hobbies",
    "jobs": "jobs",
    "pets": "pets",
    "weekdays": "weekdays",
    "names": "persons",
    "days of the week": "weekdays",
    "professions": "jobs",
}


def listing(draw: Draw) -> Exchange:
    word = draw.pick(tuple(LISTS))
    choices = items(LISTS[word])
    count = draw.weighted((5, 3), (2, 5), (2, 4), (2, 2))
    chosen = choices[:count] if word in ("weekdays", "days of the week", "months") else []
    while len(chosen) < count:
        item = draw.graded(choices, 0.5)
        chosen += [] if item in chosen else [item]
    chosen = [capital_letter(item) for item in chosen]
    form = draw.weighted((6, "list"), (1.5, "list_comma"), (1.5, "list_line"))
    ask = draw.ask("picks", form, k=draw.pick((str(count), NUMBER_WORDS[count])), c=word)
    text = {"list": numbered(chosen), "list_comma": ", ".join(chosen), "list_line": "\n".join(chosen)}[form]
    think = f"{capital_letter(NUMBER_WORDS[count])} {word}: {', '.join(chosen)}."
    return Exchange(ask, text, think, check=f"count:{count}")
