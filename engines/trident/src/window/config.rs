//! How windows are cut.

use crate::TridentError;
use std::time::Duration;

/// How windows are cut. Storm's `WindowConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowConfig {
    /// So many tuples, each in one window.
    TumblingCount(usize),
    /// So many tuples, cut anew after so many.
    SlidingCount {
        /// How many tuples a window has.
        length: usize,
        /// After how many there is another.
        slide: usize,
    },
    /// The tuples of so long a time, each in one window.
    TumblingDuration(Duration),
    /// The tuples of so long a time, cut anew after so long.
    SlidingDuration {
        /// How long a window is.
        length: Duration,
        /// After how long there is another.
        slide: Duration,
    },
}

/// How windows are cut: a number of tuples, or of nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Count { length: usize, slide: usize },
    Duration { length_ns: i64, slide_ns: i64 },
}

impl WindowConfig {
    pub(crate) fn cut(self) -> Result<Cut, TridentError> {
        let ns = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        let cut = match self {
            Self::TumblingCount(length) => Cut::Count { length, slide: length },
            Self::SlidingCount { length, slide } => Cut::Count { length, slide },
            Self::TumblingDuration(length) => {
                Cut::Duration { length_ns: ns(length), slide_ns: ns(length) }
            }
            Self::SlidingDuration { length, slide } => {
                Cut::Duration { length_ns: ns(length), slide_ns: ns(slide) }
            }
        };
        let (good, longest) = match cut {
            Cut::Count { length, slide } => (length > 0 && slide > 0, slide <= length),
            Cut::Duration { length_ns, slide_ns } => {
                (length_ns > 0 && slide_ns > 0, slide_ns <= length_ns)
            }
        };
        let wanted = match (good, longest) {
            (true, true) => return Ok(cut),
            (false, _) => "of a length and slide of more than nothing",
            (true, false) => "of a slide that is no longer than the window",
        };
        let (what, value) = ("a window", format!("{self:?}"));
        Err(TridentError::BadAmount { what, value, wanted })
    }
}
