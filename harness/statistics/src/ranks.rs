//! Tests by rank: they assume nothing of how the values are distributed, and an outlier is to them only
//! the largest.

use crate::error::StatisticsError;
use crate::sample::check;
use statrs::distribution::{ContinuousCDF, Normal};

/// Up to so many values on a side, the distribution of a statistic without ties is counted out, as R does;
/// beyond, a normal one is as good.
const COUNTED: usize = 50;

/// What a test by rank found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankTest {
    /// U of [`mann_whitney`], V of [`signed_rank`].
    pub statistic: f64,
    /// How often chance alone makes a difference as large, in either direction.
    pub p: f64,
    /// Whether `p` was counted out, or is that of a normal distribution: with ties, and of many values.
    pub exact: bool,
}

/// Whether two independent lists differ in place: the test of Mann and Whitney, Annals of Mathematical
/// Statistics 18 (1947), two-sided. Its U counts the pairs in which the value of `left` is the larger.
///
/// # Errors
///
/// An empty list, or a value that is not finite.
pub fn mann_whitney(left: &[f64], right: &[f64]) -> Result<RankTest, StatisticsError> {
    check("the Mann-Whitney test", left, 1)?;
    check("the Mann-Whitney test", right, 1)?;
    let (n, m) = (left.len(), right.len());
    let all: Vec<f64> = left.iter().chain(right).copied().collect();
    let Ranked { ranks, ties } = rank(&all);
    let statistic = ranks[..n].iter().sum::<f64>() - (n * (n + 1)) as f64 / 2.0;
    if ties == 0.0 && n <= COUNTED && m <= COUNTED {
        let p = two_sided(&rank_sums(n, m), statistic);
        return Ok(RankTest { statistic, p, exact: true });
    }
    let (n, m) = (n as f64, m as f64);
    let whole = n + m;
    let variance = n * m / 12.0 * ((whole + 1.0) - ties / (whole * (whole - 1.0)));
    Ok(RankTest { statistic, p: normal_p(statistic - n * m / 2.0, variance), exact: false })
}

/// Whether differences of pairs lie about zero: the signed-rank test of F. Wilcoxon, Biometrics Bulletin 1
/// (1945), two-sided. Pairs without a difference are left out. Its V is the sum of the ranks of the
/// positive ones.
///
/// # Errors
///
/// No difference at all, or one that is not finite.
pub fn signed_rank(differences: &[f64]) -> Result<RankTest, StatisticsError> {
    check("the signed-rank test", differences, 1)?;
    let some: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    let n = some.len();
    if n == 0 {
        return Ok(RankTest { statistic: 0.0, p: 1.0, exact: true });
    }
    let Ranked { ranks, ties } = rank(&some.iter().map(|d| d.abs()).collect::<Vec<_>>());
    let positive = some.iter().zip(&ranks).filter(|(difference, _)| **difference > 0.0);
    let statistic = positive.map(|(_, rank)| rank).sum::<f64>();
    if ties == 0.0 && n == differences.len() && n <= COUNTED {
        return Ok(RankTest { statistic, p: two_sided(&signed_sums(n), statistic), exact: true });
    }
    let n = n as f64;
    let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0;
    Ok(RankTest { statistic, p: normal_p(statistic - n * (n + 1.0) / 4.0, variance), exact: false })
}

struct Ranked {
    /// From 1, in the order of the values; equal ones share the mean of theirs.
    ranks: Vec<f64>,
    /// Over groups of t equal values, the sum of t³ - t.
    ties: f64,
}

fn rank(values: &[f64]) -> Ranked {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let (mut ranks, mut ties, mut done) = (vec![0.0; values.len()], 0.0, 0);
    for group in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let size = group.len() as f64;
        let shared = done as f64 + f64::midpoint(1.0, size);
        group.iter().for_each(|place| ranks[*place] = shared);
        ties += size.powi(3) - size;
        done += group.len();
    }
    Ranked { ranks, ties }
}

/// How probable each value of U is between lists of `n` and `m` that do not differ.
pub(crate) fn rank_sums(n: usize, m: usize) -> Vec<f64> {
    // The generating function is a Gaussian binomial: the product of (1 - q^(m+k)) / (1 - q^k).
    let size = n * m + 1;
    let mut ways = vec![0.0; size];
    ways[0] = 1.0;
    for k in 1..=n {
        (m + k..size).rev().for_each(|u| ways[u] -= ways[u - m - k]);
        (k..size).for_each(|u| ways[u] += ways[u - k]);
    }
    share_out(ways)
}

/// How probable each value of V is for `n` differences that lie about zero.
pub(crate) fn signed_sums(n: usize) -> Vec<f64> {
    let mut ways = vec![0.0; n * (n + 1) / 2 + 1];
    ways[0] = 1.0;
    for k in 1..=n {
        (k..ways.len()).rev().for_each(|v| ways[v] += ways[v - k]);
    }
    share_out(ways)
}

fn share_out(mut ways: Vec<f64>) -> Vec<f64> {
    let whole: f64 = ways.iter().sum();
    ways.iter_mut().for_each(|way| *way /= whole);
    ways
}

/// Of a statistic that takes whole numbers, with a symmetric distribution.
fn two_sided(probabilities: &[f64], statistic: f64) -> f64 {
    let at = statistic.round() as usize;
    let from_below: f64 = probabilities[..=at].iter().sum();
    let from_above: f64 = probabilities[at..].iter().sum();
    (2.0 * from_below.min(from_above)).min(1.0)
}

/// Of a distance from the mean, with the correction for continuity.
fn normal_p(distance: f64, variance: f64) -> f64 {
    if variance <= 0.0 {
        return 1.0;
    }
    let z = (distance.abs() - 0.5).max(0.0) / variance.sqrt();
    (2.0 * Normal::standard().sf(z)).min(1.0)
}
