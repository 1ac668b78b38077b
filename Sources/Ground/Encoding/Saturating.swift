extension FixedWidthInteger {
    /// The sum, or the end of the type that it goes beyond: for amounts whose bound is checked afterwards.
    package func saturating(plus other: Self) -> Self {
        let (sum, overflow) = self.addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}
