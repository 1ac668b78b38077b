/// Cuts what comes from a socket into frames.
package struct FrameReader: Sendable {
    private var bytes: [UInt8] = []

    package init() {}

    /// Takes what arrived.
    package mutating func take(_ arrived: some Collection<UInt8>) { self.bytes.append(contentsOf: arrived) }

    /// The next whole frame; nil where one is not there yet.
    /// - Throws: ``FrameError`` for what is no frame. Nothing that comes after it can be read.
    package mutating func next() throws(FrameError) -> Frame? {
        guard self.bytes.count >= Frame.prefix else { return nil }
        let (head, body) = (self.count(at: 0), self.count(at: 4))
        guard head <= Frame.headLimit, body <= Frame.bodyLimit else { throw .tooLarge }
        let end = Frame.prefix + head + body
        guard self.bytes.count >= end else { return nil }
        defer { self.bytes.removeFirst(end) }
        return try Frame(
            head: Array(self.bytes[Frame.prefix..<Frame.prefix + head]),
            body: Array(self.bytes[Frame.prefix + head..<end]))
    }

    private func count(at place: Int) -> Int {
        (0..<4).reduce(0) { $0 | Int(self.bytes[place + $1]) << (8 * $1) }  // bounded: a byte
    }
}
