"""The fields of a result record, from its JSON schema."""

from __future__ import annotations

from typing import Any


def write() -> str:
    """Return the page."""
    from dnamask_plugins.results.schema import schema as newest

    schema = newest()
    lines = [
        "# Result records",
        "",
        "One JSON file for each model and task, with the predictions in a file beside it. Records are added and never",
        "changed. `dnamask results verify FOLDER` recomputes every figure from the predictions.",
        "",
        schema.get("description", ""),
        "",
        "| field | type | meaning |",
        "|---|---|---|",
        *_rows(schema, ""),
        "",
    ]
    return "\n".join(lines)


def _rows(schema: dict[str, Any], prefix: str) -> list[str]:
    required = set(schema.get("required", ()))
    rows = []
    for name, field in schema.get("properties", {}).items():
        mark = "" if name in required else " (optional)"
        meaning = " ".join(str(field.get("description", "")).split()).replace("|", r"\|")
        rows.append(f"| `{prefix}{name}`{mark} | {_kind(field)} | {meaning} |")
        if field.get("type") == "object":
            rows += _rows(field, f"{prefix}{name}.")
        elif isinstance(field.get("items"), dict) and field["items"].get("type") == "object":
            rows += _rows(field["items"], f"{prefix}{name}[].")
    return rows


def _kind(field: dict[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    kind = field.get("type", "")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)
