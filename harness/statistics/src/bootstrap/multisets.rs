//! All resamples that there are of a few values.
//!
//! A resample of n values is a multiset: how often each was drawn. There are C(2n-1, n) of them, which for
//! the number of rounds that people run is less than the number of resamples that one would draw, and the
//! bootstrap distribution is then known exactly: nothing is left to chance.

/// Resamples that are gone through rather than drawn: all those of 9 values.
const MOST: f64 = 25_000.0;

/// Whether all resamples of `n` values are few enough to go through.
pub(super) fn are_few(n: usize) -> bool {
    // C(2n-1, n), as a product of ratios.
    let number = (1..=n).fold(1.0, |product, k| product * (n - 1 + k) as f64 / k as f64);
    number <= MOST
}

/// Calls `visit` with each resample of `values` and its probability.
pub(super) fn each(values: &[f64], visit: &mut impl FnMut(&[f64], f64)) {
    let n = values.len();
    // n!/n^n for the draws in some order; each value drawn k times divides by k!.
    let weight = (1..=n).fold(1.0, |product, k| product * k as f64 / n as f64);
    draw(values, n, weight, &mut Vec::with_capacity(n), visit);
}

/// Draws the first of the `values` any number of times, and the rest from the others.
fn draw(
    values: &[f64],
    left: usize,
    weight: f64,
    drawn: &mut Vec<f64>,
    visit: &mut impl FnMut(&[f64], f64),
) {
    let Some((value, others)) = values.split_first() else { return };
    let before = drawn.len();
    let mut weight = weight;
    for times in 0..=left {
        if times > 0 {
            drawn.push(*value);
            weight /= times as f64;
        }
        if times == left {
            visit(drawn, weight);
        } else {
            draw(others, left - times, weight, drawn, visit);
        }
    }
    drawn.truncate(before);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Beside going through all n^n ordered draws.
    #[test]
    fn they_are_all_ordered_draws_counted() {
        for n in 1..=5usize {
            let values: Vec<f64> = (0..n).map(|k| k as f64).collect();
            let mut want: BTreeMap<Vec<u64>, f64> = BTreeMap::new();
            for mut code in 0..n.pow(n as u32) {
                let mut drawn: Vec<u64> = Vec::new();
                for _ in 0..n {
                    drawn.push((code % n) as u64);
                    code /= n;
                }
                drawn.sort_unstable();
                *want.entry(drawn).or_default() += 1.0 / (n.pow(n as u32) as f64);
            }
            let mut got: BTreeMap<Vec<u64>, f64> = BTreeMap::new();
            each(&values, &mut |drawn, weight| {
                let key = drawn.iter().map(|value| *value as u64).collect();
                assert!(got.insert(key, weight).is_none(), "each comes once");
            });
            assert_eq!(got.keys().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>());
            for (drawn, weight) in &got {
                assert!((weight - want[drawn]).abs() < 1e-15, "{drawn:?}");
            }
        }
    }

    #[test]
    fn nine_values_are_gone_through_and_ten_are_drawn() {
        assert_eq!((1..=12).filter(|n| are_few(*n)).max(), Some(9));
    }
}
