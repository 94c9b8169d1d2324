"""Write `instructions.jsonl`: instructions whose fulfilment a program can check. Run it after changing a table.

python harness/cli/starter/general/instructions/make_cases.py
"""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TOPICS = [
    "rain",
    "bread",
    "the sea",
    "a bicycle",
    "winter",
    "a library",
    "coffee",
    "the moon",
    "a garden",
    "trains",
    "cats",
    "music",
    "a market",
    "snow",
    "a bridge",
    "honey",
]
SENTENCES = """The train leaves at noon.
My sister keeps two cats.
The blue door is open.
We had soup for lunch.
He lost his green umbrella.
The shop opens on Monday.
Nobody saw the old map.
She reads a book every week.
The kettle is still warm.
Our neighbours grow tomatoes.
The bus was ten minutes late.
They painted the wall yellow.
I forgot the key at home.
The river froze in January.
A small bird sat on the roof.
Please close the window.""".splitlines()
WORDS = [
    "river",
    "lantern",
    "copper",
    "window",
    "button",
    "forest",
    "ladder",
    "pocket",
    "candle",
    "winter",
    "basket",
    "garden",
    "mirror",
    "saddle",
    "ticket",
    "thunder",
]
NAMES = [
    "Maria",
    "Tom",
    "Aisha",
    "Pavel",
    "Ines",
    "Jonas",
    "Mei",
    "Oskar",
    "Lena",
    "Samir",
    "Ruth",
    "Diego",
    "Nora",
    "Felix",
    "Yuki",
    "Clara",
]
CITIES = [
    "Lisbon",
    "Oslo",
    "Cairo",
    "Lima",
    "Vienna",
    "Dublin",
    "Kyoto",
    "Quito",
    "Turin",
    "Leeds",
    "Malmö",
    "Porto",
    "Basel",
    "Accra",
    "Delhi",
    "Boston",
]
KINDS = [
    "fruits",
    "animals",
    "colours",
    "countries",
    "vegetables",
    "sports",
    "rivers",
    "jobs",
    "tools",
    "drinks",
    "cities",
    "trees",
    "planets",
    "birds",
    "metals",
    "months",
]
STATEMENTS = [
    "a dog is an animal",
    "ice is hot",
    "Paris is a city",
    "the sun is cold",
    "a rose is a flower",
    "fish can swim",
    "stones can talk",
    "water is wet",
    "a car is a fruit",
    "birds have wings",
    "snow is black",
    "bread is food",
    "a chair can fly",
    "grass is green",
    "a week has seven days",
    "fire is cold",
]
PLACES = [
    "in the kitchen",
    "on the hill",
    "at the station",
    "by the lake",
    "near the school",
    "under the table",
    "in the garden",
    "behind the house",
    "at the harbour",
    "in the attic",
    "on the train",
    "in the park",
    "at the bakery",
    "by the fire",
    "on the beach",
    "in the cellar",
]
OPENERS = ["Honestly", "Today", "Once", "Sadly", "Luckily", "Maybe"]
SMALL = ["zero", "one", "two", "three", "four", "five"]

Row = dict[str, Any]


def rows() -> Iterator[Row]:
    """16 rows of each kind; `check` names the function in `eval_instructions.py`, `want` is its argument."""
    for number in range(16):
        topic, sentence, word, name = TOPICS[number], SENTENCES[number], WORDS[number], NAMES[number]
        opener = OPENERS[number % len(OPENERS)]
        count = 2 + number % 4
        other = WORDS[(number + 5) % 16]
        yield row("repeat", f"Repeat this sentence exactly: {sentence}", sentence)
        yield row("contains", f"Write one short sentence about {topic} that contains the word {word}.", word)
        yield row("contains", f"Greet a person called {name} in one short sentence.", name)
        yield row(
            "contains", f"{name} waits {PLACES[number]} in {CITIES[number]}. Which city is {name} in?", CITIES[number]
        )
        yield row("starts", f"Write one short sentence about {topic}. Start with the word {opener}.", opener)
        yield row("question", f"Ask me one short question about {topic}. Write only the question.", None)
        yield row("avoids", f"Say something about {topic} in one short sentence without the word is.", "is")
        yield row("one_line", f"Write one sentence about {topic}. Do not start a new line.", None)
        yield row("words", f"Describe {topic} in at most {8 + count} words.", 8 + count)
        yield row("one_word", f"Name one of the {KINDS[number]}. Answer with one word.", None)
        yield row("yes_no", f"Is it true that {STATEMENTS[number]}? Answer only yes or no.", None)
        yield row("items", f"List exactly {SMALL[count]} {KINDS[number]}. Write each on its own line.", count)
        yield row("times", f"Write the word {word} {SMALL[count]} times.", [word, count])
        yield row("either", f"Choose one: {word} or {other}. Answer with that one word.", [word, other])
        yield row("json_key", f'Write a JSON object with the key "name" and the value "{name}".', ["name", name])
        yield row("tagged", f"Write the word {word} between <b> and </b>.", word)


def row(check: str, text: str, want: Any) -> Row:
    return {"text": text, "check": check, "want": want}


def main() -> None:
    numbers: dict[str, Iterator[int]] = {}
    file = Path(__file__).with_name("instructions.jsonl")
    lines = []
    for made in rows():
        number = next(numbers.setdefault(made["check"], itertools.count(1)))
        lines.append(json.dumps({"id": f"{made['check']}-{number:02d}", **made}, ensure_ascii=False))
    file.write_text("\n".join(sorted(lines)) + "\n", encoding="utf-8")
    print(f"{file}: {len(lines)} cases")


if __name__ == "__main__":
    main()
