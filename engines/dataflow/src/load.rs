//! What is due, and since when.

/// The answer to a [`Load::claim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Records below this index may be read now.
    pub limit: u64,
    /// Whether `limit` is final: the stream ends there.
    pub closed: bool,
}

/// The arrival process of a run: record *i* is scheduled at a time that is a pure function of the
/// schedule and *i*.
///
/// An engine never waits for a generator. It *claims* records that are due; what it has not claimed
/// is backlog, and keeps its scheduled time. All times are nanoseconds from the start of the run.
pub trait Load: Send + Sync {
    /// Whether records become due over time. `false` is saturation: every record is due at once, and
    /// its scheduled time is only its place on the nominal time axis.
    fn paced(&self) -> bool;

    /// How many records are scheduled strictly before `t_ns`. Pure.
    fn count_before(&self, t_ns: u64) -> u64;

    /// Writes the scheduled times of records `first`, `first + step`, ... into `out`. Pure.
    fn scheduled_ns(&self, first: u64, step: u64, out: &mut [u64]);

    /// Asks to read up to (not including) record `upto` at time `now_ns`.
    ///
    /// Paced, the limit is what is due by now, however much was asked for. At saturation it is what
    /// was asked for, until the run's time is over; from then on the limit stays and is `closed`.
    /// Every claimant must go on until it has read its share below a closed limit.
    fn claim(&self, upto: u64, now_ns: u64) -> Claim;
}
