//! What a statistic came to over many resamples.

/// Values with their weights, which add up to 1.
#[derive(Debug)]
pub(super) struct Distribution {
    /// In ascending order: value, and the weight of it and all before it.
    steps: Vec<(f64, f64)>,
}

impl Distribution {
    /// From values and weights in any order. NaN is as if it had not been drawn.
    pub(super) fn new(mut drawn: Vec<(f64, f64)>) -> Self {
        drawn.retain(|(value, _)| !value.is_nan());
        drawn.sort_by(|a, b| a.0.total_cmp(&b.0));
        let whole: f64 = drawn.iter().map(|(_, weight)| weight).sum();
        let mut sum = 0.0;
        for (_, weight) in &mut drawn {
            sum += *weight;
            *weight = sum / whole;
        }
        Self { steps: drawn }
    }

    /// The weight of all values below `value`, and half of those equal to it.
    pub(super) fn mid_rank(&self, value: f64) -> f64 {
        let upto = |place: usize| place.checked_sub(1).map_or(0.0, |last| self.steps[last].1);
        let below = upto(self.steps.partition_point(|(v, _)| *v < value));
        let with = upto(self.steps.partition_point(|(v, _)| *v <= value));
        f64::midpoint(below, with)
    }

    /// The smallest value up to which lies a share `p` of the weight. NaN of nothing.
    pub(super) fn quantile(&self, p: f64) -> f64 {
        // Sums of weights are exact but for the last digits.
        let at = self.steps.partition_point(|(_, upto)| *upto < p - 1e-12);
        let found = self.steps.get(at).or(self.steps.last());
        found.map_or(f64::NAN, |(value, _)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_ranks_go_by_weight() {
        let found = Distribution::new(vec![(3.0, 1.0), (1.0, 2.0), (f64::NAN, 9.0), (2.0, 1.0)]);
        let quantiles = [0.0, 0.5, 0.51, 0.75, 0.76, 1.0].map(|p| found.quantile(p));
        assert_eq!(quantiles, [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
        let ranks = [0.5, 1.0, 1.5, 2.0, 3.0, 4.0].map(|value| found.mid_rank(value));
        assert_eq!(ranks, [0.0, 0.25, 0.5, 0.625, 0.875, 1.0]);
        assert!(Distribution::new(vec![]).quantile(0.5).is_nan());
    }
}
