"""Validates the objects of a JSON list on standard input, all in one process, and prints a list of complaints.

Kubernetes' own kinds go to kubernetes-validate, those of Istio and of the Prometheus operator to their pydantic models: what
a model forgets in a round trip is a field that it does not know. `TrafficExtension` is in no package; its schema is beside
this file.
"""

import importlib
import json
import pathlib
import sys

import jsonschema
import kubernetes_validate

KUBERNETES = "1.36.0"
MODELS = {
    "networking.istio.io": "cloudcoil.models.istio.networking",
    "extensions.istio.io": "cloudcoil.models.istio.extensions",
    "telemetry.istio.io": "cloudcoil.models.istio.telemetry",
    "security.istio.io": "cloudcoil.models.istio.security",
    "monitoring.coreos.com": "cloudcoil.models.prometheus_operator",
}
SCHEMAS = {("extensions.istio.io/v1alpha1", "TrafficExtension"): "trafficextension.json"}


def complaint(thing):
    group, _, version = thing["apiVersion"].rpartition("/")
    schema = SCHEMAS.get((thing["apiVersion"], thing["kind"]))
    try:
        if schema:
            path = pathlib.Path(__file__).parent / schema
            jsonschema.Draft202012Validator(json.loads(path.read_text())).validate(thing)
        elif group in MODELS:
            model = getattr(importlib.import_module(f"{MODELS[group]}.{version}"), thing["kind"])
            known = model.model_validate(thing).model_dump(mode="json", by_alias=True, exclude_unset=True)
            unknown = list(forgotten(thing, known, "$"))
            return f"unknown or changed: {', '.join(unknown)}" if unknown else None
        else:
            kubernetes_validate.validate(thing, KUBERNETES, strict=True)
    except Exception as error:
        # Behind the first paragraph, jsonschema prints the whole schema.
        place = getattr(error, "json_path", "")
        return f"{type(error).__name__}: {place} {str(error).split(chr(10) * 2)[0]}"


def forgotten(given, known, path):
    if isinstance(given, dict) and isinstance(known, dict):
        for key, value in given.items():
            if key in known:
                yield from forgotten(value, known[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"
    elif isinstance(given, list) and isinstance(known, list) and len(given) == len(known):
        for index, (one, other) in enumerate(zip(given, known)):
            yield from forgotten(one, other, f"{path}[{index}]")
    elif given != known:
        yield f"{path} ({given!r} became {known!r})"


def name(thing):
    return f"{thing['kind']} {thing['metadata']['name']}"


print(json.dumps([None if (what := complaint(thing)) is None else f"{name(thing)}: {what}" for thing in json.load(sys.stdin)]))
