//! Many comparisons at once. Of a hundred that are each wrong once in twenty, five are: what is called a
//! change among many has to be surer than what is called one alone.

use crate::error::StatisticsError;

/// For each p of a family its q: the share of false ones among all that are at least as sure (Benjamini
/// and Hochberg, Journal of the Royal Statistical Society B 57, 1995; R's `p.adjust(p, "BH")`). If nothing
/// has changed at all, chance makes any q of at most 0.05 once in twenty families. In the order of the input.
///
/// # Errors
///
/// A p that is not finite.
pub fn false_discovery(p: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    crate::sample::check("a family", p, 0)?;
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
    let mut q = vec![1.0; p.len()];
    let mut least = 1.0_f64;
    for (surer, at) in order.into_iter().enumerate() {
        let rank = p.len() - surer;
        least = least.min(p[at] * p.len() as f64 / rank as f64);
        q[at] = least;
    }
    Ok(q)
}
