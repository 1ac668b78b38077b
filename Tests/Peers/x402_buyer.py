"""Fetches one paid resource with the client of the PyPI package x402.

    x402_buyer.py RPC KEY_FILE METHOD URL [BODY_FILE]

Prints one JSON object: status, the PAYMENT-RESPONSE header decoded, the body.
"""

import asyncio
import base64
import json
import sys

from solders.keypair import Keypair
from x402 import x402Client
from x402.http.clients.httpx import x402HttpxClient
from x402.mechanisms.svm.exact.register import register_exact_svm_client
from x402.mechanisms.svm.signers import KeypairSigner


async def main():
    rpc, key_file, method, url = sys.argv[1:5]
    with open(key_file) as file:
        key = Keypair.from_bytes(bytes(json.load(file)))
    body = open(sys.argv[5], "rb").read() if len(sys.argv) > 5 else None
    client = register_exact_svm_client(x402Client(), KeypairSigner(key), rpc_url=rpc)
    # It pays in well-known tokens only, unless told.
    client.set_spend_controls(False)
    async with x402HttpxClient(client, timeout=60) as http:
        answer = await http.request(method, url, content=body)
        settled = answer.headers.get("PAYMENT-RESPONSE")
        print(json.dumps({
            "status": answer.status_code,
            "settled": json.loads(base64.b64decode(settled)) if settled else None,
            "body": answer.text}))


asyncio.run(main())
