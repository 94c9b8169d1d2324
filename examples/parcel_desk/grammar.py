"""Messages to a parcel help desk, written by a small grammar, each with the answer that is right for it.

A message is put together from parts: an opening, what went wrong, an order number in one of several spellings, how long
the customer has waited (in figures or words), a wish for the money back, a closing; the parts come in varying order and
with typing errors. Many messages say nothing that can be extracted. The answer is known because the parts are.

Everything is drawn from one `random.Random`, so a seed gives the same messages on every machine.
"""

import random
import string
from dataclasses import dataclass
from typing import Any

CATEGORIES = ("tracking", "late", "damaged", "wrong_item", "address", "other")

WENT_WRONG = {
    "tracking": (
        "where is my parcel", "can you tell me where my package is", "I would like to know where the box is right now",
        "is there any news about my delivery", "the tracking page shows nothing", "has my parcel left the depot yet",
        "could you track my shipment", "the tracking link does not open", "which depot is my package in",
        "I can't see any scan since the label was made", "any idea when the courier gets here",
    ),
    "late": (
        "my parcel is late", "the delivery should have been here long ago", "still nothing has arrived",
        "the package never turned up", "it was promised for Monday and is still not here", "your courier is overdue",
        "I am still waiting for my order", "this is taking far too long", "nothing came, again",
        "the delivery date has passed and I have no parcel", "it has been delayed over and over",
    ),
    "damaged": (
        "the box arrived crushed", "my parcel came soaking wet", "the lamp inside is broken", "the glass is in pieces",
        "the package was torn open", "the screen is cracked", "it arrived with a big dent", "the bottle leaked all over",
        "one leg of the chair is snapped off", "everything in the box is smashed", "the seal was ripped and the cups chipped",
    ),
    "wrong_item": (
        "you sent me the wrong thing", "I got somebody else's order", "I ordered blue shoes and got red ones",
        "there is a kettle in the box, I bought a toaster", "this is not what I ordered", "the size is wrong",
        "half of it is missing and the rest is not mine", "I received two left gloves", "the label has another name on it",
        "that is a child's jacket, mine was for an adult", "the model is not the one I picked",
    ),
    "address": (
        "please send it to my office instead", "I have moved, can you change the address",
        "the street name on the label is wrong", "can the courier leave it with my neighbour",
        "I need a different delivery address", "please redirect it to the pickup point",
        "I forgot the flat number in the address", "deliver it to my mother's house please",
        "could you hold it at the depot, I will collect it", "my postcode was entered wrongly",
    ),
    "other": (
        "do you ship to Norway", "what are your opening hours", "how do I become a courier", "thank you for the quick help",
        "can I pay with a gift card", "hello, is anybody there", "your new app looks great",
        "do you sell boxes", "how heavy may a parcel be", "who won the match last night", "I would like to speak to a person",
        "please stop sending me newsletters", "is the shop at the station open on Sunday",
    ),
}  # fmt: skip
OPENINGS = (
    "Hi,", "Hello,", "Good morning,", "Hey there,", "Dear team,", "Excuse me,", "Hello again,", "To whom it may concern,",
    "", "", "", "", "",
)  # fmt: skip
CLOSINGS = (
    "Thanks.", "Thank you!", "Please help.", "Regards, Tom", "Best, Mira", "Cheers", "Hope to hear from you.", "Not happy.",
    "", "", "", "", "", "",
)  # fmt: skip
ORDER = (
    "order {n}", "my order number is {n}", "(order {n})", "ref {n}", "it's order no. {n}", "number {n}",
    "the reference is {n}", "parcel {n}", "re: {n}", "{n} is the order",
)  # fmt: skip
REFUND = (
    "I want my money back", "please refund me", "I'd like a refund", "just give me a refund", "refund please",
    "can I get my money back", "I expect a full refund", "cancel it and pay me back",
)  # fmt: skip
NO_REFUND = (
    "no need for a refund", "I don't want a refund, just the parcel", "I do not need my money back", "a new one is fine",
    "just send it again",
)  # fmt: skip
WAITING = (
    "I have been waiting for {d}", "waiting {d} now", "it has been {d}", "{d} and counting", "that is {d} already",
    "for {d} now", "I ordered {d} ago", "{d} have gone by",
)  # fmt: skip
DISTRACTION = (
    "I paid {k} euros for it", "it was a present for my {k} year old", "there are {k} items in the box",
    "call me before {k} pm", "I live at number {k}",
)  # fmt: skip
NUMBERS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip


@dataclass(frozen=True)
class Message:
    """A message and the answer that is right for it, keys in the order the prompt names them."""

    text: str
    answer: dict[str, Any]


def message(rng: random.Random) -> Message:
    """One message with its answer."""
    category = rng.choices(CATEGORIES, weights=(20, 24, 16, 14, 12, 14))[0]
    about_a_parcel = category != "other"
    parts = [rng.choice(WENT_WRONG[category])]
    order = days = None
    refund = False
    if about_a_parcel and rng.random() < 0.62:
        order = _order_number(rng)
        parts.append(rng.choice(ORDER).format(n=order))
    if category in ("late", "tracking", "wrong_item") and rng.random() < (0.7 if category == "late" else 0.35):
        days, words = _waiting(rng)
        parts.append(rng.choice(WAITING).format(d=words))
    if category in ("late", "damaged", "wrong_item") and rng.random() < 0.4:
        refund = rng.random() < 0.7
        parts.append(rng.choice(REFUND if refund else NO_REFUND))
    if about_a_parcel and rng.random() < 0.18:
        parts.append(rng.choice(DISTRACTION).format(k=rng.randint(2, 90)))
    if rng.random() < 0.35:
        rng.shuffle(parts)
    answer = {"category": category, "order_number": order, "days_waiting": days, "wants_refund": refund}
    return Message(text=_write(rng, parts, keep=order), answer=answer)


def messages(seed: int, count: int) -> list[Message]:
    """`count` messages with distinct texts."""
    rng, found = random.Random(seed), dict[str, Message]()
    while len(found) < count:
        one = message(rng)
        found.setdefault(one.text.casefold(), one)
    return list(found.values())


def _order_number(rng: random.Random) -> str:
    digits = "".join(rng.choices(string.digits, k=8))
    letters = "".join(rng.choices("ABDFKLMPRTX", k=2))
    return rng.choice(
        (digits, digits[:6], f"{letters}-{digits[:5]}", f"{letters}{digits[:6]}", f"{digits[:4]}-{digits[4:7]}")
    )


def _waiting(rng: random.Random) -> tuple[int, str]:
    """Days, and how the customer says it."""
    if rng.random() < 0.25:
        weeks = rng.randint(1, 3)
        return 7 * weeks, "a week" if weeks == 1 else f"{rng.choice((str(weeks), NUMBERS[weeks - 1]))} weeks"
    days = rng.randint(2, 12)
    return days, f"{rng.choice((str(days), NUMBERS[days - 1]))} days"


def _write(rng: random.Random, parts: list[str], keep: str | None) -> str:
    text = parts[0]
    for part in parts[1:]:
        text += rng.choice((". ", ", ", " - ", "; ", " and ", ". ")) + part
    text = " ".join(
        piece
        for piece in (rng.choice(OPENINGS), text + rng.choice((".", "", "?", "!", "")), rng.choice(CLOSINGS))
        if piece
    )
    style = rng.random()
    if style < 0.25:
        text = text.lower() if keep is None else text.lower().replace(keep.lower(), keep)
    elif style < 0.6:
        text = text[0].upper() + text[1:]
    return _typos(rng, text, keep) if rng.random() < 0.3 else text


def _typos(rng: random.Random, text: str, keep: str | None) -> str:
    """One or two slips of the hand, never in a word with a figure (so never in the order number)."""
    words = text.split(" ")
    for _ in range(rng.randint(1, 2)):
        index = rng.randrange(len(words))
        word = words[index]
        if len(word) < 4 or any(sign.isdigit() for sign in word) or word.lower() in NUMBERS or word == keep:
            continue
        at = rng.randrange(1, len(word) - 1)
        swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        words[index] = rng.choice((swapped, word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:]))
    return " ".join(words)
