"""Signs and verifies x402 offers and receipts with the PyPI package joserfc: JWS compact, Ed25519, did:key.

    sign_offers.py sign SEED_HEX FILE     one JSON object a line -> one compact signature a line
    sign_offers.py verify FILE            one compact signature a line -> one JSON object a line: what is said
                                          and the signer's did:key, or an error
"""

import base64
import json
import sys
import warnings

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import OKPKey

warnings.simplefilter("ignore")  # "EdDSA" has a successor; x402 speaks of "EdDSA"
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58(data):
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return text


def unbase58(text):
    number = 0
    for character in text:
        number = number * 58 + ALPHABET.index(character)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def okp(public, private=None):
    key = {"kty": "OKP", "crv": "Ed25519", "x": url64(public)}
    return OKPKey.import_key({**key, "d": url64(private)} if private else key)


def sign(seed, line):
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    name = "z" + base58(b"\xed\x01" + public)
    header = {"alg": "EdDSA", "kid": f"did:key:{name}#{name}"}
    return jws.serialize_compact(header, line, okp(public, seed), algorithms=["EdDSA"])


def verify(text):
    header = jws.extract_compact(text.encode()).headers()
    name = header["kid"].split("#")[0]
    data = unbase58(name.removeprefix("did:key:z"))
    assert data[:2] == b"\xed\x01" and len(data) == 34
    said = jws.deserialize_compact(text, okp(data[2:]), algorithms=["EdDSA"])
    return {"body": json.loads(said.payload), "signer": name, "header": sorted(header)}


def main():
    mode, file = sys.argv[1], sys.argv[-1]
    with open(file) as lines:
        for line in lines.read().splitlines():
            if mode == "sign":
                print(sign(bytes.fromhex(sys.argv[2]), line))
                continue
            try:
                print(json.dumps(verify(line)))
            except Exception as error:
                print(json.dumps({"error": type(error).__name__}))


main()
