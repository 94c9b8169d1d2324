"""Give SmolLM2-135M-Instruct a chat template that writes tools, since its own knows none: the same weights in another folder.

python -m examples.parcel_agent.base models/smollm2 models/smollm2-tools
"""

import os
import shutil
import sys
from pathlib import Path

TEMPLATE = """\
{%- set system = messages[0].content if messages[0].role == 'system' else 'You are a helpful assistant.' -%}
<|im_start|>system
{{ system }}
{%- if tools %}

Call a tool with <tool_call>{"name": NAME, "arguments": ARGUMENTS}</tool_call>. Tools:
{% for tool in tools %}{{ tool.function | tojson }}
{% endfor %}{% endif %}<|im_end|>
{% for message in (messages[1:] if messages[0].role == 'system' else messages) %}<|im_start|>{{ message.role }}
{{ message.content or '' }}
{%- for call in message.tool_calls or [] %}<tool_call>{"name": {{ call.function.name | tojson }}, "arguments": {{ call.function.arguments | tojson }}}</tool_call>
{%- endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def make(source: Path, folder: Path) -> None:
    """A folder like `source` with the template; its weights are the same file, where the disk can link."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        target = folder / file.name
        target.unlink(missing_ok=True)
        try:
            os.link(file, target)
        except OSError:
            shutil.copy(file, target)
    target = folder / "chat_template.jinja"
    target.unlink()
    target.write_text(TEMPLATE, encoding="utf-8")


def main() -> None:
    source, folder = (Path(name) for name in sys.argv[1:3])
    make(source, folder)
    print(f"wrote {folder}")


if __name__ == "__main__":
    main()
