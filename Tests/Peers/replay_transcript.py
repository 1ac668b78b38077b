#!/usr/bin/env python3
"""Execute a transcript of depai's simulated chain again in a real Solana virtual machine.

    python3 replay_transcript.py TRANSCRIPT.jsonl

The transcript (JSON Lines, written by `Cluster.transcript()` in Simulator/Chain) is

    {"genesis": {"slot", "accounts": [{"address", "lamports"}...], ...}}   first line
    {"slot", "airdrop": {"to", "lamports"}}                                 from the first genesis account
    {"slot", "transaction": "<base64>", "err": null or error, "fee"}        what was executed, failed ones too
    {"balance": {"address", "lamports", "tokenMint"?, "tokenAmount"?}}      how it ended, one line an account

Every transaction goes through LiteSVM of the PyPI package solders, the Solana runtime with the deployed token,
associated-token and memo programs. Signatures are verified; blockhashes are not, because they are the simulator's own. We
compare each error, each fee, and at the end lamports and tokens of every account. Compute units are not compared.

An airdrop is no transaction here: lamports move from one account to the other. LiteSVM's own faucet is not touched.

The last line is "N transactions accepted, 0 differences". Exit 0 when nothing differs, 1 on any difference, 2 on a
transcript that cannot be read, 3 when solders is not installed.
"""

import json
import sys
from base64 import b64decode

try:
    from solders.account import Account
    from solders.litesvm import LiteSVM
    from solders.pubkey import Pubkey
    from solders.transaction import VersionedTransaction
except ImportError:
    print("PyPI package solders is not installed", file=sys.stderr)
    sys.exit(3)

SYSTEM = Pubkey.from_string("11111111111111111111111111111111")
SYSVAR = Pubkey.from_string("Sysvar1111111111111111111111111111111111111")
TOKEN = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022 = Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")


def main(path: str) -> int:
    differences = 0
    transactions = failed = airdrops = accounts = 0
    vm = None
    faucet = None
    balances: set = set()
    named: set = set()

    def differ(line: int, what: str, ours: object, theirs: object) -> None:
        nonlocal differences
        differences += 1
        print(f"line {line}: {what}: transcript {ours}, LiteSVM {theirs}")

    with open(path, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            record = json.loads(text)
            if "genesis" in record:
                vm = LiteSVM().with_sigverify(True).with_blockhash_check(False)
                vm.warp_to_slot(record["genesis"]["slot"])
                for account in record["genesis"]["accounts"]:
                    address = Pubkey.from_string(account["address"])
                    faucet = faucet or address
                    vm.set_account(address, Account(account["lamports"], b"", SYSTEM))
            elif "airdrop" in record:
                airdrops += 1
                move(vm, faucet, Pubkey.from_string(record["airdrop"]["to"]), record["airdrop"]["lamports"])
            elif "transaction" in record:
                transactions += 1
                transaction = VersionedTransaction.from_bytes(b64decode(record["transaction"], validate=True))
                keys = transaction.message.account_keys
                named.update(keys)
                before = sum(vm.get_balance(key) or 0 for key in keys)
                result = vm.send_transaction(transaction)
                error = error_json(result)
                if error is not None:
                    failed += 1
                if error != record["err"]:
                    differ(number, "err", record["err"], error)
                # Lamports only move inside a transaction, so what its accounts lost together is the fee.
                fee = before - sum(vm.get_balance(key) or 0 for key in keys)
                if fee != record["fee"]:
                    differ(number, "fee", record["fee"], fee)
            elif "balance" in record:
                accounts += 1
                balance = record["balance"]
                address = Pubkey.from_string(balance["address"])
                balances.add(address)
                compare(vm.get_account(address), balance, lambda *values: differ(number, *values))
            else:
                raise ValueError(f"line {number} is no line of a transcript")
    if vm is None or transactions and not accounts:
        raise ValueError("the transcript has no genesis or no final balances")
    # An account that only LiteSVM has is a difference, too; programs and system variables are not listed.
    for address in sorted(named - balances):
        account = vm.get_account(address)
        if account is not None and not account.executable and account.owner != SYSVAR:
            differ(0, f"account {address}", "absent", "present")
    print(
        f"{airdrops} airdrops, {transactions} transactions ({failed} of them failed in both and paid their fee), "
        f"{accounts} accounts compared"
    )
    print(f"{transactions} transactions accepted, {differences} differences")
    return 1 if differences else 0


def move(vm, source, target, lamports: int) -> None:
    for address, change in ((source, -lamports), (target, lamports)):
        old = vm.get_account(address)
        if old is None:
            new = Account(change, b"", SYSTEM)
        else:
            new = Account(old.lamports + change, bytes(old.data), old.owner, old.executable, old.rent_epoch)
        vm.set_account(address, new)


def compare(account, balance, differ) -> None:
    name = balance["address"]
    if account is None:
        differ(f"account {name}", "present", "absent")
        return
    if account.lamports != balance["lamports"]:
        differ(f"lamports of {name}", balance["lamports"], account.lamports)
    data = bytes(account.data)
    is_token = account.owner == TOKEN and len(data) == 165
    # With extensions the kind of account follows the longest account without: 2 is a token account.
    is_token |= account.owner == TOKEN_2022 and (len(data) == 165 or len(data) > 165 and data[165] == 2)
    mint = str(Pubkey.from_bytes(data[:32])) if is_token else None
    amount = str(int.from_bytes(data[64:72], "little")) if is_token else None
    if mint != balance.get("tokenMint"):
        differ(f"mint of {name}", balance.get("tokenMint"), mint)
    if amount != balance.get("tokenAmount"):
        differ(f"tokens of {name}", balance.get("tokenAmount"), amount)


def error_json(result):
    """The error of LiteSVM's answer as JSON-RPC writes it; None when the transaction succeeded."""
    if not hasattr(result, "err"):
        return None
    error = result.err()
    # solders' own serializer knows the shapes: wrap the error in a simulation answer of RPC and read that.
    from solders.rpc.responses import RpcResponseContext, RpcSimulateTransactionResult, SimulateTransactionResp

    answer = SimulateTransactionResp(
        value=RpcSimulateTransactionResult(err=error, logs=[]), context=RpcResponseContext(slot=0)
    )
    return json.loads(answer.to_json())["result"]["value"]["err"]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        sys.exit(main(sys.argv[1]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"replay_transcript.py: {error}", file=sys.stderr)
        sys.exit(2)
