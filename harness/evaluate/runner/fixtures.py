"""Set up pytest fixtures once for several live cases.

pytest runs one test at a time, and two of its structures say so: the stack of what is set up, and the value that a
fixture definition caches. Here several cases are set up at once and wait in turn, so each gets its own. With one case
at a time, all of this behaves as pytest does.
"""

from collections import Counter
from collections.abc import Mapping
from copy import copy
from typing import Any

import pytest
from pytest import FixtureDef

from harness.evaluate.runner import private_pytest
from harness.evaluate.runner.private_pytest import TEST_OUTCOME, SetupState


class SetupTree(SetupState):
    """pytest's `SetupState` as a tree: several items may be set up at once, and share their collectors.

    A collector is torn down when neither a live item nor the next one stands below it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._users: Counter[Any] = Counter()
        """Node to the number of live items at or below it."""

    def setup(self, item: pytest.Item) -> None:
        chain = item.listchain()
        self._users.update(chain)
        for node in chain:
            if node in self.stack:
                problem = self.stack[node][1]
                if problem:
                    raise problem[0].with_traceback(problem[1])
            else:
                self._set_up(node)

    def _set_up(self, node: Any) -> None:
        self.stack[node] = ([node.teardown], None)
        try:
            node.setup()
        except TEST_OUTCOME as error:
            self.stack[node] = (self.stack[node][0], (error, error.__traceback__))
            raise

    def leave(self, item: pytest.Item) -> None:
        """`item` is about to be torn down: it needs nothing any more."""
        self._users.subtract(item.listchain())

    def abandon(self) -> None:
        """The run was stopped: no item needs anything any more, so that the next teardown takes down everything."""
        self._users.clear()

    def teardown_exact(self, nextitem: pytest.Item | None) -> None:
        """Tear down, children first, whatever neither `nextitem` nor a live item needs."""
        # Not the next item itself: it may be this very item, for another arm.
        coming = nextitem.listchain()[:-1] if nextitem is not None else []
        problems: list[BaseException] = []
        for node in [node for node in reversed(self.stack) if not self._users[node] and node not in coming]:
            one = SetupState()
            one.stack = {node: self.stack.pop(node)}
            try:
                one.teardown_exact(None)
            except TEST_OUTCOME as error:
                problems.append(error)
        if len(problems) == 1:
            raise problems[0]
        if problems:
            raise BaseExceptionGroup("errors during test teardown", problems[::-1])


class PrivateFixtures(dict[str, Any]):
    """Fixture definitions by name, as one item sees them: those of function scope are its own copies.

    A definition caches its value, so two live items that shared one would share the value too.
    """

    def __init__(self, shared: Mapping[str, Any], item: pytest.Function) -> None:
        super().__init__({name: self._own(definitions, item) for name, definitions in shared.items()})
        self._item = item

    def get(self, name: str, default: Any = None) -> Any:
        """Also finds fixtures that are asked for by `request.getfixturevalue` only."""
        if name not in self:
            found = private_pytest.definitions_named(self._item, name)
            if found is None:
                return default
            self[name] = self._own(found, self._item)
        return self[name]

    @staticmethod
    def _own(definitions: Any, item: pytest.Function) -> Any:
        return tuple(_copied(found) if _per_item(found, item) else found for found in definitions)


def _per_item(definition: FixtureDef[Any], item: pytest.Function) -> bool:
    return definition.scope == "function" or (definition.scope == "class" and item.cls is None)


def _copied(definition: FixtureDef[Any]) -> FixtureDef[Any]:
    own = copy(definition)
    private_pytest.without_value(own)
    return own


def make_private(item: pytest.Function) -> None:
    """Give an item its own fixture definitions; to be called before it is set up."""
    private_pytest.use_definitions(item, PrivateFixtures(private_pytest.definitions(item), item))


def may_join(tree: SetupTree, item: pytest.Function) -> bool:
    """Whether `item` may be set up while others are live, without any of them noticing.

    It may not when it wants a fixture of wider scope that is not there yet or has another parameter, nor when leaving
    another module behind would end such a fixture.
    """
    chain = item.listchain()
    ending = [node for node in tree.stack if node not in chain and not isinstance(node, pytest.Item)]
    if any(len(tree.stack[node][0]) > 1 for node in ending):
        return False
    wide = [found for found in _closure(item) if not _per_item(found, item) and found.scope != "session"]
    params = item.callspec.params if hasattr(item, "callspec") else {}
    for found in [
        *wide,
        *(found for found in _closure(item) if found.argname in params and not _per_item(found, item)),
    ]:
        if found.cached_result is None:
            return False
        if found.argname in params and found.cached_result[1] != params[found.argname]:
            return False
    return True


def _closure(item: pytest.Function) -> list[FixtureDef[Any]]:
    known = private_pytest.definitions(item)
    return [known[name][-1] for name in item.fixturenames if known.get(name)]
