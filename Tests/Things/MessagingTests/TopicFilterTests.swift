import Messaging
import Testing

@Suite struct TopicFilterTests {
    @Test(arguments: [
        ("a/b", "a/b", true), ("a/b", "a/+", true), ("a/b", "#", true), ("a", "a/#", true),
        ("a/b/c", "a/+", false),
        ("a", "a/+", false), ("$SYS/a", "#", false), ("$SYS/a", "$SYS/#", true), ("a/b", "a", false),
        ("/a", "+/+", true),
    ])
    func `filters match as the standard says`(_ topic: String, _ filter: String, _ matches: Bool) {
        #expect(TopicFilter.matches(topic, filter: filter) == matches)
    }
}
