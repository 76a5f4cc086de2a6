#!/usr/bin/env python3
"""Fills the seed corpora of the fuzz targets: from fixtures/, from the texts in tests, and from Avro's own suite.

The suite is read from ../shared, or from $BELLWETHER_SHARED, where it is there. A seed is one input of a target, as
src/lib.rs cuts it: a letter for the format, the schema, and the other files behind separators.
"""

import ast
import hashlib
import json
import os
import re
from pathlib import Path

FUZZ = Path(__file__).resolve().parent
ROOT = FUZZ.parent
SHARED = Path(os.environ.get("BELLWETHER_SHARED", ROOT / ".." / "shared"))
LETTERS = {".avdl": b"i", ".avsc": b"s", ".avpr": b"p"}
SEPARATOR = b"\n%%\n"
LONGEST = 4096
# A string of Rust, raw or not, on one line or several.
STRING = re.compile(r'r(?P<hashes>#+)"(?P<raw>.*?)"(?P=hashes)|"(?P<plain>(?:[^"\\]|\\.)*)"', re.DOTALL)


def save(target: str, *parts: bytes) -> None:
    seed = SEPARATOR.join(parts)
    if len(seed) <= LONGEST:
        directory = FUZZ / "corpus" / target
        directory.mkdir(parents=True, exist_ok=True)
        (directory / hashlib.sha1(seed).hexdigest()).write_bytes(seed)


def plain(text: str) -> str:
    """What a string of Rust stands for, but for its rare escapes."""
    text = re.sub(r"\\\n\s*", "", text)
    try:
        return ast.literal_eval(f'"""{text}"""')
    except (SyntaxError, ValueError):
        return text


def texts(path: Path):
    """The strings of a Rust file that look like a schema."""
    for found in STRING.finditer(path.read_text()):
        raw = found["raw"]
        text = plain(found["plain"]) if raw is None else raw
        text = text.replace("{{", "{").replace("}}", "}") if "{{ " in text else text
        if any(word in text for word in ("record", "enum ", "schema ", "protocol", '"type"', "import ")):
            yield text.encode(errors="replace")


def main() -> None:
    schemas = []
    for directory in (ROOT / "fixtures", SHARED / "data" / "avro" / "suite"):
        files = sorted(directory.rglob("*")) if directory.is_dir() else []
        schemas += [LETTERS[file.suffix] + file.read_bytes() for file in files if file.suffix in LETTERS]
    rust = sorted(ROOT.glob("tests/**/*.rs")) + sorted(ROOT.glob("src/schema/**/*.rs"))
    for text in (text for file in rust for text in texts(file)):
        letters = b"sp" if text.lstrip()[:1] in (b"{", b"[") else b"i"
        schemas += [bytes([letter]) + text for letter in letters]
    cases = SHARED / "data" / "avro" / "corner-cases.json"
    if cases.is_file():
        for case in json.loads(cases.read_text())["cases"]:
            schemas.append(b"i" + case["source"].encode(errors="replace"))

    for schema in schemas:
        save("parse", schema)
        save("compile", schema)
    other = b"record Thing { int a; date? d = null; }"
    for kind in ("idl", "protocol", "schema"):
        suffix = {"idl": "avdl", "protocol": "avpr", "schema": "avsc"}[kind]
        save("parse", f'iimport {kind} "other.{suffix}"; record R {{ Thing t; }}'.encode(), other)

    config = (ROOT / "fixtures" / "storefront" / "bellwether.toml").read_bytes()
    catalog = (ROOT / "fixtures" / "storefront" / "monitors" / "latency.toml").read_bytes()
    # The example of each kind of annotation, with and without the files that a project may have.
    for example in re.findall(r"^example = '(.*)'$", (ROOT / "src/catalog/builtin.toml").read_text(), re.MULTILINE):
        for text in (f"{example} record R {{ long a; }}", f"record R {{ long {example} a; }}"):
            save("compile", f"i{text}".encode())
            save("compile", f"i{text}".encode(), config)
            save("compile", f"iprotocol P {{ {text} }}".encode())
    metric = b'irecord R { long @aggregate_metric({"top": 3}) @top_rate_monitor({"above": 9}) a; }'
    save("compile", metric)
    save("compile", b'i@latency_monitor({"above_ms": 300}) record R { }', config, catalog)


if __name__ == "__main__":
    main()
