"""Patterns by example: a hidden rule, a few pairs of it, and one left to do."""

from __future__ import annotations

from collections.abc import Callable

from ..documents import Exchange, Turn
from ..draw import Draw
from ..world import items, rows
from .texts import REVIEWS
from .wording import capital_letter, several

Pair = tuple[str, str]
PAST = (
    "go went;see saw;eat ate;come came;take took;give gave;run ran;sing sang;swim swam;write wrote;drive drove;"
    "buy bought;think thought;find found;make made;say said;tell told;know knew;fly flew;draw drew;begin began;"
    "drink drank;break broke;speak spoke;sleep slept;keep kept;feel felt;leave left;lose lost;win won;"
    "sit sat;stand stood;walk walked;play played;jump jumped;look looked;cook cooked;open opened;help helped;ask asked;"
    "call called;work worked;talk talked;clean cleaned;wash washed;paint painted"
)
YOUNG = (
    "dog puppy;cat kitten;cow calf;horse foal;sheep lamb;duck duckling;bear cub;frog tadpole;goat kid;hen chick;"
    "pig piglet;swan cygnet;goose gosling;deer fawn;lion cub;owl owlet"
)
HOMES = "bird nest;bee hive;dog kennel;horse stable;spider web;bear den;rabbit burrow;lion den;fish tank;king castle"
COMPARED = (
    "big bigger;small smaller;fast faster;slow slower;tall taller;cold colder;warm warmer;long longer;short shorter;"
    "old older;young younger;high higher;low lower;dark darker;light lighter;strong stronger;weak weaker;soft softer;"
    "hard harder;rich richer;poor poorer;kind kinder;loud louder;quick quicker;deep deeper;sweet sweeter"
)
WORK = (
    "baker bread;painter pictures;farmer crops;writer books;tailor clothes;carpenter tables;cook meals;singer songs;"
    "gardener flowers;potter pots;poet poems;builder houses;programmer code;shoemaker shoes"
)
SMILES = {"positive": ":)", "negative": ":("}


def table(text: str) -> list[Pair]:
    return [(left, right) for left, _, right in (entry.partition(" ") for entry in text.split(";"))]


def words(draw: Draw, count: int) -> list[str]:
    """Different words of the lists, one in three of them coined."""
    known = [*items("items"), *items("animals"), *items("fruits"), *items("foods"), *items("colours")]
    found: list[str] = []
    while len(found) < count:
        word = draw.coined() if draw.chance(0.33) else draw.filling(known)
        if word not in found and " " not in word:
            found.append(word)
    return found


def changed(draw: Draw, count: int) -> list[Pair]:
    """A change of the letters of a word."""
    added = draw.pick(("s", "o", "ish", "ly", "ito", "ix", "er", "y"))
    head = draw.pick(("un", "re", "mega", "no", "x", "big", "super"))
    kind, change = draw.pick(list(letter_rules(added, head).items()))
    chosen = draw.some(table(COMPARED), count) if kind == "length" else words(draw, count)
    return [(word, change(word)) for word in (entry[0] if isinstance(entry, tuple) else entry for entry in chosen)]


def letter_rules(added: str, head: str) -> dict[str, Callable[[str], str]]:
    return {
        "upper": str.upper,
        "capital": capital_letter,
        "first": lambda word: word[0],
        "last": lambda word: word[-1],
        "first big": lambda word: word[0].upper(),
        "first two": lambda word: word[:2],
        "plural": several,
        "suffix": lambda word: word + added,
        "prefix": lambda word: head + word,
        "twice": lambda word: f"{word} {word}",
        "mark": lambda word: word + "!",
        "quoted": lambda word: f'"{word}"',
        "brackets": lambda word: f"[{word}]",
        "the": lambda word: f"the {word}",
        "without last": lambda word: word[:-1],
        "length": lambda word: str(len(word)),
        "copy": lambda word: word,
    }


def fixed(draw: Draw, count: int) -> list[Pair]:
    """A known relation between two words."""
    kind = draw.number(0, 8)
    if kind == 0:
        return [(row[0].removeprefix("the "), row[1]) for row in draw.some(rows("countries"), count)]
    if kind == 1:
        return [(row[1], row[0].removeprefix("the ")) for row in draw.some(rows("countries"), count)]
    if kind == 2:
        return [(pair[0], pair[1]) for pair in draw.some(rows("opposites"), count)]
    if kind == 3:
        column = draw.number(1, 3)
        return [(row[0], row[column]) for row in draw.some(rows("words")[:90], count)]
    if kind == 4:
        column = draw.pick((2, 3, 4))
        return [(row[0].removeprefix("the "), row[column]) for row in draw.some(rows("countries")[:60], count)]
    return draw.some(table(draw.pick((PAST, PAST, COMPARED, YOUNG, HOMES, WORK))), count)


def counted(draw: Draw, count: int) -> list[Pair]:
    """Something done to a number."""
    step, factor = draw.pick((1, 2, 3, 5, 10, 100)), draw.pick((2, 2, 3, 10, 10))
    change: Callable[[int], object] = draw.pick(
        (
            lambda n: n + step,
            lambda n: n + 1,
            lambda n: n + 10,
            lambda n: 20 + n - step if step < 20 else n,
            lambda n: n * factor,
            lambda n: n * 10,
            lambda n: "even" if n % 2 == 0 else "odd",
            lambda n: "small" if n < 20 else "big",
            lambda n: f"{n} euros",
            lambda n: f"#{n}",
            lambda n: f"{n}%",
            lambda n: f"{n}.00",
        )
    )
    return [(str(n), str(change(n))) for n in draw.some(range(1, 21 if draw.chance(0.5) else 60), count)]


def sorted_out(draw: Draw, count: int) -> list[Pair]:
    """A label for each word: its kind."""
    kinds = {"fruits": "fruit", "animals": "animal", "colours": "color", "cities": "city", "persons": "name"}
    kinds |= {"jobs": "job", "months": "month", "weekdays": "day"}
    chosen = draw.some(list(kinds), draw.number(2, 3))
    if draw.chance(0.3):
        labels = draw.some(("A", "B", "C"), len(chosen)) if draw.chance(0.5) else [draw.coined() for _ in chosen]
    else:
        labels = [kinds[kind] for kind in chosen]
    found: list[Pair] = []
    while len(found) < count:
        place = len(found) if len(found) < 2 else draw.number(0, len(chosen) - 1)
        word = draw.filling(items(chosen[place]))
        if all(word != left for left, _ in found) and all(
            word not in items(kind) for kind in chosen if kind != chosen[place]
        ):
            found.append((word, labels[place]))
    return seen_last(draw, found)


def seen_last(draw: Draw, found: list[Pair]) -> list[Pair]:
    """The pairs shuffled so that the label of any later one was there among the first two, where that is possible."""
    draw.random.shuffle(found)
    first = found[0]
    other = next((pair for pair in found if pair[1] != first[1]), found[1])
    rest = [pair for pair in found if pair not in (first, other) and pair[1] in (first[1], other[1])]
    return [first, other, *rest]


def felt(draw: Draw, count: int) -> list[Pair]:
    """A sentiment for each review, in words, as a face or as a number."""
    shown = draw.pick(({}, {}, SMILES, {"positive": "good", "negative": "bad"}, {"positive": "1", "negative": "0"}))
    found: list[Pair] = []
    for place in range(count + 2):
        label = ("positive", "negative")[place % 2] if place < 2 else draw.pick(("positive", "negative"))
        text = draw.filling(REVIEWS[label])
        if all(text != left for left, _ in found):
            found.append((text, shown.get(label, label)))
    return seen_last(draw, found)


def written_out(draw: Draw, count: int) -> list[Pair]:
    """Names, dates and pairs of words put in another form."""
    months = items("months")
    kind = draw.number(0, 6)
    found: list[Pair] = []
    added = draw.coined()
    for _ in range(count):
        first, last = draw.filling(items("persons")), draw.filling(items("persons"))
        day, month, year = draw.number(1, 28), draw.number(1, 12), draw.number(1950, 2030)
        a, b = words(draw, 2)
        city, job = draw.filling(items("cities")), draw.filling(items("jobs"))
        found.append(
            (
                (f"{first} {last}", f"{first[0]}. {last[0]}."),
                (f"{first} {last}", f"{last}, {first}"),
                (f"{day} {months[month - 1]} {year}", f"{year}-{month:02d}-{day:02d}"),
                (f"{a} {b}", f"{b} {a}"),
                (f"{first}, {city}, {job}", city),
                (f"{a}-{b}", f"{a} and {b}"),
                (a, f"{a} {added}"),
            )[kind]
        )
    return found


def pairs(draw: Draw, count: int) -> list[Pair]:
    """`count` pairs of one hidden rule, no question twice."""
    while True:
        makers = ((6, changed), (4, fixed), (3, counted), (2.5, sorted_out), (2, felt), (3, written_out))
        found = draw.weighted(*makers)(draw, count)
        found = list(dict(found).items())
        if len(found) >= 3:
            return found[:count]


def pattern(draw: Draw) -> Exchange:
    shown = pairs(draw, draw.number(3, 6))
    *examples, (question, answer) = shown
    think = f"{examples[0][0]} gives {examples[0][1]}. In the same way {question} gives {answer}."
    if draw.chance(0.25):
        turns: list[Turn] = []
        for left, right in examples:
            turns += [Turn("user", left), Turn("assistant", right)]
        return Exchange(question, answer, think, before=tuple(turns), check=answer, solo=True)
    form = draw.weighted((6, "arrow"), (2, "labels"), (1, "row"), (1, "sentence"))
    if form == "labels":
        first, second = draw.pick((("Input", "Output"), ("Q", "A"), ("in", "out"), ("Text", "Label"), ("x", "y")))
        gap = draw.pick(("\n", "\n\n", "\n"))
        text = gap.join(f"{first}: {left}\n{second}: {right}" for left, right in examples)
        text += f"{gap}{first}: {question}\n{second}:"
    elif form == "sentence":
        verb = draw.pick(("becomes", "gives", "is to", "goes with"))
        text = ". ".join(f"{left} {verb} {right}" for left, right in examples) + f". {question} {verb}"
        text += draw.pick(("", " ...", " what?", "?"))
    else:
        arrow = draw.pick((" -> ", " -> ", ": ", " => ", " = ", "\t", " - ", " | "))
        gap = "\n" if form == "arrow" else draw.pick((", ", "; "))
        text = gap.join([f"{left}{arrow}{right}" for left, right in examples] + [f"{question}{arrow}".rstrip()])
        text += draw.pick((" ?", "")) if draw.chance(0.2) else ""
    if draw.chance(0.35):
        text = draw.ask("patterns", "lead", calm=True) + "\n" + text
    return Exchange(text, answer, think, check=answer, solo=True)
