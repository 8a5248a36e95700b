//! Times and sizes as Spark writes them: digits and a unit (`JavaUtils.java`).

use std::time::Duration;

/// Digits and what follows them.
fn split(text: &str) -> Option<(u64, String)> {
    let text = text.trim().to_ascii_lowercase();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim().to_owned()))
}

pub(crate) fn time(text: &str, default_unit: &str) -> Option<Duration> {
    let (count, unit) = split(text)?;
    let unit = if unit.is_empty() { default_unit } else { &unit };
    let seconds = |each: u64| count.checked_mul(each).map(Duration::from_secs);
    match unit {
        "us" => Some(Duration::from_micros(count)),
        "ms" => Some(Duration::from_millis(count)),
        "s" => seconds(1),
        "m" | "min" => seconds(60),
        "h" => seconds(3_600),
        "d" => seconds(86_400),
        _ => None,
    }
}

pub(crate) fn size(text: &str) -> Option<u64> {
    let (count, unit) = split(text)?;
    let power = match &*unit {
        "" | "b" => 0,
        "k" | "kb" => 1,
        "m" | "mb" => 2,
        "g" | "gb" => 3,
        "t" | "tb" => 4,
        "p" | "pb" => 5,
        _ => return None,
    };
    count.checked_mul(1 << (10 * power))
}
