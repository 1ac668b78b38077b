"""Messages of VDA 5050 by its official JSON Schemas.

vda5050_messages.py generate SEED COUNT SCHEMA: random documents that the schema accepts, one a line.
vda5050_messages.py check SCHEMA: reads one document a line and answers "valid" or "invalid: why" a line.
"""
import json
import random
import sys

from jsonschema import Draft202012Validator

# Members whose schema says something else than the standard's text: see the module's page.
LEFT_OUT = {("2.1.0", "blockingTypes"), ("2.1.0", "envelopes3d/description")}
WORDS = {"orientationType": ["GLOBAL", "TANGENTIAL"]}
# Bounds that stand in the text, and in the schema at some places only.
AT_LEAST = {"degree": 1, "weight": 0, "length": 0, "width": 0, "height": 0}
TEXTS = ["", "n1", "Palette \u00fc", "\u2603 \"quoted\" \\ /", "a" * 40, "0", "x~y"]


def text(rng):
    return rng.choice(TEXTS) + rng.choice(["", str(rng.randrange(1000))])


def number(rng, schema):
    low = schema.get("minimum", 0 if rng.random() < 0.5 else -1000)
    high = schema.get("maximum", max(low, 1000))
    return round(rng.uniform(low, high), 3) if low < high else low


def value(rng, schema, root, name, parent, version):
    if "$ref" in schema:
        target = root
        for part in schema["$ref"].lstrip("#/").split("/"):
            target = target[part]
        return value(rng, target, root, name, parent, version)
    if "enum" in schema:
        return rng.choice(schema["enum"])
    if name in AT_LEAST:
        schema = {"minimum": AT_LEAST[name], **schema}
    if name in WORDS:
        return rng.choice(WORDS[name])
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = rng.choice(kind)
        if kind == "object":
            return {"key": text(rng), "more": [1, True, 0.25]}
        if kind == "array":
            return [text(rng), 7, -0.5, {}]
        schema = {}
    if kind == "object":
        required = schema.get("required", [])
        return {
            key: value(rng, part, root, key, name, version)
            for key, part in schema.get("properties", {}).items()
            if (key in required or rng.random() < 0.5)
            and (version, key) not in LEFT_OUT
            and (version, f"{name}/{key}") not in LEFT_OUT
        }
    if kind == "array":
        count = rng.randrange(4)
        return [value(rng, schema["items"], root, name, parent, version) for _ in range(count)]
    if kind == "string":
        if schema.get("format") == "date-time" or name == "eta":
            return "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (
                rng.randrange(1970, 2400), rng.randrange(1, 13), rng.randrange(1, 29), rng.randrange(24),
                rng.randrange(60), rng.randrange(60), rng.randrange(1000))
        return text(rng)
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "integer":
        return rng.choice([schema.get("minimum", 0), rng.randrange(1, 1000), 2**32 - 1])
    if kind == "number":
        return number(rng, schema)
    raise SystemExit(f"no value for {name}: {schema}")


schema = json.load(open(sys.argv[-1]))
if sys.argv[1] == "generate":
    rng = random.Random(sys.argv[2])
    version = "2.1.0" if "2.1.0" in sys.argv[-1] else "3.0.0"
    validator = Draft202012Validator(schema)
    for _ in range(int(sys.argv[3])):
        document = value(rng, schema, schema, "", "", version)
        validator.validate(document)
        print(json.dumps(document))
else:
    validator = Draft202012Validator(schema)
    for line in sys.stdin:
        error = next(validator.iter_errors(json.loads(line)), None)
        print("valid" if error is None else f"invalid: {error.message[:200]!r}", flush=True)
