"""Deploy into an OCI image layout on disk, as an ORAS artefact: each file a layer, the release a tag, the alias a second tag.

    oras pull --oci-layout PATH:production        oras cp --from-oci-layout PATH:production registry/name:production

Formats: OCI image-spec 1.1, image-layout.md and "Guidelines for artifact usage" in manifest.md (an `artifactType`, the empty
descriptor as config); ORAS names a layer's file in `org.opencontainers.image.title`.
"""

import hashlib
import mimetypes
import re
import shutil
from pathlib import Path
from typing import Any

import msgspec

from harness.core import codec
from harness.core.options import File
from harness.errors import DeployError
from harness.promote.readback import compare
from harness.store import durable
from harness.types import Arm, Json, Noun, Release

LAYOUT, INDEX = "oci-layout", "index.json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
ARTIFACT_TYPE = "application/vnd.trueup.release.v1"
EMPTY: dict[str, Json] = {
    "mediaType": "application/vnd.oci.empty.v1+json",
    "digest": f"sha256:{hashlib.sha256(b'{}').hexdigest()}",
    "size": 2,
    "data": "e30=",
}
"""The empty descriptor of the specification, whose blob is `{}`."""
ARTIFACT: dict[str, Json] = {"mediaType": MANIFEST_TYPE, "artifactType": ARTIFACT_TYPE}
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
PREFIX = "trueup-"
Descriptor = dict[str, Any]
TITLE, TAG = "org.opencontainers.image.title", "org.opencontainers.image.ref.name"


class Options(Noun, frozen=True):
    path: File
    """Folder of the image layout; made where it is missing. Other tags in it are left as they are."""
    tag: str = ""
    """The tag that is switched; empty: the alias."""


def open(options: Options, alias: str) -> "OciTarget":
    return OciTarget(Path(options.path), options.tag or alias)


class OciTarget:
    def __init__(self, root: Path, tag: str) -> None:
        self._root, self._tag = root, tag

    def name_of(self, release: Release) -> str:
        return release.name

    def current(self) -> str:
        """The release that has the manifest of the alias's tag. Raises DeployError where that is none of trueup's."""
        entry = self._entry(self._tag)
        if entry is None:
            return ""
        names = (_tag(other) for other in self._entries() if other["digest"] == entry["digest"])
        name = next((name for name in names if name.startswith(PREFIX)), "")
        if not name:
            raise DeployError(
                f"the tag {self._tag!r} is on an image that trueup did not put there",
                where=str(self._root),
                next='set another tag, such as tag = "trueup"',
            )
        return name

    def has(self, name: str) -> bool:
        return self._entry(name) is not None

    def put(self, release: Release) -> None:
        """Blobs first, then the manifest, then the tag: a killed put leaves blobs that nothing names."""
        layers = [self._layer(path, release) for path in sorted(release.places)]
        manifest = codec.encode(
            {
                "schemaVersion": 2,
                **ARTIFACT,
                "config": EMPTY,
                "layers": layers,
                "annotations": {f"dev.trueup.{name}": text for name, text in release.facts.items()},
            }
        )
        self._write_blob(b"{}")
        digest = self._write_blob(manifest)
        if not (self._root / LAYOUT).exists():
            codec.write_atomic(self._root / LAYOUT, codec.encode({"imageLayoutVersion": "1.0.0"}))
        self._tag_as(release.name, {**ARTIFACT, "digest": digest, "size": len(manifest)})

    def check(self, release: Release) -> str:
        """Every blob's bytes are those of its digest, and the files' digests those of the release."""
        entry = self._entry(release.name)
        manifest = self._manifest(entry) if entry else {"layers": []}
        there = {}
        for layer in manifest["layers"]:
            blob = self._blob(layer["digest"])
            there[layer["annotations"][TITLE]] = codec.file_digest(blob) if blob.is_file() else ""
        return compare(release.digests, there, f"{self._root}:{release.name}")

    def through(self, release: Release) -> Arm | None:
        return None

    def switch(self, name: str) -> None:
        entry = self._entry(name)
        if name and entry is None:
            raise DeployError(f"there is no tag {name!r} any more", where=str(self._root), next="trueup deploy")
        if entry or self._entry(self._tag):
            self._tag_as(self._tag, entry)

    def discard(self, name: str) -> None:
        """Remove the tag, and the blobs that no other manifest of the layout names."""
        entry = self._entry(name)
        if entry is None:
            return
        gone = self._reachable(entry)
        self._tag_as(name, None)
        kept = set().union(*map(self._reachable, self._entries()))
        for digest in gone - kept:
            self._blob(digest).unlink(missing_ok=True)

    # ------------------------------------------------------------ small print

    def _layer(self, path: str, release: Release) -> dict[str, Json]:
        source, digest = Path(release.places[path]), f"sha256:{release.digests[path]}"
        blob = self._blob(digest)
        if not blob.is_file() or codec.file_digest(blob) != release.digests[path]:
            with durable.writing(blob):
                part = blob.with_name(f".{blob.name}.partial")
                durable.make_folder(blob.parent)
                shutil.copyfile(source, part)
                durable.sync_file(part)
                part.rename(blob)
                codec.sync_folder(blob.parent)
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        return {"mediaType": kind, "digest": digest, "size": source.stat().st_size, "annotations": {TITLE: path}}

    def _write_blob(self, data: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if not self._blob(digest).is_file():
            codec.write_atomic(self._blob(digest), data)
        return digest

    def _blob(self, digest: str) -> Path:
        """Place of a blob. Raises DeployError on what is no digest: it may come from a file that somebody else wrote."""
        if not DIGEST.fullmatch(digest):
            raise DeployError(f"not a digest: {digest[:80]!r}", where=str(self._root / INDEX))
        return self._root.joinpath("blobs", *digest.split(":"))

    def _manifest(self, descriptor: Descriptor) -> dict[str, Any]:
        """Raises DeployError when the blob is gone, or its bytes are others."""
        blob = self._blob(descriptor["digest"])
        try:
            data = blob.read_bytes()
            if blob.name != hashlib.sha256(data).hexdigest():
                raise ValueError("its digest differs")
            manifest: dict[str, Any] = msgspec.json.decode(data)
            return manifest
        except (OSError, ValueError) as error:
            raise DeployError(f"a manifest cannot be used: {error}", where=str(blob), next="trueup deploy") from error

    def _reachable(self, descriptor: Descriptor) -> set[str]:
        """Digests of a descriptor and of all that it leads to."""
        found = {descriptor["digest"]}
        if descriptor.get("mediaType") in (MANIFEST_TYPE, INDEX_TYPE):
            manifest = self._manifest(descriptor)
            inner = [*manifest.get("layers", ()), *manifest.get("manifests", ())]
            inner += [manifest[key] for key in ("config", "subject") if manifest.get(key)]
            return found.union(*map(self._reachable, inner))
        return found

    def _entry(self, tag: str) -> Descriptor | None:
        return next((entry for entry in self._entries() if tag and _tag(entry) == tag), None)

    def _entries(self) -> list[Descriptor]:
        """Descriptors of the index. Raises DeployError when it cannot be read."""
        index = self._root / INDEX
        try:
            entries: list[Descriptor] = msgspec.json.decode(index.read_bytes())["manifests"]
            if all(isinstance(entry["digest"], str) for entry in entries):
                return entries
            raise TypeError("a digest is no text")
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError, KeyError, TypeError) as error:
            raise DeployError(
                f"not an OCI image layout: {error!r}", where=str(index), next="set path to an empty folder"
            ) from error

    def _tag_as(self, tag: str, descriptor: Descriptor | None) -> None:
        """Let the tag be on that descriptor alone, or on none, in one write of the index."""
        entries = [entry for entry in self._entries() if _tag(entry) != tag]
        if descriptor:
            entries.append({**descriptor, "annotations": {**(descriptor.get("annotations") or {}), TAG: tag}})
        index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}
        codec.write_atomic(self._root / INDEX, codec.encode(index))


def _tag(descriptor: Descriptor) -> str:
    return str((descriptor.get("annotations") or {}).get(TAG, ""))
