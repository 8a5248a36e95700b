//! One list of measurements.

use crate::error::StatisticsError;

/// Checks that all values are finite and that there are at least `needed`.
pub(crate) fn check(
    what: &'static str,
    values: &[f64],
    needed: usize,
) -> Result<(), StatisticsError> {
    if let Some(index) = values.iter().position(|value| !value.is_finite()) {
        return Err(StatisticsError::NotFinite { index, value: values[index] });
    }
    if values.len() < needed {
        return Err(StatisticsError::TooFew { what, needed, got: values.len() });
    }
    Ok(())
}

/// The natural logarithms of values that must be positive.
///
/// # Errors
///
/// [`StatisticsError::NotPositive`], [`StatisticsError::NotFinite`].
pub fn logarithms(values: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    check("a ratio", values, 0)?;
    match values.iter().position(|value| *value <= 0.0) {
        Some(index) => Err(StatisticsError::NotPositive { index, value: values[index] }),
        None => Ok(values.iter().map(|value| value.ln()).collect()),
    }
}

/// Arithmetic mean. NaN of an empty list.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Variance with divisor n - 1. NaN of fewer than two values.
#[must_use]
pub fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    if values.len() < 2 { f64::NAN } else { squares / (values.len() - 1) as f64 }
}

/// Standard deviation, from [`variance`].
#[must_use]
pub fn deviation(values: &[f64]) -> f64 {
    variance(values).sqrt()
}

/// Standard deviation as a share of the mean: the coefficient of variation.
#[must_use]
pub fn variation(values: &[f64]) -> f64 {
    deviation(values) / mean(values)
}

/// The values in ascending order.
pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Quantile `p`, from 0 to 1, by linear interpolation between order statistics: definition 7 of Hyndman
/// and Fan (1996), which R and NumPy use if not told otherwise. NaN of an empty list.
#[must_use]
pub fn quantile(values: &[f64], p: f64) -> f64 {
    quantile_of_sorted(&sorted(values), p)
}

/// [`quantile`] of values that are in order.
pub(crate) fn quantile_of_sorted(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = p.clamp(0.0, 1.0) * last as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (at - below as f64) * (sorted[above] - sorted[below])
}

/// The middle value, or the mean of both middle ones. NaN of an empty list.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Median distance from the median, times 1.4826: of normally distributed values it is the standard
/// deviation, and a few outliers do not change it.
#[must_use]
pub fn spread(values: &[f64]) -> f64 {
    let middle = median(values);
    let distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    1.482_602_218_505_602 * median(&distances)
}
