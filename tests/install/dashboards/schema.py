"""Judges dashboards by the models that Grafana generates from its own schema (PyPI: grafana-foundation-sdk).

The models read leniently. Here a key that no model knows is a fault, and so is a value of another type than the model's.
"""

import enum
import importlib
import json
import sys
import typing

from grafana_foundation_sdk.cog import plugins, runtime
from grafana_foundation_sdk.models import dashboard, prometheus

# What Grafana's Prometheus plugin reads of an annotation, beside what the schema has for all data sources.
OF_ANNOTATIONS = {"step", "titleFormat"}


class Marker:
    """Stands in an attribute to learn under which key a model writes it."""


def keys_of(model: type) -> dict[str, typing.Any]:
    """The keys that a model reads, with the type of each."""
    module = importlib.import_module(model.__module__)
    hints = typing.get_type_hints(model, vars(module))
    blank = model.__new__(model)
    markers = {}
    for attribute in hints:
        marker = Marker()
        setattr(blank, attribute, marker)
        markers[id(marker)] = attribute
    written = blank.to_json()
    constants = {"type": str}
    found = {key: hints[markers[id(value)]] for key, value in written.items() if id(value) in markers}
    return found | {key: constants.get(key, object) for key in written if key not in found}


def judge(value, hint, path: str, faults: list[str]) -> None:
    """Adds to the faults what of a value is not of a type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in (object, typing.Any):
        return
    if origin is typing.Union:
        if value is None and type(None) in arguments:
            return
        attempts = []
        for choice in arguments:
            attempt: list[str] = []
            if choice is not type(None):
                judge(value, choice, path, attempt)
                attempts.append(attempt)
                if not attempt:
                    return
        faults.extend(min(attempts, key=len))
    elif origin is typing.Literal:
        if value not in arguments:
            faults.append(f"{path}: {value!r} is none of {arguments}")
    elif origin is list:
        if not isinstance(value, list):
            faults.append(f"{path}: no list")
            return
        for index, item in enumerate(value):
            judge(item, arguments[0], f"{path}/{index}", faults)
    elif origin is dict:
        if not isinstance(value, dict):
            faults.append(f"{path}: no object")
            return
        for key, item in value.items():
            judge(item, arguments[1], f"{path}/{key}", faults)
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        if value not in [member.value for member in hint] or isinstance(value, bool):
            faults.append(f"{path}: {value!r} is none of {[member.value for member in hint]}")
    elif hasattr(hint, "from_json"):
        judge_model(value, hint, path, faults)
    elif hint is float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            faults.append(f"{path}: {value!r} is no number")
    elif isinstance(hint, type) and (not isinstance(value, hint) or (hint is int and isinstance(value, bool))):
        faults.append(f"{path}: {value!r} is no {hint.__name__}")


def judge_model(value, model: type, path: str, faults: list[str]) -> None:
    if not isinstance(value, dict):
        faults.append(f"{path}: no object")
        return
    known = keys_of(model)
    for key, item in value.items():
        where = f"{path}/{key}"
        if key not in known:
            if not (model is dashboard.AnnotationQuery and key in OF_ANNOTATIONS):
                faults.append(f"{where}: {model.__name__} has no such key")
        elif model is dashboard.Panel and key == "targets":
            for index, target in enumerate(item):
                judge_model(target, prometheus.Dataquery, f"{where}/{index}", faults)
        elif model is dashboard.Panel and key == "options":
            judge_model(item, of_plugin(value["type"]).options_from_json_hook.__self__, where, faults)
        elif model is dashboard.Panel and key == "fieldConfig":
            judge_model(item, dashboard.FieldConfigSource, where, faults)
            custom = item["defaults"].get("custom")
            if custom is not None:
                judge_model(custom, of_plugin(value["type"]).field_config_from_json_hook.__self__, where, faults)
        else:
            judge(item, known[key], where, faults)


def of_plugin(name: str):
    config = runtime.panelcfg_config(name)
    if config is None:
        raise SystemExit(f"there is no panel of the type {name}")
    return config


def judge_dashboard(document: dict, faults: list[str]) -> None:
    # A row is told from a panel by its type alone.
    judge_model({key: value for key, value in document.items() if key != "panels"}, dashboard.Dashboard, "", faults)
    for index, panel in enumerate(document["panels"]):
        model = dashboard.RowPanel if panel["type"] == "row" else dashboard.Panel
        judge_model(panel, model, f"/panels/{index}", faults)
    # What the models themselves make of it must not fail either.
    dashboard.Dashboard.from_json(document)


def main() -> int:
    plugins.register_default_plugins()
    faults: list[str] = []
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            found: list[str] = []
            judge_dashboard(json.load(file), found)
            faults += [f"{path}: {fault}" for fault in found]
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
