"""Resolve the model name of a request: the base model, what the alias points at, or an adapter by the start of its digest.

Names are read off the store at each request, so a promotion, a rollback or a canary's split is followed without a restart.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from harness.core import options as option_tables
from harness.errors import InputError
from harness.evaluate import arms as evaluate_arms
from harness.project import Project
from harness.promote import split_files
from harness.promote.release import NONE
from harness.promote.served_by import BASE, model_name
from harness.promote.split import is_candidates
from harness.store.promotions import ADAPTERS, ARMS
from harness.types import Arm

CHAMPION = evaluate_arms.CHAMPION
_DIGEST = re.compile(r"(?:trueup-)?([0-9a-f]{6,64})")
"""The start of a content id, bare or as deploy targets write it."""


class UnknownModelError(InputError):
    """Nothing in the store has the name that was asked for."""


class NamedModel(NamedTuple):
    """What answers a request."""

    ident: str
    """Content id; empty: the base model."""
    arm: Arm

    @property
    def name(self) -> str:
        """As traces have it: `trueup-<digest>` or `base`."""
        return model_name(self.ident)


class ServedModels:
    """The models of one store. `backend`: how they are asked, where that is not what trueup.toml says."""

    def __init__(self, project: Project, backend: str = "") -> None:
        self._project, self._backend = project, backend
        self._alias = project.config.promote.alias

    def names(self) -> dict[str, str]:
        """Each name that is always served to the content id behind it now (empty: the base model)."""
        return {**split_files.names(self._project), CHAMPION: self._promoted(), self._alias: self._promoted()}

    def find(self, name: str, session: str = "") -> NamedModel:
        """What answers to a name. Under the alias a running canary's candidate gets its share of the sessions.

        Raises UnknownModelError, and InvalidError where it was made with calls that were forgotten since.
        """
        ident = self._split(session) if name in (CHAMPION, self._alias) else self._ident(name)
        return NamedModel(ident, self._arm(ident))

    def mirrored_to(self, name: str, session: str) -> str:
        """Name of the candidate to which a running shadow mirrors what this session asks under the alias; empty: none."""
        running = self._project.store.canaries.running()
        if not running or not running.shadow or name not in (CHAMPION, self._alias):
            return ""
        return running.candidate_name if is_candidates(session, running.salt, running.share) else ""

    def arms(self) -> list[Arm]:
        """Of all names; what a server loads when it starts."""
        return [self._arm(ident) for ident in sorted(set(self.names().values()))]

    def _promoted(self) -> str:
        move = self._project.store.promotions.current(self._alias)
        return move.adapter if move else ""

    def _split(self, session: str) -> str:
        running = self._project.store.canaries.running()
        if running and not running.shadow and is_candidates(session, running.salt, running.share):
            return running.candidate
        return self._promoted()

    def _ident(self, name: str) -> str:
        known = self.names()
        if name in known:
            return known[name]
        digest = _DIGEST.fullmatch(name)
        alike = sorted(ident for ident in self._stored() if digest and ident.startswith(digest[1]))
        if len(alike) == 1:
            return alike[0]
        if alike:
            raise UnknownModelError(
                f"{len(alike)} models begin with {name!r}",
                next="write more digits: " + ", ".join(i[:16] for i in alike[:4]),
            )
        raise UnknownModelError(
            f"no model is named {name!r}",
            next=f"{', '.join(sorted(known))}, or the first digits of an adapter's digest",
        )

    def _stored(self) -> Iterator[str]:
        yield from self._project.store.artifacts.ids(ADAPTERS)
        yield from self._project.store.artifacts.ids(ARMS)

    def _arm(self, ident: str) -> Arm:
        """As it was judged, without its prompt: the application sends its own."""
        project = self._project
        stored, adapter = project.served_arm(ident), project.served_adapter(ident)
        project.check_not_forgotten("adapter", adapter)
        if stored is None:
            folder = str(project.store.artifacts.folder(ADAPTERS, adapter)) if adapter else ""
            stored = self._configured(folder)
        bare = replace(stored, name=model_name(ident), prompt=Arm(name=NONE).prompt)
        return replace(bare, backend=self._backend, options={}) if self._backend else bare

    def _configured(self, adapter: str) -> Arm:
        """The base model, or an adapter on it, with what trueup.toml says of such arms."""
        config = self._project.config
        sections = evaluate_arms.sections(config)
        spec = sections.get(evaluate_arms.TUNED if adapter else BASE)
        model = config.model
        backend = (spec.backend if spec else "") or model.backend
        return Arm(
            name=BASE,
            backend=backend,
            model=config.model_path((spec.model if spec else "") or model.base, backend),
            adapter=adapter,
            options=option_tables.of_plugin(
                "backends", backend, spec.options if spec else {}, "[arms] options", config.root
            ).given,
            template_options={**model.template_options, **(spec.template_options if spec else {})},
        )
