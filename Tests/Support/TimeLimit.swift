public import Testing

extension Trait where Self == TimeLimitTrait {
    /// Ends what hangs. Whatever works takes a small part of that, also on a machine that does much else.
    public static var endsHangs: Self { .timeLimit(.minutes(10)) }
}
