//! Scales: where a value lies, and which values are written beside it.

use crate::units;

/// A scale from values to a share of the axis.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    log: bool,
    /// Values that are written, and how.
    pub(super) ticks: Vec<(f64, String)>,
}

/// Values beyond this are drawn at it: no engine is that fast or that slow.
const LARGEST: f64 = 1e18;

impl Axis {
    /// From 0 to at least `high`, with round ticks.
    pub(super) fn linear(high: f64, label: impl Fn(f64) -> String) -> Self {
        let high = if high.is_finite() && high > 0.0 { high.min(LARGEST) } else { 1.0 };
        let step = round_step(high / 5.0);
        let count = (high / step + 1e-9).floor() as usize;
        let ticks = (0..=count).map(|i| i as f64 * step).map(|v| (v, label(v))).collect();
        Self { low: 0.0, high, log: false, ticks }
    }

    /// Logarithmic, over some values that are above 0 or are left out, with room at both ends.
    pub(super) fn log(values: impl Iterator<Item = f64>, label: impl Fn(f64) -> String) -> Self {
        let (low, high) = values
            .filter(|v| v.is_finite() && *v > 0.0)
            .map(|v| v.min(LARGEST).log10())
            .fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        let (low, high) = if low > high { (0.0, 1.0) } else { (low - 0.12, high + 0.12) };
        // Less than a decade would make noise look like an effect.
        let missing = (1.0 - (high - low)).max(0.0) / 2.0;
        let (low, high) = (low - missing, high + missing);
        let digits: &[f64] = if high - low <= 2.2 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let every = (((high - low) / 8.0).ceil() as i32).max(1);
        let ticks = (low.floor() as i32..=high.ceil() as i32)
            .filter(|decade| decade.rem_euclid(every) == 0)
            .flat_map(|decade| digits.iter().map(move |digit| digit * 10f64.powi(decade)))
            .filter(|v| (low..=high).contains(&v.log10()))
            .map(|v| (v, label(v)))
            .collect();
        Self { low, high, log: true, ticks }
    }

    /// Percentiles on the scale of how rare they are, from the minimum to so many nines.
    pub(super) fn percentile(nines: f64) -> Self {
        let written = [
            (0.0, "0"),
            (0.5, "50"),
            (0.9, "90"),
            (0.99, "99"),
            (0.999, "99.9"),
            (0.9999, "99.99"),
            (0.99999, "99.999"),
        ];
        let ticks = written
            .into_iter()
            .map(|(quantile, label)| (rarity(quantile), format!("{label} %")))
            .filter(|(at, _)| *at <= nines + 1e-6)
            .collect();
        Self { low: 0.0, high: nines.max(1.0), log: false, ticks }
    }

    /// Writes these values instead.
    pub(super) fn with_ticks(self, ticks: Vec<(f64, String)>) -> Self {
        Self { ticks, ..self }
    }

    /// Where a value lies, from 0 to 1; outside values at the ends.
    pub(super) fn share(&self, value: f64) -> f64 {
        let value = if self.log { value.max(1e-12).log10() } else { value };
        let share = (value - self.low) / (self.high - self.low);
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// The least and the largest value.
    pub(super) fn ends(&self) -> (f64, f64) {
        if self.log { (10f64.powf(self.low), 10f64.powf(self.high)) } else { (self.low, self.high) }
    }
}

/// How rare a quantile is: 1 for one in ten, 2 for one in a hundred.
pub(super) fn rarity(quantile: f64) -> f64 {
    -(1.0 - quantile).log10()
}

/// Label of a time in nanoseconds.
pub(super) fn time_label(ns: f64) -> String {
    units::duration_short(ns)
}

fn round_step(at_least: f64) -> f64 {
    let decade = 10f64.powf(at_least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|digit| digit * decade)
        .find(|step| *step >= at_least * 0.999)
        .unwrap_or(decade * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_and_inside() {
        let rates = Axis::linear(1.74e6, units::quantity_short);
        assert_eq!(labels(&rates), ["0", "500 k", "1 M", "1.5 M"]);
        let wide = Axis::log([150e3, 9e9].into_iter(), time_label);
        assert_eq!(labels(&wide), ["1 ms", "10 ms", "100 ms", "1 s", "10 s"]);
        let narrow = Axis::log([150e3, 900e3].into_iter(), time_label);
        assert_eq!(labels(&narrow), ["200 us", "500 us", "1 ms"]);
        assert_eq!(labels(&Axis::percentile(3.0)), ["0 %", "50 %", "90 %", "99 %", "99.9 %"]);
    }

    #[test]
    fn no_number_leaves_the_axis() {
        for values in [vec![], vec![f64::NAN], vec![0.0], vec![f64::MAX, 1e-300], vec![5.0]] {
            for axis in [
                Axis::log(values.iter().copied(), time_label),
                Axis::linear(values.first().copied().unwrap_or(0.0), units::quantity),
            ] {
                assert!(axis.ticks.len() < 40, "{values:?}");
                for v in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300] {
                    assert!((0.0..=1.0).contains(&axis.share(v)), "{values:?} {v}");
                }
            }
        }
    }
}
