import Console
import Encoding
import Linux
import Synchronization
import World

/// Looks whether a broker takes us, under a name of our own and without a word.
enum BrokerProbe: Sendable, Hashable {
    case takes
    /// It is there and says no, in its words.
    case refuses(String)
    /// Nobody is there, or he does not speak MQTT 5 or TLS as we do.
    case silent(String)

    /// What a person can do; nil when it takes us.
    var remedy: String? {
        switch self {
        case .takes: nil
        case .refuses: "check username and password_file, and what the broker allows them"
        case .silent: "check host, port and tls, and whether the broker runs: systemctl status mosquitto"
        }
    }

    static func look(at address: BrokerAddress, within patience: Duration = .seconds(3)) async -> BrokerProbe
    {
        var address = address
        address.clientID = "depai-probe-\(Hex.encode(SystemEntropy().bytes(4)))"
        (address.birth, address.will, address.sessionSeconds) = (nil, nil, 0)
        let (events, event) = AsyncStream.makeStream(of: LinkEvent.self, bufferingPolicy: .bufferingNewest(8))
        let bus = MosquittoBus(address, entropy: SystemEntropy()) { event.yield($0) }
        return await withTaskGroup(of: BrokerProbe?.self) { group in
            group.addTask {
                await bus.run()
                return nil
            }
            group.addTask {
                try? await Task.sleep(for: patience)
                return .silent("no answer within \(patience.components.seconds) s")
            }
            group.addTask {
                var last: BrokerProbe?
                for await event in events {
                    switch event {
                    case .connected: return .takes
                    case .refused(let reason): return .refuses(reason)
                    case .ended(let reason): return last ?? .silent(reason)
                    case .refusedFilter, .refusedBirth: last = nil
                    }
                }
                return nil
            }
            defer { group.cancelAll() }
            for await found in group { if let found { return found } }
            return .silent("no answer")
        }
    }
}

extension BrokerAddress {
    /// - Parameter place: `HOST` or `HOST:PORT`, as people write it.
    init(place: String, clientID: String) throws {
        let parts = place.split(separator: ":", maxSplits: 1).map(String.init)
        guard let host = parts.first, let port = parts.count == 2 ? Int32(parts[1]) : 1_883,
            (1...65_535).contains(port)
        else { throw Failure(2, "a broker is HOST or HOST:PORT") }
        self.init(host: host, port: port, clientID: clientID)
    }
}
