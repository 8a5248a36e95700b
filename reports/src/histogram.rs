//! Latency histograms as the result file holds them: HdrHistogram V2, deflated, base 64.

use crate::schema::Percentiles;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer, V2Serializer};
use std::fmt;
use thiserror::Error;

/// Fewest records for which a 99.9th percentile is stated: ten of them lie above it.
pub const MIN_COUNT_P999: u64 = 10_000;
/// Fewest records for which a 99.99th percentile is stated.
pub const MIN_COUNT_P9999: u64 = 100_000;

/// Why a histogram could not be written or read.
#[derive(Debug, Error)]
pub enum HistogramError {
    /// The text is not base 64.
    #[error("not base 64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// The bytes are not a histogram of the V2 format.
    #[error("not an HdrHistogram V2: {0}")]
    Format(String),
    /// The histogram could not be written.
    #[error("the histogram does not serialize: {0}")]
    Serialize(String),
}

/// The text of a histogram, for [`Run::latency_hdr`](crate::schema::Run::latency_hdr).
///
/// # Errors
/// [`HistogramError::Serialize`] if the histogram is larger than the format can hold.
pub fn encode(histogram: &Histogram<u64>) -> Result<String, HistogramError> {
    Ok(STANDARD.encode(bytes(V2DeflateSerializer::new(), histogram)?))
}

/// The histogram that a text holds.
///
/// # Errors
/// [`HistogramError`] if the text is not one.
pub fn decode(text: &str) -> Result<Histogram<u64>, HistogramError> {
    histogram(&STANDARD.decode(text.trim())?)
}

fn bytes<S: Serializer>(mut form: S, histogram: &Histogram<u64>) -> Result<Vec<u8>, HistogramError>
where
    S::SerializeError: fmt::Display,
{
    let mut bytes = Vec::new();
    match form.serialize(histogram, &mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(HistogramError::Serialize(error.to_string())),
    }
}

fn histogram(mut bytes: &[u8]) -> Result<Histogram<u64>, HistogramError> {
    Deserializer::new().deserialize(&mut bytes).map_err(|e| HistogramError::Format(e.to_string()))
}

/// A histogram that is kept for later: the bytes of the V2 format, a few thousand, where the histogram
/// has a counter for every value up to an hour, a quarter of a million bytes. A summary has two of every
/// row at every load.
#[derive(Clone, PartialEq, Eq)]
pub struct Packed(Box<[u8]>);

impl Packed {
    /// Packs a histogram.
    ///
    /// # Errors
    /// [`HistogramError::Serialize`] if the histogram is larger than the format can hold.
    pub fn of(histogram: &Histogram<u64>) -> Result<Self, HistogramError> {
        bytes(V2Serializer::new(), histogram).map(|bytes| Self(bytes.into()))
    }

    /// The histogram again.
    ///
    /// # Errors
    /// [`HistogramError::Format`], which what [`of`](Self::of) has made does not give.
    pub fn unpack(&self) -> Result<Histogram<u64>, HistogramError> {
        histogram(&self.0)
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packed({} bytes)", self.0.len())
    }
}

/// Adds one histogram to another whose range may be smaller.
pub(crate) fn merge(into: &mut Histogram<u64>, from: &Histogram<u64>) -> bool {
    into.auto(true);
    into.add(from).is_ok()
}

/// The points of a histogram; `None` if it holds no record. Percentiles that too few records support
/// are left out.
#[must_use]
pub fn percentiles(histogram: &Histogram<u64>) -> Option<Percentiles> {
    let count = histogram.len();
    if count == 0 {
        return None;
    }
    let at = |quantile| histogram.value_at_quantile(quantile);
    Some(Percentiles {
        count,
        min_ns: histogram.min(),
        mean_ns: histogram.mean(),
        p50_ns: at(0.5),
        p90_ns: at(0.9),
        p99_ns: at(0.99),
        p999_ns: (count >= MIN_COUNT_P999).then(|| at(0.999)),
        p9999_ns: (count >= MIN_COUNT_P9999).then(|| at(0.9999)),
        max_ns: histogram.max(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds");
        for value in values {
            histogram.saturating_record(value);
        }
        histogram
    }

    #[test]
    fn rare_percentiles_need_many_records() {
        for (count, p999, p9999) in
            [(1, false, false), (9_999, false, false), (10_000, true, false), (100_000, true, true)]
        {
            let points = percentiles(&of(1..=count)).expect("records");
            assert_eq!(points.count, count);
            assert_eq!((points.p999_ns.is_some(), points.p9999_ns.is_some()), (p999, p9999));
        }
        assert_eq!(percentiles(&of([])), None);
    }

    #[test]
    fn histograms_of_different_ranges_are_merged() {
        let mut small = Histogram::new_with_bounds(1, 1_000, 3).expect("bounds");
        small.saturating_record(10);
        assert!(merge(&mut small, &of([30_000_000_000])));
        assert_eq!(small.len(), 2);
        assert!(small.max() >= 30_000_000_000);
    }

    #[test]
    fn what_is_not_a_histogram_is_refused() {
        for text in ["", "!!!", "AAAA", "SGVsbG8gd29ybGQsIHRoaXMgaXMgbm90IG9uZQ=="] {
            assert!(decode(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_histogram_survives_the_file(values in proptest::collection::vec(1u64..60_000_000_000, 0..200)) {
            let histogram = of(values);
            let back = decode(&encode(&histogram).expect("text")).expect("histogram");
            prop_assert!(back == histogram);
            let packed = Packed::of(&histogram).expect("packed");
            prop_assert!(packed.unpack().expect("histogram") == histogram);
        }

        #[test]
        fn no_text_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120), cut in 0usize..200, flip in 0usize..200) {
            let _ = decode(&STANDARD.encode(&bytes));
            let mut text = encode(&of([1, 1_000, 1_000_000])).expect("text").into_bytes();
            let at = flip % text.len();
            text[at] = b'A' + bytes.first().copied().unwrap_or(0) % 26;
            text.truncate(cut.max(1));
            let _ = decode(&String::from_utf8_lossy(&text));
        }
    }
}
