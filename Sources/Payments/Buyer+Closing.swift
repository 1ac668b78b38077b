internal import Encoding
internal import Ledger
internal import Sodium
internal import Solana
internal import Wallet
internal import World

/// How closing a channel went.
public enum ChannelClosing: Sendable, Equatable {
    /// The chain shows the end, and the rest is back in the wallet.
    case closed(redeemed: UInt64, returned: UInt64, transaction: String)
    /// The seller did not close it; the money is where it was.
    case refused(reason: String)
}

extension Buyer {
    /// Asks the seller for the rest of a channel's deposit, and books what the chain shows.
    ///
    /// Vouchers whose answer was lost are cleared up on the way: the seller shows what it accepted.
    ///
    /// - Throws: `LedgerError.unknownChannel`, `RPCError` when the chain cannot be asked.
    public func closeChannel(_ id: String) async throws -> ChannelClosing {
        try await self.locks.alone(id) { try await self.close(id) }
    }

    private func close(_ id: String) async throws -> ChannelClosing {
        guard let record = try await self.ledger.read({ try $0.channel(id) }) else {
            throw LedgerError.unknownChannel(id)
        }
        if record.state == .closed { return .refused(reason: "the channel is closed already") }
        let terms = try ChannelTerms(bytes: record.terms)
        // It may have ended without us: sealed by the seller, or after a crash of ours.
        if let ended = try await self.ended(record, redeemed: nil) { return ended }
        var reason = "the seller never accepted a voucher; nothing shows it what is due"
        for attempt in 0..<3 {
            guard let last = try await self.lastVoucher(of: id) else { break }
            let request = self.refundRequest(terms, last)
            let response: WebResponse
            do throws(WebError) {
                response = try await self.web.send(request)
            } catch {
                if error == .cancelled { throw CancellationError() }
                reason = "\(error)"
                try await self.timeline.sleep(for: .milliseconds(500 << attempt))
                continue
            }
            let claim = response.header(X402.responseHeader).flatMap { try? SettlementResponse(header: $0) }
            if let claim, claim.success {
                let redeemed = last.voucher.cumulative
                if let ended = try await self.ended(
                    record, redeemed: redeemed, transaction: claim.transaction)
                {
                    return ended
                }
            }
            reason = Self.refusal(response, claim)
            _ = try await self.takeUp(id, response)
        }
        return .refused(reason: reason)
    }

    /// Books the end that the chain shows; nil while the channel goes on.
    /// - Parameter redeemed: what the seller was shown, for a channel whose account is gone already.
    private func ended(
        _ record: ChannelRecord, redeemed: UInt64?, transaction: String? = nil
    ) async throws -> ChannelClosing? {
        let watermark: UInt64
        if let account = try await self.rpc.channel(try Address(record.id)) {
            guard account.status == .distributed else { return nil }
            watermark = account.settled
        } else {
            // Before its opening is confirmed there is no account either.
            guard record.state != .opening, let redeemed else { return nil }
            watermark = redeemed
        }
        let name = transaction ?? "close:\(record.id)"
        try await self.ledger.closeChannel(record.id, redeemed: watermark, transaction: name)
        let returned = max(0, record.deposit - Int64(clamping: watermark))
        return .closed(redeemed: watermark, returned: UInt64(returned), transaction: name)
    }

    private func lastVoucher(of id: String) async throws -> SignedVoucher? {
        try await self.ledger.read { view in
            guard let intent = try view.channel(id)?.lastVoucher, let record = try view.intent(intent),
                let payment = try view.payment(record)
            else { return nil }
            return SignedVoucher(
                try ChannelVoucher(decoding: payment.message), signature: payment.signature)
        }
    }

    private func refundRequest(_ terms: ChannelTerms, _ voucher: SignedVoucher) -> WebRequest {
        let accepted = PaymentRequirements(
            network: self.network.chainID, amount: 0, asset: terms.config.token.description,
            payTo: terms.config.receiver.description, maxTimeoutSeconds: 60,
            feePayer: terms.feePayer.description,
            channel: ChannelOffer(
                receiverAuthorizer: terms.config.receiverAuthorizer.description,
                withdrawDelay: terms.config.withdrawDelay, tokenProgram: terms.tokenProgram.description,
                minDeposit: nil))
        let payload = PaymentPayload(
            resource: terms.resource, accepted: accepted,
            content: .channel(ChannelPayment(.refund, config: terms.config, voucher: voucher)),
            identifier: nil)
        return WebRequest(
            "GET", terms.resource,
            headers: [Header(X402.signatureHeader, Base64.standard.encode(payload.bytes))])
    }
}
