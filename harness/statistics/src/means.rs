//! How often chance carries means apart: Student's and Welch's tests. Unlike ranks they see how far apart
//! values are, so that their answer can be very small even of few values, as it must be where one of
//! [many](crate::family) comparisons is to count.

use crate::error::StatisticsError;
use crate::sample::{check, mean, variance};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// How often chance alone carries the means of two groups further beyond `edge` from each other than they
/// are, either way, if the true distance is `edge`. With an edge of 0 it is Welch's test (Biometrika 34, 1947),
/// two-sided: R's `t.test`.
///
/// # Errors
///
/// Fewer than two values on a side, or one that is not finite.
pub fn between(base: &[f64], new: &[f64], edge: f64) -> Result<f64, StatisticsError> {
    check("Welch's test", base, 2)?;
    check("Welch's test", new, 2)?;
    let share = |values: &[f64]| variance(values) / values.len() as f64;
    let (a, b) = (share(base), share(new));
    let freedom = |share: f64, values: &[f64]| share.powi(2) / (values.len() - 1) as f64;
    let freedom = (a + b).powi(2) / (freedom(a, base) + freedom(b, new));
    Ok(chance(mean(new) - mean(base), (a + b).sqrt(), freedom, edge))
}

/// The same of differences of pairs, whose mean is held against `edge`; with an edge of 0 it is Student's
/// test of one sample.
///
/// # Errors
///
/// Fewer than two differences, or one that is not finite.
pub fn of_pairs(differences: &[f64], edge: f64) -> Result<f64, StatisticsError> {
    check("Student's test", differences, 2)?;
    let error = (variance(differences) / differences.len() as f64).sqrt();
    Ok(chance(mean(differences), error, (differences.len() - 1) as f64, edge))
}

/// Of values that do not vary there is no chance: what is beyond the edge is.
fn chance(distance: f64, error: f64, freedom: f64, edge: f64) -> f64 {
    let beyond = distance.abs() - edge;
    if beyond <= 0.0 {
        return 1.0;
    }
    match StudentsT::new(0.0, 1.0, freedom) {
        Ok(student) if error > 0.0 => 2.0 * student.sf(beyond / error),
        _ => 0.0,
    }
}
