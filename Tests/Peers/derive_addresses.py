"""Random mnemonics and what they lead to, by bip_utils: one JSON object per line.

usage: derive_addresses.py SEED COUNT
"""

import json
import random
import sys

from bip_utils import (
    Bip32Slip10Ed25519,
    Bip39MnemonicGenerator,
    Bip39SeedGenerator,
    NearAddrEncoder,
    SolAddrEncoder,
    SS58Encoder,
    SuiAddrEncoder,
    XlmAddrEncoder,
    XlmAddrTypes,
)

# A letter of each kind that NFKD treats in its own way: composed, ligature, full width, Hangul, two marks.
LETTERS = ["a", "Z", " ", "é", "ﬁ", "Ａ", "한", "a\u0315\u0300", "ﷺ", "😀", "ǖ", "Å"]


def main() -> None:
    dice = random.Random(int(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        entropy = dice.randbytes(dice.choice([16, 20, 24, 28, 32]))
        mnemonic = Bip39MnemonicGenerator().FromEntropy(entropy)
        passphrase = "".join(dice.choice(LETTERS) for _ in range(dice.randrange(0, 12)))
        seed = Bip39SeedGenerator(mnemonic).Generate(passphrase)
        account = dice.choice([0, 1, 7, 2**31 - 1])
        root = Bip32Slip10Ed25519.FromSeed(seed)

        def key(path: str):
            return root.DerivePath(path).PublicKey().KeyObject()

        payment = key(f"m/44'/501'/{account}'/0'")
        raw = payment.RawCompressed().ToBytes()[1:]
        addresses = {
            "solana": SolAddrEncoder.EncodeKey(payment),
            "near": NearAddrEncoder.EncodeKey(key(f"m/44'/397'/{account}'")),
            "stellar": XlmAddrEncoder.EncodeKey(
                key(f"m/44'/148'/{account}'"), addr_type=XlmAddrTypes.PUB_KEY
            ),
            "sui": SuiAddrEncoder.EncodeKey(key(f"m/44'/784'/{account}'/0'/0'")),
            "substrate": SS58Encoder.Encode(raw, 42),
            "autonomys": SS58Encoder.Encode(raw, 6094),
            "peaq": SS58Encoder.Encode(raw, 1221),
            "robonomics": SS58Encoder.Encode(raw, 32),
        }
        print(
            json.dumps(
                {
                    "mnemonic": mnemonic.ToStr(),
                    "entropy": entropy.hex(),
                    "passphrase": passphrase,
                    "account": account,
                    "addresses": addresses,
                }
            )
        )


main()
