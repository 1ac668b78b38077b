"""Holds descriptions against the official JSON Schemas: check_descriptions.py THING_SCHEMA MODEL_SCHEMA.

Reads one JSON document a line and answers "valid" or "invalid" a line. Whether it is a Thing Model stands in
its "@type", as in the documents themselves.
"""
import json
import sys

from jsonschema import Draft7Validator

thing, model = (Draft7Validator(json.load(open(path))) for path in sys.argv[1:3])
for line in sys.stdin:
    document = json.loads(line)
    types = document.get("@type", []) if isinstance(document, dict) else []
    is_model = "tm:ThingModel" in (types if isinstance(types, list) else [types])
    print("valid" if (model if is_model else thing).is_valid(document) else "invalid", flush=True)
