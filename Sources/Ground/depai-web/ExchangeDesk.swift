import CCurl
import Exchanges
import Glibc
import World

/// All exchanges on one thread: libcurl's multi interface waits for their servers and for the other side.
final class ExchangeDesk {
    private let multi: UnsafeMutableRawPointer
    private var running: [UnsafeMutableRawPointer: (id: UInt64, exchange: Exchange)] = [:]
    private var reader = FrameReader()

    /// The longest wait for nothing, in milliseconds.
    private static let pause: Int32 = 60_000

    init?() {
        guard let multi = curl_multi_init() else { return nil }
        self.multi = multi
    }

    /// Comes back when the other side has hung up, or says what is no request.
    func run() {
        while true {
            var count: Int32 = 0
            curl_multi_perform(self.multi, &count)
            self.finish()
            var input = curl_waitfd(fd: STDIN_FILENO, events: Int16(CURL_WAIT_POLLIN), revents: 0)
            curl_multi_poll(self.multi, &input, 1, Self.pause, nil)
            guard self.listen() else { return }
        }
    }

    /// Takes what the other side said.
    private func listen() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(STDIN_FILENO, &chunk, chunk.count, Int32(MSG_DONTWAIT))
        guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) }
        self.reader.take(chunk[..<count])
        do {
            while let frame = try self.reader.next() {
                switch frame {
                case .request(let id, let request): self.begin(id, request)
                case .cancel(let id): self.cancel(id)
                case .answer: return false
                }
            }
            return true
        } catch {
            return false
        }
    }

    private func begin(_ id: UInt64, _ request: WebRequest) {
        do throws(WebError) {
            let exchange = try Exchange(request)
            guard curl_multi_add_handle(self.multi, exchange.handle) == CURLM_OK else {
                throw .refused("libcurl has no memory")
            }
            self.running[exchange.handle] = (id, exchange)
        } catch {
            self.answer(id, .failure(error))
        }
    }

    private func cancel(_ id: UInt64) {
        guard let (handle, _) = self.running.first(where: { $0.value.id == id }) else { return }
        curl_multi_remove_handle(self.multi, handle)
        self.running[handle] = nil
    }

    /// Answers what has ended.
    private func finish() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(self.multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle else {
                continue
            }
            let code = message.pointee.data.result
            curl_multi_remove_handle(self.multi, handle)
            guard let (id, exchange) = self.running.removeValue(forKey: handle) else { continue }
            self.answer(id, exchange.outcome(code))
        }
    }

    private func answer(_ id: UInt64, _ result: Result<WebResponse, WebError>) {
        let bytes: [UInt8]
        do throws(FrameError) {
            bytes = try Frame.answer(id: id, result).bytes()
        } catch {
            return self.answer(id, .failure(.tooLarge(limit: Frame.bodyLimit)))
        }
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { bytes in
                send(
                    STDIN_FILENO, bytes.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL)
                )
            }
            // A side that is gone is noticed where it is listened to.
            if count > 0 { sent += count } else if errno != EINTR { return }
        }
    }
}
