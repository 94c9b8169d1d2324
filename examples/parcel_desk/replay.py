"""Write the demo's replay rows: general requests with the base model's own answers.

A tune on one task makes a small model answer everything in that task's form. A tenth of general rows in the mix keeps
the rest alive; the answers are what the base model says already, so they teach nothing new (compare "self-distillation"
and replay in the continual-learning literature). Answers that were cut at the token limit are left out: a row must end
where an answer ends. None of these requests is a case of an eval file; curation checks that too.

    python -m examples.parcel_desk.replay models/smollm2
"""

import json
import sys
from pathlib import Path

from harness.core.codec import from_chat
from harness.evaluate.backends import hf
from harness.types import Arm, Prompt, Reply, Request

FILE = Path(__file__).parent / "replay.jsonl"
MAX_TOKENS = 160
REQUESTS = """\
Why do leaves fall in autumn?
Give me a tip for keeping a kitchen clean.
What does a carpenter do?
Tell me about the water cycle in two sentences.
How can I sleep better?
Explain what a volcano is to a child.
What is the difference between a lake and a sea?
Suggest a name for a grey kitten.
Write a friendly note to a neighbour who has been ill.
What should I pack for a day at the mountains?
Why is it useful to read every day?
Describe the taste of a lemon.
How do bees make honey?
What can I cook with eggs and potatoes?
Give one reason to learn to swim.
What is a good hobby for a quiet person?
Write two lines of a poem about the sea.
How does a thermometer work?
What is the capital of Spain?
How many days are in a leap year?
What colour do you get from blue and yellow?
Which is larger, an elephant or a mouse?
Who wrote Romeo and Juliet?
What is the freezing point of water?
Translate good morning into French.
What is the opposite of noisy?
Name an animal that lives in the desert.
What do plants need to grow?
Is the sun a star?
What is five times six?
Which month comes after March?
What do we call a baby dog?
Make this sentence more polite: Give me the report.
Rewrite in the past tense: I walk to the office.
Complete the sentence: Early in the morning the baker
Correct the spelling: I recieved your mesage.
Summarize in a few words: The shop was closed because the owner was on holiday, so we walked home.
Turn this into a question someone could ask: The museum opens at ten.
Start a story about a lost key with one sentence.
Give three ideas for a birthday present, as a list.
List the steps to make tea.
List some things you find in an office.
Which words rhyme with light?
What would you say to someone who passed an exam?
Ask a friend how the weekend was.
What could I ask a guide in an old castle?
Say hello in a cheerful way.
Say goodbye at the end of a letter.
Explain the word patience.
What makes a good team?
Why do people keep pets?
What is a compass for?
How do I remove a coffee stain?
What happens when ice melts?
Describe a busy street in one sentence.
Describe your favourite season in one sentence.
What is the job of a librarian?
How can a family save water?
What are the primary colours?
What is the tallest animal?
Which planet is known for its rings?
What instrument has black and white keys?
How long does it take to boil an egg?
Where do penguins live?"""


def main() -> None:
    arm = Arm(name="base", model=sys.argv[1] if len(sys.argv) > 1 else "models/smollm2", prompt=Prompt(name="none"))
    chats = [{"role": "user", "content": line} for line in REQUESTS.split("\n")]
    requests = [Request(messages=(from_chat(chat),), max_tokens=MAX_TOKENS) for chat in chats]
    rows = []
    for chat, reply in zip(chats, hf.open([arm]).answer(arm, requests), strict=True):
        if isinstance(reply, Reply) and reply.finish_reason == "stop":
            rows.append({"messages": [chat, {"role": "assistant", "content": reply.text.strip()}]})
    FILE.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    print(f"{len(rows)} of {len(chats)} answers ended by themselves: {FILE}")


if __name__ == "__main__":
    main()
