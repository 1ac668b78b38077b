"""A shop and its facilitator, both of the PyPI package x402, against a Solana node of ours.

    x402_seller.py RPC MINT PAY_TO ATOMIC_PRICE SPONSOR_FILE

Prints "READY <port of the shop>" and serves until its input ends. GET /weather and POST /echo cost the price,
GET /free nothing.
"""

import json
import os
import sys
import threading

import uvicorn
from fastapi import FastAPI, Request, Response
from solders.keypair import Keypair
from x402 import x402ResourceServer
from x402.facilitator import x402Facilitator
from x402.http import FacilitatorConfig, HTTPFacilitatorClient
from x402.http.middleware.fastapi import payment_middleware
from x402.http.types import PaymentOption, RouteConfig
from x402.mechanisms.svm.exact.register import register_exact_svm_facilitator, register_exact_svm_server
from x402.mechanisms.svm.signers import FacilitatorKeypairSigner
from x402.schemas import AssetAmount, PaymentPayload, PaymentRequirements

NETWORK = "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1"


def serve(application):
    """Serves on a free loopback port and returns it."""
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=0, log_level="warning"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        threading.Event().wait(0.02)
    return server.servers[0].sockets[0].getsockname()[1]


def facilitator(rpc, sponsor):
    worker = register_exact_svm_facilitator(
        x402Facilitator(), FacilitatorKeypairSigner(sponsor, rpc_url=rpc), NETWORK)
    application = FastAPI()

    def parts(body):
        return (PaymentPayload.model_validate(body["paymentPayload"]),
                PaymentRequirements.model_validate(body["paymentRequirements"]))

    @application.get("/supported")
    def supported():
        return json.loads(worker.get_supported().model_dump_json(by_alias=True, exclude_none=True))

    @application.post("/verify")
    async def verify(request: Request):
        answer = await worker.verify(*parts(await request.json()))
        return json.loads(answer.model_dump_json(by_alias=True, exclude_none=True))

    @application.post("/settle")
    async def settle(request: Request):
        answer = await worker.settle(*parts(await request.json()))
        return json.loads(answer.model_dump_json(by_alias=True, exclude_none=True))

    return application


def shop(facilitator_url, mint, pay_to, price):
    server = register_exact_svm_server(
        x402ResourceServer(HTTPFacilitatorClient(FacilitatorConfig(url=facilitator_url))), NETWORK)
    route = RouteConfig(accepts=PaymentOption(
        scheme="exact", pay_to=pay_to, price=AssetAmount(amount=price, asset=mint), network=NETWORK))
    application = FastAPI()

    @application.middleware("http")
    async def paid(request, call_next):
        return await handler(request, call_next)

    handler = payment_middleware({"GET /weather": route, "POST /echo": route}, server)

    @application.get("/weather")
    def weather():
        return {"weather": "sunny"}

    @application.post("/echo")
    async def echo(request: Request):
        return Response(await request.body(), media_type="application/octet-stream")

    @application.get("/free")
    def free():
        return {"price": "nothing"}

    return application


def main():
    rpc, mint, pay_to, price, sponsor_file = sys.argv[1:]
    with open(sponsor_file) as file:
        sponsor = Keypair.from_bytes(bytes(json.load(file)))
    port = serve(facilitator(rpc, sponsor))
    print("READY", serve(shop(f"http://127.0.0.1:{port}", mint, pay_to, price)), flush=True)
    sys.stdin.read()
    # Threads that serve do not end by themselves.
    os._exit(0)


main()
