import Testing
import World

@testable import Ledger

@Suite struct ChallengesTests {
    @Test func `a challenge is good once, for ten minutes, and only as it was made`() {
        var challenges = Challenges()
        let made = challenges.make(entropy: Counter(), at: .seconds(50))
        #expect(challenges.isFresh(made, at: .seconds(649)))
        #expect(!challenges.isFresh(made, at: .seconds(650)))
        for index in made.indices {
            var changed = made
            changed[index] ^= 1
            #expect(!challenges.isFresh(changed, at: .seconds(60)), "byte \(index)")
        }
        #expect(!challenges.isFresh(Array(made.dropLast()), at: .seconds(60)))
        challenges.use(made, at: .seconds(60))
        #expect(!challenges.isFresh(made, at: .seconds(60)))
        var others = Challenges()
        #expect(!others.isFresh(made, at: .seconds(60)))
        _ = others.make(entropy: Counter(), at: .seconds(50))
        #expect(!others.isFresh(made, at: .seconds(60)))
    }

    @Test func `what was used is bounded for ten minutes, not for ever`() {
        var challenges = Challenges()
        for _ in 0..<1_024 {
            let made = challenges.make(entropy: Counter(), at: .seconds(50))
            #expect(challenges.isFresh(made, at: .seconds(50)))
            challenges.use(made, at: .seconds(50))
        }
        let full = challenges.make(entropy: Counter(), at: .seconds(60))
        #expect(!challenges.isFresh(full, at: .seconds(60)))
        #expect(challenges.isFresh(full, at: .seconds(651)))
    }
}
