//! What is wrong with an input.

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StatisticsError {
    /// There are fewer values than the method can work with.
    #[error("{what} needs at least {needed} values and got {got}: measure more rounds")]
    TooFew {
        /// The method.
        what: &'static str,
        /// Values that it needs.
        needed: usize,
        /// Values that there are.
        got: usize,
    },
    /// A value is infinite or not a number.
    #[error("value {index} is {value}: leave out what was not measured")]
    NotFinite {
        /// Its place, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A value that is to be compared by ratio is not positive.
    #[error("value {index} is {value}: ratios need values above 0")]
    NotPositive {
        /// Its place, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// Two lists that belong together by place have different lengths.
    #[error("{left} values on one side and {right} on the other: pairs need as many of each")]
    Unpaired {
        /// Length of the first.
        left: usize,
        /// Length of the second.
        right: usize,
    },
    /// A confidence level that is not between 0 and 1.
    #[error("confidence {0} is not between 0 and 1: 0.95 is usual")]
    Confidence(f64),
}
