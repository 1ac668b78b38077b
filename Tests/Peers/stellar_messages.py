"""Stellar's bytes as the PyPI package stellar-sdk makes and reads them.

usage: stellar_messages.py make SEED COUNT    random payments, one JSON object per line
       stellar_messages.py check FILE         reads such lines; each has to say what its bytes say
"""

import json
import random
import sys

from stellar_sdk import (
    Account,
    Address,
    Asset,
    InvokeHostFunction,
    Keypair,
    Network,
    SorobanDataBuilder,
    StrKey,
    TextMemo,
    TransactionBuilder,
    TransactionEnvelope,
    scval,
    xdr,
)
from stellar_sdk.utils import sha256

NETWORKS = {
    "stellar:pubnet": Network.PUBLIC_NETWORK_PASSPHRASE,
    "stellar:testnet": Network.TESTNET_NETWORK_PASSPHRASE,
}


def call_of(payment: dict) -> xdr.InvokeContractArgs:
    return xdr.InvokeContractArgs(
        Address(payment["token"]).to_xdr_sc_address(),
        xdr.SCSymbol(b"transfer"),
        [
            scval.to_address(payment["from"]),
            scval.to_address(payment["to"]),
            scval.to_int128(int(payment["amount"])),
        ],
    )


def invocation_of(payment: dict) -> xdr.SorobanAuthorizedInvocation:
    kind = xdr.SorobanAuthorizedFunctionType.SOROBAN_AUTHORIZED_FUNCTION_TYPE_CONTRACT_FN
    return xdr.SorobanAuthorizedInvocation(
        xdr.SorobanAuthorizedFunction(kind, contract_fn=call_of(payment)), []
    )


def preimage_of(payment: dict) -> xdr.HashIDPreimage:
    network = xdr.Hash(Network(NETWORKS[payment["network"]]).network_id())
    nonce, last = xdr.Int64(int(payment["nonce"])), xdr.Uint32(payment["expiration"])
    if payment["credentials"] == 1:
        return xdr.HashIDPreimage(
            xdr.EnvelopeType.ENVELOPE_TYPE_SOROBAN_AUTHORIZATION,
            soroban_authorization=xdr.HashIDPreimageSorobanAuthorization(
                network, nonce, last, invocation_of(payment)
            ),
        )
    return xdr.HashIDPreimage(
        xdr.EnvelopeType.ENVELOPE_TYPE_SOROBAN_AUTHORIZATION_WITH_ADDRESS,
        soroban_authorization_with_address=xdr.HashIDPreimageSorobanAuthorizationWithAddress(
            network, nonce, last, Address(payment["from"]).to_xdr_sc_address(), invocation_of(payment)
        ),
    )


def entry_of(payment: dict, signature: bytes) -> xdr.SorobanAuthorizationEntry:
    key = StrKey.decode_ed25519_public_key(payment["from"])
    proof = scval.to_vec(
        [
            scval.to_map(
                {
                    scval.to_symbol("public_key"): scval.to_bytes(key),
                    scval.to_symbol("signature"): scval.to_bytes(signature),
                }
            )
        ]
    )
    inner = xdr.SorobanAddressCredentials(
        Address(payment["from"]).to_xdr_sc_address(),
        xdr.Int64(int(payment["nonce"])),
        xdr.Uint32(payment["expiration"]),
        proof,
    )
    if payment["credentials"] == 1:
        credentials = xdr.SorobanCredentials(
            xdr.SorobanCredentialsType.SOROBAN_CREDENTIALS_ADDRESS, address=inner
        )
    else:
        credentials = xdr.SorobanCredentials(
            xdr.SorobanCredentialsType.SOROBAN_CREDENTIALS_ADDRESS_V2, address_v2=inner
        )
    return xdr.SorobanAuthorizationEntry(credentials, invocation_of(payment))


def transaction_of(payment: dict, entry: xdr.SorobanAuthorizationEntry, dice, source: Account):
    function = xdr.HostFunction(
        xdr.HostFunctionType.HOST_FUNCTION_TYPE_INVOKE_CONTRACT, invoke_contract=call_of(payment)
    )
    data = (
        SorobanDataBuilder()
        .set_resource_fee(dice.randrange(0, 40000))
        .set_resources(dice.randrange(2**31), dice.randrange(2**31), dice.randrange(2**31))
        .set_read_only([contract_key(payment["token"])])
        .build()
    )
    builder = TransactionBuilder(source, NETWORKS[payment["network"]], base_fee=100)
    builder.append_operation(InvokeHostFunction(function, [entry]))
    builder.set_soroban_data(data)
    return builder


def contract_key(contract: str) -> xdr.LedgerKey:
    return xdr.LedgerKey(
        xdr.LedgerEntryType.CONTRACT_DATA,
        contract_data=xdr.LedgerKeyContractData(
            Address(contract).to_xdr_sc_address(),
            xdr.SCVal(xdr.SCValType.SCV_LEDGER_KEY_CONTRACT_INSTANCE),
            xdr.ContractDataDurability.PERSISTENT,
        ),
    )


def make(seed: int, count: int) -> None:
    dice = random.Random(seed)
    payer = Keypair.from_raw_ed25519_seed(bytes(range(1, 33)))
    sender = Keypair.from_raw_ed25519_seed(b"\x33" * 32)
    for _ in range(count):
        network = dice.choice(sorted(NETWORKS))
        to = dice.randbytes(32)
        payment = {
            "network": network,
            "token": StrKey.encode_contract(dice.randbytes(32)),
            "from": payer.public_key,
            "to": dice.choice([StrKey.encode_contract, StrKey.encode_ed25519_public_key])(to),
            "amount": str(dice.choice([1, dice.randrange(1, 2**64), 2**64 - 1])),
            "nonce": str(dice.randrange(-(2**63), 2**63)),
            "expiration": dice.randrange(2**32),
            "credentials": dice.choice([1, 2]),
        }
        preimage = preimage_of(payment).to_xdr_bytes()
        signature = payer.sign(sha256(preimage))
        entry = entry_of(payment, signature)
        # Nobody's transaction, as x402 carries it: the number before the first is -1.
        nobody = StrKey.encode_ed25519_public_key(bytes(32))
        bare = transaction_of(payment, entry, dice, Account(nobody, -1)).set_timeout(60).build()
        # Somebody's, as a ledger has it.
        builder = transaction_of(payment, entry, dice, Account(sender.public_key, dice.randrange(2**40)))
        if dice.random() < 0.5:
            builder.add_memo(TextMemo("a memo"))
        if dice.random() < 0.5:
            builder.set_ledger_bounds(dice.randrange(9), 0).set_min_sequence_number(dice.randrange(9))
        sent = builder.set_timeout(60).build()
        sent.sign(sender)
        bump = None
        if dice.random() < 0.3:
            bump = TransactionBuilder.build_fee_bump_transaction(
                sender.public_key, 40000, sent, NETWORKS[network]
            )
            bump.sign(sender)
        classic = (
            TransactionBuilder(Account(sender.public_key, 7), NETWORKS[network], base_fee=100)
            .append_payment_op(payer.public_key, Asset("USDC", sender.public_key), "1")
            .set_timeout(60)
            .build()
        )
        payment |= {
            "preimage": preimage.hex(),
            "entry": entry.to_xdr_bytes().hex(),
            "envelope": bare.to_xdr(),
            "sent": (bump or sent).to_xdr(),
            "id": sent.hash().hex(),
            "classic": classic.to_xdr(),
        }
        print(json.dumps(payment))


def check(path: str) -> None:
    count = 0
    for line in open(path, encoding="utf-8"):
        payment = json.loads(line)
        preimage = bytes.fromhex(payment["preimage"])
        assert preimage_of(payment).to_xdr_bytes() == preimage, "another preimage"
        assert xdr.HashIDPreimage.from_xdr_bytes(preimage).to_xdr_bytes() == preimage
        entry = xdr.SorobanAuthorizationEntry.from_xdr_bytes(bytes.fromhex(payment["entry"]))
        credentials = entry.credentials.address or entry.credentials.address_v2
        proof = scval.to_native(credentials.signature)[0]
        payer = Keypair.from_public_key(payment["from"])
        assert proof["public_key"] == payer.raw_public_key(), "another key"
        # Raises where the signature is not the payer's.
        payer.verify(sha256(preimage), proof["signature"])
        assert entry_of(payment, proof["signature"]).to_xdr_bytes().hex() == payment["entry"]
        envelope = TransactionEnvelope.from_xdr(payment["envelope"], NETWORKS[payment["network"]])
        (operation,) = envelope.transaction.operations
        assert operation.auth == [entry], "another entry"
        assert operation.host_function.invoke_contract == call_of(payment), "another call"
        assert envelope.transaction.source.account_id == StrKey.encode_ed25519_public_key(bytes(32))
        assert envelope.transaction.sequence == 0 and not envelope.signatures
        assert envelope.to_xdr() == payment["envelope"], "not canonical"
        sent = TransactionEnvelope.from_xdr(payment["sent"], NETWORKS[payment["network"]])
        Keypair.from_public_key(sent.transaction.source.account_id).verify(
            sent.hash(), sent.signatures[0].signature
        )
        assert sent.hash().hex() == payment["id"], "another id"
        count += 1
    print(f"{count} payments are what they say")


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(int(sys.argv[2]), int(sys.argv[3]))
    else:
        check(sys.argv[2])
