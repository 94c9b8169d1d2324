"""Write `choices.jsonl`: short multiple-choice questions about plain knowledge and language. Run after changing a table.

    python harness/cli/starter/general/knowledge/make_cases.py

Every option is a continuation of the text, so a model is asked which it finds likeliest: one forward pass a case and
nothing generated. Wrong options come from the same table as the right one, in a fixed pseudo-random choice.
"""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

WRONG = 3

OPPOSITES = """hot cold|big small|fast slow|up down|left right|day night|open closed|early late|rich poor|hard soft
wet dry|full empty|heavy light|young old|happy sad|strong weak|high low|long short|loud quiet|clean dirty
first last|black white|thick thin|deep shallow|near far|inside outside|buy sell|push pull|win lose|begin end
love hate|laugh cry|sweet sour|safe dangerous|cheap expensive|sharp blunt|true false|alive dead|awake asleep|wide narrow"""
CAPITALS = """France Paris|Italy Rome|Spain Madrid|Germany Berlin|Japan Tokyo|China Beijing|Russia Moscow|Egypt Cairo
Greece Athens|Portugal Lisbon|Austria Vienna|Norway Oslo|Sweden Stockholm|Finland Helsinki|Denmark Copenhagen
Ireland Dublin|Poland Warsaw|Hungary Budapest|Turkey Ankara|Cuba Havana|Peru Lima|Kenya Nairobi|Canada Ottawa
Australia Canberra|Belgium Brussels|Thailand Bangkok|India Delhi|Iran Tehran|Iraq Baghdad|Chile Santiago"""
KINDS = """animal: dog, horse, tiger, rabbit, elephant, cow, monkey, bear
fruit: apple, banana, cherry, grape, lemon, peach, pear, orange
colour: red, blue, green, yellow, purple, pink, brown, grey
vehicle: car, bus, train, truck, bicycle, boat, motorcycle, plane
tool: hammer, saw, screwdriver, drill, wrench, shovel, axe, knife
country: France, Brazil, Japan, Canada, Egypt, Mexico, Spain, Kenya
instrument: piano, guitar, violin, drum, flute, trumpet, harp, cello
profession: teacher, doctor, farmer, lawyer, nurse, baker, engineer, pilot
metal: gold, silver, iron, copper, tin, lead, zinc, steel
bird: eagle, owl, sparrow, crow, duck, parrot, penguin, swan"""
USES = """You cut bread with a|knife|You write with a|pen|You sweep the floor with a|broom|You open a lock with a|key
You eat soup with a|spoon|You see the time on a|clock|You dry yourself with a|towel|You hammer a|nail
You keep food cold in a|refrigerator|You sleep in a|bed|You sit on a|chair|You boil water in a|kettle
You read a|book|You look at yourself in a|mirror|You carry water in a|bucket|You sew with a|needle
You call someone on the|phone|You wash your hands with|soap|You take pictures with a|camera|You light a room with a|lamp
You climb a wall with a|ladder|You borrow books from a|library|You see a doctor in a|hospital|You watch films in a|cinema
You buy bread at a|bakery|You keep money in a|bank|You catch a train at a|station|You borrow money from a|bank
You brush your teeth with a|toothbrush|You comb your hair with a|comb"""
FACTS = """A week has|seven|days|A year has|twelve|months|A day has twenty-four|hours|long
Bees make|honey|all summer|Cows give|milk|every day|Hens lay|eggs|in the morning|Sheep give|wool|every spring
Water freezes into|ice|when it is cold|Snow is|white|when it falls|Grass is|green|in spring|The sky is|blue|on a clear day
Lemons taste|sour|to most people|Sugar tastes|sweet|to most people|Fire is|hot|to the touch|Ice is|cold|to the touch
The sun rises in the|east|every morning|The sun sets in the|west|every evening|Fish live in|water|all their lives
Birds build|nests|in trees|Spiders spin|webs|to catch flies|Bread is made from|flour|and water|Wine is made from|grapes|in autumn
Cheese is made from|milk|in a dairy|Paper is made from|wood|in a mill|The heart pumps|blood|through the body
We see with our|eyes|and not otherwise|We hear with our|ears|and not otherwise|We smell with our|nose|and not otherwise
We taste with our|tongue|and not otherwise|A triangle has three|sides|and no more|A spider has eight|legs|and no more
A baby dog is called a|puppy|at first|A baby cat is called a|kitten|at first|A baby cow is called a|calf|at first
A baby sheep is called a|lamb|at first|Winter comes after|autumn|each year|Spring comes after|winter|each year
Summer comes after|spring|each year|Monday comes after|Sunday|each week|Friday comes after|Thursday|each week"""
VERBS = """go goes went|eat eats ate|see sees saw|take takes took|give gives gave|write writes wrote|drink drinks drank
run runs ran|come comes came|know knows knew|speak speaks spoke|break breaks broke|sing sings sang|swim swims swam
drive drives drove|grow grows grew|throw throws threw|wear wears wore|fly flies flew|begin begins began"""
PLURALS = """child children childs|foot feet foots|tooth teeth tooths|mouse mice mouses|man men mans|woman women womans
goose geese gooses|leaf leaves leafs|knife knives knifes|wolf wolves wolfs|box boxes boxs|city cities citys
baby babies babys|bus buses buss|potato potatoes potatos|person people persones|shelf shelves shelfs|story stories storys
hero heroes heros|loaf loaves loafs"""
SPELLING = """because becuase becouse|friend freind frend|believe beleive belive|receive recieve receeve|their thier theyr
beautiful beatiful beautifull|tomorrow tommorow tomorow|separate seperate seperete|necessary neccessary necesary
different diferent diffrent|beginning begining beggining|business buisness busness|library libary liberry
favourite favorit faverite|surprise suprise surprize|definitely definately definitly|calendar calender calander
government goverment govermnent|knowledge knowlege nowledge|weather wether weathar|neighbour nieghbour nayber
enough enouf enugh|thought thougt thaught|address adress addres|across accross acros|really realy reelly
until untill untl|which wich whitch|people poeple peeple|minute minit minuite|answer anser answar|autumn autum autunm
island iland ileand|listen lisen listin|machine mashine machin|mountain mountin mountane|question qestion queston
strength strenth strenght|stomach stomack stumach|vegetable vegtable vegetible"""
SUBJECTS = """The keys on the table|are|is|The dog near the houses|is|are|My brothers|are|is|The colour of the walls|is|are
Each of the boys|is|are|The children in the park|are|is|A box of apples|is|are|The woman with two dogs|is|are
Both of them|are|is|The books on the shelf|are|is|One of the windows|is|are|Her friends|are|is|The price of tickets|is|are
The trees behind the house|are|is|The man who sells newspapers|is|are|My mother and my father|are|is|The soup|is|are
Those shoes|are|is|This pair of gloves|is|are|The leaves of the tree|are|is"""
PLACES = ["here", "old", "very nice", "there"]
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]

SIZES = ["ant", "bee", "mouse", "rat", "rabbit", "cat", "dog", "sheep", "lion", "horse", "elephant"]
NOUNS = """apple orange egg umbrella engineer uncle aunt oven island elephant owl envelope onion idea army office hour
banana cherry table chair garden window doctor teacher farmer hammer bottle university
uniform bicycle carrot old_man honest_answer empty_glass young_man big_house green_leaf useful_tool"""
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]

Choice = tuple[str, str, list[str]]
"""Text, right continuation, wrong ones."""


def entries(table: str, separator: str = "|") -> list[str]:
    return [cell.strip() for line in table.splitlines() for cell in line.split(separator)]


def pairs(table: str) -> list[list[str]]:
    return [entry.split() for entry in entries(table)]


def grouped(table: str, size: int) -> list[list[str]]:
    cells = entries(table)
    return [cells[start : start + size] for start in range(0, len(cells), size)]


def others(dice: random.Random, pool: Sequence[str], right: str, count: int = WRONG) -> list[str]:
    return dice.sample(sorted(set(pool) - {right}), count)


def opposites(dice: random.Random) -> Iterator[Choice]:
    table = pairs(OPPOSITES)
    for one, other in [*table, *([b, a] for a, b in table)]:
        pool = [word for pair in table for word in pair if word != one]
        yield f"The opposite of {one} is", other, others(dice, pool, other)


def capitals(dice: random.Random) -> Iterator[Choice]:
    table = pairs(CAPITALS)
    for country, city in table:
        yield f"The capital of {country} is", city, others(dice, [other for _, other in table], city)
        yield f"{city} is the capital of", country, others(dice, [other for other, _ in table], country)


def kinds(dice: random.Random) -> Iterator[Choice]:
    table = {line.split(": ")[0]: line.split(": ")[1].split(", ") for line in KINDS.splitlines()}
    for kind, members in table.items():
        for member in members:
            yield f"Question: What kind of thing is {member}?\nAnswer: a", kind, others(dice, list(table), kind)


def uses(dice: random.Random) -> Iterator[Choice]:
    table = grouped(USES, 2)
    for text, thing in table:
        yield text, thing, others(dice, [other for _, other in table], thing)


def facts(dice: random.Random) -> Iterator[Choice]:
    table = grouped(FACTS, 3)
    for text, word, _ in table:
        yield text, word, others(dice, [other for _, other, _ in table], word)


def sums(dice: random.Random) -> Iterator[Choice]:
    for one in range(1, 10):
        for other in range(1, 10):
            right = one + other
            near = [str(number) for number in range(max(1, right - 3), right + 4)]
            yield f"Question: What is {one} + {other}?\nAnswer:", str(right), others(dice, near, str(right))


def comparing(dice: random.Random) -> Iterator[Choice]:
    for low in range(1, 12, 2):
        for high in range(low + 1, 13, 3):
            small, large = NUMBERS[low], NUMBERS[high]
            yield f"Which is larger, {small} or {large}? The larger number is", large, [small]
            yield f"Which is smaller, {large} or {small}? The smaller number is", small, [large]


def spelling(dice: random.Random) -> Iterator[Choice]:
    for right, *wrong in pairs(SPELLING):
        yield "The word is spelled", right, wrong


def grammar(dice: random.Random) -> Iterator[Choice]:
    for base, third, past in pairs(VERBS):
        yield "Every day she", third, [base]
        yield "Yesterday they", past, [base, third]
        yield "I want to", base, [third, past]
    for one, many, wrong in pairs(PLURALS):
        yield f"One {one}, two", many, [wrong]
    for number, (subject, right, wrong) in enumerate(grouped(SUBJECTS, 3)):
        place = PLACES[number % len(PLACES)]
        yield subject, f"{right} {place}.", [f"{wrong} {place}."]


def sizes(dice: random.Random) -> Iterator[Choice]:
    for low, small in enumerate(SIZES):
        for large in SIZES[low + 1 :]:
            yield (
                f"Which animal is bigger, {article(small)} or {article(large)}? The bigger animal is the",
                large,
                [small],
            )


def articles(dice: random.Random) -> Iterator[Choice]:
    for noun in (word.replace("_", " ") for word in NOUNS.split()):
        right = article(noun)
        wrong = f"a {noun}" if right.startswith("an ") else f"an {noun}"
        yield "In the picture we see", f"{right}.", [f"{wrong}."]


def sequences(dice: random.Random) -> Iterator[Choice]:
    for names in (NUMBERS, DAYS, MONTHS, list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), [str(n * 10) for n in range(1, 16)]):
        for start in range(len(names) - 3):
            shown, right = names[start : start + 3], names[start + 3]
            yield f"{', '.join(shown)},", right, others(dice, [name for name in names if name not in shown], right, 1)


def article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeio" or noun in ("umbrella", "uncle", "hour", "honest answer") else f"a {noun}"


TABLES = (opposites, capitals, kinds, uses, facts, sums, comparing, spelling, grammar, sizes, articles, sequences)


def main() -> None:
    dice = random.Random(20)
    lines = []
    for table in TABLES:
        for number, (text, right, wrong) in enumerate(table(dice), start=1):
            options = [f" {option}" for option in (right, *wrong)]
            dice.shuffle(options)
            case = {"id": f"{table.__name__}-{number:03d}", "kind": table.__name__, "text": text, "options": options}
            lines.append(json.dumps({**case, "expected": f" {right}"}, ensure_ascii=False))
    file = Path(__file__).with_name("choices.jsonl")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{file}: {len(lines)} cases")


if __name__ == "__main__":
    main()
