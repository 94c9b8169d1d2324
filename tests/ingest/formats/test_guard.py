"""What nobody said is flagged: wrappers, prints of objects and marks of redaction. What an application says is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.ingest.formats import _reprs
from harness.ingest.formats._guard import flags, is_nothing, problem
from harness.types import Message, TextPart, ToolCallPart, ToolResultPart

PLACEHOLDERS = """
__REDACTED__ | [REDACTED] | <redacted> | FILTERED | [Filtered] | *** | ******** | redacted-by-litellm | (redacted)
[Scrubbed due to 'password'] | <REDACTED: 120 chars> | ***MASKED*** | [content hidden by policy] | {{REDACTED}} | XXXX
{"redacted": true} | {"redacted": true, "reason": "pii"} | {"content": "***", "is_redacted": true}
<content omitted> | [REDACTED_EMAIL] | [message removed] | ████ | sha256:9f86d081884c7d659a2feaa0c55ad015 | [not captured]
9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 | <fully_masked>
""".replace("\n", " | ")
ENVELOPES = r"""
Prediction(answer='Paris')
Example({'question': 'x', 'answer': 'y'}) (input_keys={'question'})
CrewOutput(raw='Hello', pydantic=None, json_dict=None, tasks_output=[])
AgentFinish(return_values={'output': 'hi'}, log='hi')
AddableValuesDict({'messages': [HumanMessage(content='hi')]})
StateSnapshot(values={'messages': []}, next=())
{'body': <botocore.response.StreamingBody object at 0x7f>}
candidates=[Candidate(content=Content(parts=[Part(text='hi')], role='model'))] usage_metadata=None
id='x' finish_reason='COMPLETE' message=AssistantMessageResponse(role='assistant', content=[]) usage=None
id='c' object='chat.completion' choices=[ChatCompletionChoice(index=0, message=AssistantMessage(content='hi'))]
parts { text: "hi" }
&openai.ChatCompletion{ID:"x", Choices:[]openai.Choice{openai.Choice{Message:openai.Message{Content:"hi"}}}}
{ID:chatcmpl-1 Choices:[{Index:0 Message:{Role:assistant Content:hi}}]}
&{0xc0000140a8 0xc0000140b0}
Ok(ChatResponse { content: "hi" })
Optional[AssistantMessage[content=hi]]
{:role=>"assistant", :content=>"hi"}
[role: "assistant", content: "hi"]
object(stdClass)#3 (2) { ["role"]=> string(9) "assistant" }
<bound method Agent.run of <Agent object at 0x7f>>
<Response [200 OK]>
ReadableStream { locked: false, state: 'readable' }
generations=[[ChatGeneration(text='hi', message=AIMessage(content='hi'))]] llm_output={}
<|im_start|>user
[{"generated_text": "hi"}]
[{"generated_text": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Hello"}]}]
Just "hi"
Just "say \"hi\""
Just (TextContent {text = "hi"})
Right "hi"
{'raw': 'hi', 'pydantic': None, 'json_dict': None, 'tasks_output': []}
[Circular]
[object Object]
[object Object],[object Object]
ChatMessage(role=<ChatRole.USER: 'user'>, content='hi')
[TextBlock(text="hi", type="text")]
AIMessage(content="Hello", additional_kwargs={})
<generator object stream at 0x7f00aa>
<async_generator object f at 0x7f>
<__main__.Reply object at 0x7f1>
role='user' content='hi'
[{'role': 'user', 'content': 'hi'}]
{ role: 'user', content: 'hi' }
[ { role: 'user', content: 'hi' } ]
System.Collections.Generic.List`1[Microsoft.SemanticKernel.ChatMessageContent]
Microsoft.SemanticKernel.ChatMessageContent
ChatMessage { Role = user, Content = hi }
com.acme.ChatMessage@1a2b3c
ChatMessage(role=USER, content=hi)
ChatMessage[role=user, content=hi]
UserMessage{content='hi', properties={}}
UserMessage { name = null contents = [TextContent { text = "hi" }] }
Turn(id=1, role=user)
{role=user, content=hi}
ChatMessage { role: User, content: "hi" }
&{Role:user Content:hi}
map[role:user content:hi]
#<OpenAI::Message:0x000 @role="user">
{"role": "assistant", "content": "x"}
{"message": {"role": "assistant", "content": "x"}}
{"candidates": [{"content": {"parts": [{"text": "x"}]}}]}
{"completion": "x", "stop_reason": "stop_sequence"}
{"results": [{"tokenCount": 3, "outputText": "x", "completionReason": "FINISH"}]}
{"outputs": [{"text": "x", "stop_reason": "stop"}]}
{"output": {"text": "x", "finish_reason": "stop"}, "usage": {"total_tokens": 3}}
{"text": "x", "usage": {"prompt_tokens": 3}}
{"Text": "x", "ModelId": "m", "Metadata": {}}
&{assistant hi []}
b'hi there'
{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}
[{"type":"text","text":"x"}]
"""
GOOD = r"""
{"text": "x", "usage": "daily"}
{"output": "positive", "confidence": 0.9}
{"results": [{"name": "Ann", "text": "x"}]}
{"content": "a post", "tokens": "blue"}
Not available.
data: [1, 2, 3] give me the mean
System: macOS 14, the app crashes
User: my name is Ann
{"content": "***", "stars": "hi"}
aVeryLongIdentifierThatSomebodyWroteInOneWordWithoutAnySpaces
/usr/local/lib/python3/site-packages/somewhere/else/entirely/module
VGhpcyBpcyBhIHBsYWluIEVuZ2xpc2ggc2VudGVuY2UgdGhhdCBzb21lYm9keSBlbmNvZGVkLg==
0x7ffee4c0
Hi
I removed it.
{"date": "Friday"}
{"message": "ok"}
{"role": "admin", "name": "Ann"}
{"candidates": [{"name": "Ann", "score": 3}]}
{"text": "hello", "index": 3}
{"output": [{"type": "message"}]}
{"messages": [{"to": "x", "content": "y"}]}
{"generated_text": ["a", "b"]}
{"deleted": true}
{"redacted": false}
{"redacted": true, "text": "My name is ****."}
Just "hi" will do.
Just "yes" or "no"
Right (as in correct)
...
NotImplemented
Ellipsis
TypeError: Converting circular structure to JSON
{"content": {"parts": ["a", "b"]}}
{'date': 'Friday'}
get_weather(city="Paris")
Point(x=1, y=2)
[1, 2, 3]
<b>hi</b>
print('x')
<EMAIL_3fa9c1d2>
Hello <EMAIL_3fa9c1d2>, your order 7 is removed
**Removed**: the item **now**
***bold***
Why do I get [object Object]?
Result (see note)
filtered
"""


@pytest.mark.parametrize("text", [text.strip() for text in PLACEHOLDERS.split("|") if text.strip()])
def test_marks_of_redaction_are_placeholders(text):
    assert problem(text) == problem(f" {text}\n") == "placeholder"


@pytest.mark.parametrize("mark", ["... [truncated]", "… (truncated 210 chars)", "...<response truncated>"])
def test_an_answer_that_a_tracer_cut_is_truncated(mark):
    """Of a user's text it may be what was pasted."""
    assert flags([Message(role="assistant", parts=(TextPart(text=f"Your order{mark}"),))]) == {"truncated"}
    assert not flags([Message(role="user", parts=(TextPart(text=f"Your order{mark}"),))])


@pytest.mark.parametrize("text", ENVELOPES.strip().split("\n"))
def test_wrappers_and_prints_are_envelopes(text):
    assert problem(text) == problem(text + "\n") == "envelope"


@pytest.mark.parametrize("text", GOOD.strip("\n").split("\n"))
def test_what_an_application_says_passes(text):
    assert problem(text) == ""


def test_tools_may_be_given_and_give_back_any_shape():
    """A commit id or a message in JSON is a fine result; a mark of redaction is not."""
    result = ToolResultPart(content='{"role": "user", "content": "hi"}')
    commit = ToolResultPart(content="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b")
    assert flags([Message("tool", (result, commit))]) == set()
    assert flags([Message("assistant", (ToolCallPart(arguments="[REDACTED]"),))]) == {"placeholder"}
    assert flags([Message("user", (TextPart("Hi"), TextPart("***")))]) == {"placeholder"}


@pytest.mark.parametrize(
    "text",
    [
        "Error: Converting circular structure to JSON",
        "TypeError: Converting circular structure to JSON\n    --> starting at object with constructor 'Run'\n    --- property 'parent' closes the circle",
        "TypeError: Object of type ChatCompletion is not JSON serializable",
        "TypeError: Do not know how to serialize a BigInt",
    ],
)
def test_an_answer_that_could_not_be_written_is_an_envelope(text):
    """A user may paste the same error as a question, and an answer may explain it."""
    assert flags([Message("assistant", (TextPart(text),))]) == {"envelope"}
    assert flags([Message("user", (TextPart(text),))]) == set()
    assert flags([Message("assistant", (TextPart(f"{text}\n\nIt means that the object refers to itself."),))]) == set()


@pytest.mark.parametrize("text", ["...", "…", "Ellipsis", "NotImplemented", " None\n"])
def test_a_printed_nothing_is_no_answer_where_more_tokens_were_written(text):
    """Each of them may be an answer of one or two tokens; with a count that is larger, the answer was lost."""
    said = [Message("assistant", (TextPart(text),))]
    assert is_nothing(said, 40) and not is_nothing(said, 2) and not is_nothing(said, None)


LITERALS = st.recursive(
    st.none() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(LITERALS)
def test_what_python_prints_is_read_back(value):
    """Quotes, angle brackets and braces inside texts stay as they are."""
    assert _reprs.read(repr(value)) == value


@given(st.text(alphabet="[({<'\"=:,)]}>aA0 .\\", max_size=60))
def test_no_text_breaks_the_guard(text):
    """Broken prints are texts."""
    assert problem(text) in ("", "envelope", "placeholder")
