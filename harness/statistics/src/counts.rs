//! Of how many something holds.

/// How often chance alone shares out so many as unevenly as they are, if it holds as often on both sides:
/// Fisher's exact test, two-sided (R's `fisher.test`). Each side is how many it holds of, and how many there are.
/// 1 where a side is empty.
#[must_use]
pub fn fisher(base: (usize, usize), new: (usize, usize)) -> f64 {
    let (hold, all) = (base.0 + new.0, base.1 + new.1);
    // Of all ways to pick the base's share, the part in which it holds of `k`: the hypergeometric distribution.
    let ways = |k: usize| choose(hold, k) + choose(all - hold, base.1 - k) - choose(all, base.1);
    let least = base.1.saturating_sub(all - hold);
    let most = base.1.min(hold);
    let seen = ways(base.0);
    // What is as likely counts although the logarithms differ in the last digit.
    let uneven = (least..=most).map(ways).filter(|ways| *ways <= seen + 1e-7);
    uneven.map(f64::exp).sum::<f64>().min(1.0)
}

/// Logarithm of the number of ways to pick `k` of `n`.
fn choose(n: usize, k: usize) -> f64 {
    statrs::function::factorial::ln_binomial(n as u64, k as u64)
}
