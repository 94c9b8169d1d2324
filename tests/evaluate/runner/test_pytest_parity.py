"""Batched eval functions behave as plain pytest functions do: the same file, run both ways."""

import re
import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

from harness.evaluate import model_option

pytest_plugins = "pytester"

PLAIN_CONFTEST = """
import pytest
from harness.types import Case, Message, TextPart

class Echo:
    def chat(self, messages, **options):
        return messages

@pytest.fixture
def model():
    return Echo()
"""


class KeptModules:
    """Plugin for runs in this process, after which pytester forgets what they imported: a module that is imported twice
    has two of each class, and some cannot be imported twice. Keeps the modules that are not of the test's own folder."""

    def __init__(self, own: Path) -> None:
        self._own, self._kept = f"{own}/", {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self) -> None:
        self.restore()

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        self._kept |= {name: module for name, module in sys.modules.items() if not self._is_own(module)}

    def restore(self) -> None:
        sys.modules.update({name: module for name, module in self._kept.items() if name not in sys.modules})

    def _is_own(self, module: ModuleType) -> bool:
        return (getattr(module, "__file__", None) or "").startswith(self._own)


@pytest.fixture(autouse=True)
def pytester(pytester, monkeypatch):
    """Runs keep the order of the file, where pytest-randomly is installed too, and what they import stays imported."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:randomly")
    kept, run = KeptModules(pytester.path), pytester.runpytest
    monkeypatch.setattr(pytester, "runpytest", lambda *args: run(*args, plugins=[kept]))
    yield pytester
    kept.restore()


@pytest.fixture
def both(pytester):
    """Run one body of test functions as plain pytest and as an eval file; returns both outcomes and their events.

    `ask` in the body stands for a call of the model, which is where an eval function waits.
    """

    def run(body, *args, size=4):
        body = dedent(body)
        plain = pytester.mkdir("plain")
        (plain / "conftest.py").write_text(PLAIN_CONFTEST)
        (plain / "test_it.py").write_text(f"import pytest\nfrom events import note\n{body}".replace("eval_", "test_"))
        evals = pytester.mkdir("evals")
        (evals / "eval_it.py").write_text(f"import pytest\nfrom events import note\n{body}".replace("Test", "Eval"))
        pytester.makepyfile(events="LOG = []\ndef note(*event):\n    LOG.append(event)\n")
        pytester.makefile(".json", script="{}")
        pytester.syspathinsert()
        outcomes = []
        for folder, extra in ((plain, ()), (evals, ("--model", "scripted:script.json"))):
            import events

            events.LOG.clear()
            result = pytester.runpytest("-p", "no:cacheprovider", "-W", "default", folder, *extra, *args)
            outcomes.append((result, list(events.LOG)))
        return outcomes

    return run


def normal(lines):
    """Output without times, and with eval names as plain ones."""
    text = "\n".join(lines).replace("eval_", "test_").replace("evals/", "plain/")
    text = re.sub(r" in \d+\.\d+s", "", text)
    return text.replace("/evals", "/plain")


def test_the_summary_of_every_outcome_is_the_same(both):
    """Passed, failed, skipped, xfailed, xpassed and errors in setup and teardown come out as in plain pytest."""
    (plain, _), (batched, _) = both(
        """
        @pytest.fixture
        def bad_setup():
            raise ValueError("no database")

        @pytest.fixture
        def bad_teardown():
            yield
            raise ValueError("no way back")

        @pytest.fixture
        def skipping():
            pytest.skip("not here")

        def eval_passes(model): assert model.chat("a")
        def eval_fails(model): assert model.chat("a") == 1
        def eval_raises(model): assert model.chat("a"); raise RuntimeError("boom")
        def eval_skips(model): assert model.chat("a"); pytest.skip("later")
        def eval_skipped_by_fixture(skipping, model): pass
        @pytest.mark.skip(reason="marked")
        def eval_marked(model): pass
        @pytest.mark.xfail(reason="known")
        def eval_xfails(model): assert model.chat("a") == 1
        @pytest.mark.xfail(reason="known")
        def eval_xpasses(model): assert model.chat("a")
        @pytest.mark.xfail(strict=True)
        def eval_xpasses_strictly(model): assert model.chat("a")
        @pytest.mark.xfail(raises=KeyError)
        def eval_xfails_otherwise(model): assert model.chat("a"); raise ValueError
        @pytest.mark.xfail(run=False)
        def eval_not_run(model): assert model.chat("a")
        def eval_gives_up(model): assert model.chat("a"); pytest.xfail("given up")
        def eval_fails_on_purpose(model): assert model.chat("a"); pytest.fail("on purpose")
        def eval_bad_setup(bad_setup, model): pass
        def eval_bad_teardown(bad_teardown, model): assert model.chat("a")
        """,
        "-rA",
    )
    counts = plain.parseoutcomes()
    assert counts == batched.parseoutcomes()
    assert counts == {"passed": 2, "failed": 5, "skipped": 3, "xfailed": 3, "xpassed": 1, "errors": 2}


def test_fixtures_of_every_scope_are_set_up_and_torn_down_as_often(both):
    """Each scope is entered and left once for what it spans, and every case has function fixtures of its own."""
    (_, plain), (_, batched) = both(
        """
        @pytest.fixture(scope="session")
        def s(): note("session up"); yield; note("session down")
        @pytest.fixture(scope="module")
        def m(s): note("module up"); yield []; note("module down")
        @pytest.fixture(scope="class")
        def c(): note("class up"); yield object(); note("class down")
        @pytest.fixture
        def f(request, m): note("up", request.node.callspec.id); yield object(); note("down", request.node.callspec.id)
        @pytest.fixture
        def g(f): return f

        @pytest.mark.parametrize("n", range(6))
        def eval_it(n, f, g, m, c, model, request):
            assert f is g and f not in m
            m.append(f)
            assert model.chat("x")
            assert request.getfixturevalue("f") is f
            note("ran", n)
        """
    )
    assert sorted(map(str, plain)) == sorted(map(str, batched))
    assert batched[-2:] == [("module down",), ("session down",)]
    for n in range(6):
        mine = [event for event in batched if event[-1] in (n, str(n))]
        assert mine == [("up", str(n)), ("ran", n), ("down", str(n))]


def test_a_class_groups_eval_functions_as_a_class_groups_tests(both):
    """Methods of a class are suites: a fresh instance each, xunit teardown, class fixtures and inherited methods."""
    (_, plain), (_, batched) = both(
        """
        class TestGroup:
            @pytest.fixture(scope="class")
            def shared(self): note("class up"); yield []; note("class down")
            @classmethod
            def teardown_class(cls): note("teardown")
            @pytest.mark.parametrize("n", range(3))
            def eval_one(self, n, shared, model):
                assert not vars(self)
                self.n = n
                shared.append(n)
                assert model.chat("x")
                assert self.n == n
                note("one", n)
            def eval_two(self, shared, model): assert model.chat("x"); note("two", len(shared))

        class TestMore(TestGroup):
            class TestInner:
                def eval_inner(self, model): assert model.chat("x"); note("inner")
        """
    )
    assert len(plain) == 15 and sorted(map(str, plain)) == sorted(map(str, batched))


def test_one_at_a_time_everything_happens_in_pytests_own_order(both):
    """With --setup-show there is one case at a time: every setup, call and teardown comes when plain pytest has it."""
    (_, plain), (_, batched) = both(
        """
        @pytest.fixture(scope="module")
        def m(): note("module up"); yield; note("module down")
        @pytest.fixture
        def f(m, request): note("up", request.node.callspec.id); yield; note("down", request.node.callspec.id)

        @pytest.mark.parametrize("n", range(3))
        def eval_it(n, f, model): note("asks", n); model.chat("x"); note("answered", n)
        """,
        "--setup-show",
    )
    assert plain == batched and len(plain) == 14


def test_cases_are_really_under_way_together(both):
    """The parity tests would hold of one case at a time too: here several are set up before the first ends."""
    _, (_, batched) = both(
        """
        @pytest.mark.parametrize("n", range(3))
        def eval_it(n, model):
            note("asks", n)
            assert model.chat("x")
            note("answered", n)
        """
    )
    assert [event[0] for event in batched] == ["asks"] * 3 + ["answered"] * 3


def test_a_dynamically_requested_fixture_is_private_too(both):
    """`request.getfixturevalue` gives each live case its own function-scoped value, and tears it down."""
    (_, plain), (_, batched) = both(
        """
        @pytest.fixture
        def box(): yield []; note("closed")

        @pytest.mark.parametrize("n", range(3))
        def eval_it(n, model, request):
            box = request.getfixturevalue("box")
            box.append(n)
            assert model.chat("x")
            assert request.getfixturevalue("box") == [n]
            note("ok", n)
        """
    )
    assert sorted(map(str, plain)) == sorted(map(str, batched))


def test_a_parametrized_module_fixture_never_changes_under_a_live_case(both):
    """Cases with another parameter of a module fixture wait until those with the first have ended."""
    (_, plain), (_, batched) = both(
        """
        @pytest.fixture(scope="module", params=["a", "b"])
        def mode(request): note("up", request.param); yield request.param; note("down", request.param)

        @pytest.mark.parametrize("n", range(3))
        def eval_it(n, mode, model):
            assert model.chat("x")
            note("ran", mode)
        """
    )
    assert batched == plain
    assert [event[0] for event in batched] == ["up", "ran", "ran", "ran", "down"] * 2


def test_output_belongs_to_the_case_that_printed_it(both):
    """Standard output, standard error and log of each failed case are shown under it, from before and after its wait."""
    (plain, _), (batched, _) = both(
        """
        import logging, os, sys
        @pytest.mark.parametrize("n", range(3))
        def eval_it(n, model):
            print("before", n)
            os.write(1, b"raw %d\\n" % n)
            logging.warning("careful %d", n)
            assert model.chat("x")
            print("after", n)
            print("err", n, file=sys.stderr)
            logging.warning("done %d", n)
            assert n < 0
        """
    )

    def sections(result):
        return [line for line in normal(result.outlines).splitlines() if re.match("before|raw|after|err|WARN|--", line)]

    assert sections(plain) == sections(batched)


def test_capsys_and_caplog_see_the_whole_case_and_nothing_else(both):
    """A case that reads its own output or log gets what it wrote on both sides of a wait."""
    for result, _ in both(
        """
        import logging
        @pytest.mark.parametrize("n", range(3))
        def eval_output(n, model, capsys):
            print("before", n)
            assert model.chat("x")
            print("after", n)
            assert capsys.readouterr().out == f"before {n}\\nafter {n}\\n"

        @pytest.mark.parametrize("n", range(3))
        def eval_descriptors(n, model, capfd):
            print("before", n)
            assert model.chat("x")
            assert capfd.readouterr().out == f"before {n}\\n"

        @pytest.mark.parametrize("n", range(3))
        def eval_log(n, model, caplog):
            logging.warning("before %d", n)
            assert model.chat("x")
            logging.warning("after %d", n)
            assert caplog.messages == [f"before {n}", f"after {n}"]
            assert len(caplog.text.splitlines()) == 2
        """
    ):
        result.assert_outcomes(passed=9)


def test_each_case_has_its_own_temporary_folder_and_patches(both):
    """tmp_path and request.node are the case's own after a wait, and PYTEST_CURRENT_TEST names it."""
    for result, _ in both(
        """
        import os
        @pytest.mark.parametrize("n", range(3))
        def eval_it(n, model, tmp_path, request):
            (tmp_path / "mine").write_text(str(n))
            assert model.chat("x")
            assert (tmp_path / "mine").read_text() == str(n)
            assert os.environ["PYTEST_CURRENT_TEST"] == f"{request.node.nodeid} (call)"
        """
    ):
        result.assert_outcomes(passed=3)


def test_assertion_diffs_are_pytests_own(both):
    """A failed comparison after a wait is explained with the same lines as in plain pytest, after what was asked."""
    (plain, _), (batched, _) = both(
        """
        def eval_it(model):
            assert model.chat("x")
            assert {"a": 1, "b": [1, 2]} == {"a": 1, "b": [1, 3]}
        """,
        "-vv",
    )
    wanted = [line.replace("AssertionError: ", "") for line in plain.outlines if line.startswith("E ")]
    asked, *lines = [line for line in batched.outlines if line.startswith("E ")]
    assert asked.endswith("asked: x") and wanted and lines == wanted


@pytest.mark.parametrize(
    "args", [("-k", "two or three"), ("-m", "odd"), ("-x",), ("--maxfail=2",), ("--collect-only",)]
)
def test_selecting_and_stopping_options_do_the_same(both, args):
    """-k, -m, -x, --maxfail and --collect-only have the effect that they have in plain pytest."""
    (plain, _), (batched, _) = both(
        """
        @pytest.mark.odd
        def eval_one(model): assert model.chat("x")
        def eval_two(model): assert model.chat("x") == 2
        @pytest.mark.odd
        def eval_three(model): assert model.chat("x") == 3
        def eval_four(model): assert model.chat("x")
        """,
        "-W",
        "ignore",
        *args,
    )
    assert plain.ret == batched.ret
    assert plain.parseoutcomes() == batched.parseoutcomes()


def test_a_warning_is_reported_once_for_its_case(both):
    """Warnings raised on both sides of a wait are collected as in plain pytest."""
    (plain, _), (batched, _) = both(
        """
        import warnings
        def eval_it(model):
            warnings.warn("early")
            assert model.chat("x")
            warnings.warn("late")
        """
    )
    assert plain.parseoutcomes() == batched.parseoutcomes() == {"passed": 1, "warnings": 2}


def test_parametrized_fixtures_of_all_kinds_give_each_case_its_own(both):
    """Stacked and indirect parametrize, autouse and usefixtures, finalizers and fixtures of a conftest-like factory."""
    (plain, one), (batched, other) = both(
        """
        @pytest.fixture(params=["p", "q"])
        def param(request): return request.param
        @pytest.fixture
        def indirect(request):
            request.addfinalizer(lambda: note("final", request.node.callspec.id))
            return request.param * 2
        @pytest.fixture(autouse=True)
        def always(request): note("auto", request.node.name); yield; note("auto down", request.node.name)
        @pytest.fixture
        def used(request): note("used", request.node.name)
        @pytest.fixture
        def factory():
            made = []
            yield lambda thing: made.append(thing) or made
            note("made", list(made))

        @pytest.mark.usefixtures("used")
        @pytest.mark.parametrize("indirect", [1, 2], indirect=True)
        @pytest.mark.parametrize("left", ["a", pytest.param("b", marks=pytest.mark.xfail), pytest.param("c", id="see")])
        def eval_many(param, indirect, left, factory, model):
            factory((param, left))
            assert model.chat("x")
            assert factory(indirect) == [(param, left), indirect]
            assert left != "b"
            note("ran", param, indirect, left)
        """,
        "-rA",
    )
    assert plain.parseoutcomes() == batched.parseoutcomes() == {"passed": 8, "xfailed": 4}
    assert sorted(repr(event) for event in one) == sorted(repr(event).replace("eval_", "test_") for event in other)


@pytest.mark.parametrize("args", [("--sw",), ("--ff",), ("--nf",), ("--lf", "--lfnf=none"), ("--durations=2", "-vv")])
def test_options_that_remember_the_last_run_do_the_same(pytester, args):
    """A second run with --sw, --ff, --nf or --lf runs as many cases as plain pytest does, with the same outcomes."""
    body = "def {0}_a(model): assert model.chat('x')\ndef {0}_b(model): assert model.chat('x') == 1\ndef {0}_c(model): assert 0\n"
    pytester.makefile(".json", script="{}")
    (pytester.mkdir("plain") / "test_it.py").write_text(body.format("test"))
    (pytester.path / "plain" / "conftest.py").write_text(PLAIN_CONFTEST)
    (pytester.mkdir("evals") / "eval_it.py").write_text(body.format("eval"))
    outcomes = []
    for folder, extra in (("plain", ()), ("evals", ("--model", "scripted:script.json"))):
        cache = ("-o", f"cache_dir={folder}-cache")
        pytester.runpytest(folder, *extra, *cache)
        again = pytester.runpytest(folder, *extra, *cache, *args)
        outcomes.append((again.ret, again.parseoutcomes()))
    assert outcomes[0] == outcomes[1]


def test_junit_xml_holds_the_same_cases(both, pytester):
    """Names, outcomes and captured output of each case stand in the XML as plain pytest writes them."""
    import xml.etree.ElementTree as xml

    both(
        """
        def eval_says(model): print("before"); model.chat("x"); print("after")
        def eval_fails(model): assert model.chat("x"); assert "a" == "b"
        @pytest.mark.skip(reason="later")
        def eval_skips(model): pass
        """,
        "--junitxml=out.xml",
        "-o",
        "junit_logging=all",
    )
    cases = xml.parse(pytester.path / "out.xml").getroot().iter("testcase")
    found = {
        case.get("name"): (sorted({child.tag for child in case}), case.findtext("system-out") or "") for case in cases
    }
    assert "before\nafter" in found["eval_says"][1]
    assert "failure" in found["eval_fails"][0] and "skipped" in found["eval_skips"][0]


def test_what_each_suite_scored_is_said_at_the_end(pytester):
    """Means of all scores, the deciding one first, cases and errors apart, and what the model took."""
    pytester.makefile(".json", script="{}")
    pytester.makepyfile(
        eval_it="from harness import cases, score, suite\n"
        "@suite(metric='f1')\n@cases([{'text': '{\"a\": 1}'}, {'text': '{\"a\": 2}'}, {'text': 'x', 'broken': True}])\n"
        "def eval_it(case, model):\n    broken = case.fields.get('broken')\n"
        "    return score.json_fields(model.chat(case.messages), None if broken else {'a': 1, 'b': 1})\n"
        "def eval_nothing(model): raise OSError\n"
    )
    text = pytester.runpytest("--model", "scripted:script.json", "-q").stdout.str()
    assert "= scores of scripted =" in text
    assert "eval_it::eval_it: f1 0.333, exact 0.000, precision 0.500, recall 0.250 (2 cases, 1 errors)" in text
    assert "eval_it::eval_nothing:" not in text
    assert "scripted: 3 calls (0 cached), 5 tokens in, 5 out" in text


def test_last_failed_runs_what_failed(pytester):
    """`--lf` after a failure runs the failed cases only."""
    pytester.makefile(".json", script="{}")
    evals = pytester.mkdir("evals")
    (evals / "eval_it.py").write_text(
        "from harness import cases\n"
        "@cases([{'id': 'good', 'text': 'a', 'expected': 'a'}, {'id': 'bad', 'text': 'a', 'expected': 'b'}])\n"
        "def eval_it(case, model):\n    assert model.chat(case.messages).text == case.expected\n"
    )
    command = (evals, "--model", "scripted:script.json")
    pytester.runpytest(*command).assert_outcomes(passed=1, failed=1)
    pytester.runpytest(*command, "--lf").assert_outcomes(failed=1)


def test_what_went_wrong_is_shown_at_the_line_of_the_eval_file(pytester):
    """Neither the steps of this package nor what an error of ours was made from; --full-trace shows them."""
    pytester.makefile(".jsonl", script='{"match": ".", "error": "HTTP 500"}')
    pytester.makepyfile(
        eval_it="from harness import score\n"
        "def eval_it(model):\n    model.chat('word')\n"
        "def eval_typo(model):\n    return score.text('a', 'b', contain=True)\n"
        "async def eval_async(model): assert model.chat('word')\n"
    )
    command = ("--model", "scripted:script.jsonl", "eval_it.py", "-W", "error")
    result = pytester.runpytest(*command)
    result.assert_outcomes(failed=3)
    text = result.stdout.str()
    assert "harness/" not in text and "eval_it.py:3: TrueupError" in text and "eval_it.py:5: TypeError" in text
    assert "a plain `def`, not async" in text
    assert "harness/" in pytester.runpytest(*command, "--full-trace").stdout.str()


@pytest.mark.parametrize(
    ("name", "told"), [("nosuch", "there is no arm named 'nosuch'"), ("scripted:no.json", "is not there")]
)
def test_a_model_that_is_not_there_is_told_in_a_line(pytester, name, told):
    """What is wrong with --model and what to type, without a traceback."""
    pytester.makepyfile(eval_it="def eval_it(model): assert model.chat('x')\n")
    text = pytester.runpytest("--model", name, "eval_it.py").stdout.str()
    assert told in text and "next:" in text and "Traceback" not in text and "harness/" not in text


def test_a_model_needs_no_configuration(pytester):
    """--model takes a model's folder, and the name of an endpoint's model with its address."""
    pytester.mkdir("tiny").joinpath("config.json").write_text("{}")
    named = {
        name: model_option.request(name, pytester.path, pytester.path, (str(pytester.path),)).arms[0]
        for name in ("tiny", "org/some-model@http://localhost:8000/v1")
    }
    local, remote = named.values()
    assert (local.backend, local.model) == ("hf", str(pytester.path / "tiny"))
    assert (remote.backend, remote.model) == ("openai_compatible", "org/some-model")
    assert remote.options == {"url": "http://localhost:8000/v1"}


def test_xdist_hands_out_cases_one_at_a_time(pytester):
    """With -n each worker runs its cases by itself: the same outcomes."""
    pytester.makefile(".json", script="{}")
    pytester.makepyfile(
        eval_it="import pytest\n@pytest.mark.parametrize('n', range(3))\n"
        "def eval_it(n, model):\n    assert model.chat('x').text == 'x' and n < 2\n"
    )
    result = pytester.runpytest_subprocess("-n", "1", "--model", "scripted:script.json")
    result.assert_outcomes(passed=2, failed=1)


def test_plain_tests_beside_evals_run_as_ever(pytester):
    """A folder with test files and eval files runs both; in eval files only `eval_*` is collected."""
    pytester.makefile(".json", script="{}")
    pytester.makepyfile(
        test_plain="def test_it(tmp_path): pass\ndef eval_not_collected(): assert False\n",
        eval_it="def eval_it(model): assert model.chat('x').text == 'x'\ndef test_not_collected(): assert False\n",
    )
    pytester.runpytest("--model", "scripted:script.json").assert_outcomes(passed=2)


def test_the_debugger_opens_at_the_failing_line_one_case_at_a_time(pytester):
    """With --pdb each case runs to its end before the next, and the debugger sees the function's variables."""
    pytester.makefile(".json", script="{}")
    pytester.makepyfile(
        eval_it="def eval_it(model):\n    answer = model.chat('word').text\n    assert answer == 'other'\n"
    )
    command = (sys.executable, "-m", "pytest", "--pdb", "--model", "scripted:script.json", "eval_it.py")
    result = pytester.run(*command, stdin=b"p answer\nq\n")
    assert "(Pdb) 'word'" in result.stdout.str()
