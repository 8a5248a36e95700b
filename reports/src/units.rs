//! Numbers as people read them: three significant digits and a unit.

/// A duration in nanoseconds, as `950 ns`, `180 us`, `55.2 ms` or `1.20 s`.
#[must_use]
pub fn duration(ns: u64) -> String {
    const UNITS: [(&str, f64); 4] = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)];
    if ns < 1_000 {
        return format!("{ns} ns");
    }
    let value = rounded(ns as f64);
    let (unit, size) = UNITS.into_iter().rev().find(|(_, size)| value >= *size).unwrap_or(UNITS[0]);
    format!("{} {unit}", three_digits(value / size))
}

/// A duration whose trailing zeros say nothing, as on an axis: `100 ms`, `1 s`, `0.5 ms`.
#[must_use]
pub fn duration_short(ns: f64) -> String {
    if !ns.is_finite() || ns < 1.0 {
        return format!("{} ns", trimmed(&format!("{:.2}", if ns.is_finite() { ns } else { 0.0 })));
    }
    let text = duration(ns.round() as u64);
    match text.split_once(' ') {
        Some((number, unit)) => format!("{} {unit}", trimmed(number)),
        None => text,
    }
}

/// A count or a rate, as `950`, `9.50 k`, `1.23 M` or `2.00 G`; `-` where there is no such number.
#[must_use]
pub fn quantity(value: f64) -> String {
    const UNITS: [(&str, f64); 4] = [(" k", 1e3), (" M", 1e6), (" G", 1e9), (" T", 1e12)];
    if !value.is_finite() || value < 0.0 {
        return "-".to_owned();
    }
    if value >= 1e15 {
        return format!("{value:.2e}");
    }
    let value = rounded(value);
    match UNITS.into_iter().rev().find(|(_, size)| value >= *size) {
        Some((unit, size)) => format!("{}{unit}", three_digits(value / size)),
        None if value >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        None => three_digits(value),
    }
}

/// A quantity whose trailing zeros say nothing, as of a rate that was asked for: `10 k`, `1.5 M`.
#[must_use]
pub fn quantity_short(value: f64) -> String {
    let text = quantity(value);
    match text.split_once(' ') {
        Some((number, unit)) => format!("{} {unit}", trimmed(number)),
        None => trimmed(&text).to_owned(),
    }
}

/// A multiple, as `0.41x`, `1.41x`, `14.1x` or `300x`.
#[must_use]
pub fn multiple(value: f64) -> String {
    if !value.is_finite() || value < 0.0 {
        return "-".to_owned();
    }
    if value >= 1e6 {
        return format!("{value:.0e}x");
    }
    let decimals = match rounded(value) {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}x")
}

/// A multiple as said in a sentence, in two digits: `0.25x`, `1.4x`, `14x`, `300x`.
#[must_use]
pub fn multiple_spoken(value: f64) -> String {
    if !value.is_finite() || value < 0.0 {
        return "-".to_owned();
    }
    if value < 9.95 {
        return if value < 0.995 { format!("{value:.2}x") } else { format!("{value:.1}x") };
    }
    if value >= 1e6 {
        return format!("{value:.0e}x");
    }
    let scale = 10f64.powf((value.log10().floor() - 1.0).max(0.0));
    format!("{:.0}x", (value / scale).round() * scale)
}

/// Processor seconds, as `0.52` or `12.3`.
#[must_use]
pub fn seconds(value: f64) -> String {
    if !value.is_finite() || value < 0.0 {
        return "-".to_owned();
    }
    if value >= 1e6 {
        return format!("{value:.0e}");
    }
    let decimals = match value {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.0995 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

/// A whole number with a comma between thousands.
#[must_use]
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes in binary units.
#[must_use]
pub fn bytes(value: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.into_iter().find(|(_, size)| value >= *size) {
        Some((unit, size)) => format!("{:.1} {unit}", value as f64 / size as f64),
        None => format!("{value} B"),
    }
}

/// To three significant digits, so that 999.9 us becomes 1.00 ms and not 1000 us.
fn rounded(value: f64) -> f64 {
    if !value.is_finite() || value < 1.0 {
        return value;
    }
    let scale = 10f64.powf(value.log10().floor() - 2.0);
    (value / scale).round() * scale
}

fn three_digits(value: f64) -> String {
    let decimals = match value {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations() {
        for (ns, want) in [
            (0, "0 ns"),
            (1, "1 ns"),
            (999, "999 ns"),
            (1_000, "1.00 us"),
            (1_234, "1.23 us"),
            (12_345, "12.3 us"),
            (180_400, "180 us"),
            (999_400, "999 us"),
            (999_500, "1.00 ms"),
            (9_995_000, "10.0 ms"),
            (55_240_000, "55.2 ms"),
            (999_999_999, "1.00 s"),
            (1_200_000_000, "1.20 s"),
            (61_000_000_000, "61.0 s"),
            (3_600_000_000_000, "3600 s"),
        ] {
            assert_eq!(duration(ns), want, "{ns}");
        }
        for (ns, want) in [(1e8, "100 ms"), (1e9, "1 s"), (5e5, "500 us"), (0.5, "0.5 ns")] {
            assert_eq!(duration_short(ns), want, "{ns}");
        }
    }

    #[test]
    fn quantities() {
        for (value, long, short) in [
            (0.0, "0", "0"),
            (0.5, "0.50", "0.5"),
            (12.34, "12.3", "12.3"),
            (950.0, "950", "950"),
            (999.6, "1.00 k", "1 k"),
            (10_000.0, "10.0 k", "10 k"),
            (1_234_567.0, "1.23 M", "1.23 M"),
            (2e9, "2.00 G", "2 G"),
            (f64::NAN, "-", "-"),
            (f64::INFINITY, "-", "-"),
        ] {
            assert_eq!(quantity(value), long, "{value}");
            assert_eq!(quantity_short(value), short, "{value}");
        }
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(123), "123");
        assert_eq!(bytes(3 << 30), "3.0 GiB");
    }

    #[test]
    fn multiples() {
        for (value, exact, spoken) in [
            (0.041, "0.04x", "0.04x"),
            (0.9, "0.90x", "0.90x"),
            (0.996, "1.00x", "1.0x"),
            (1.414, "1.41x", "1.4x"),
            (9.97, "9.97x", "10x"),
            (14.1, "14.1x", "14x"),
            (306.4, "306x", "310x"),
        ] {
            assert_eq!(multiple(value), exact, "{value}");
            assert_eq!(multiple_spoken(value), spoken, "{value}");
        }
    }

    proptest! {
        #[test]
        fn everything_is_short(ns: u64, value: f64) {
            prop_assert!(duration(ns).len() <= 13, "{}", duration(ns));
            let texts =
                [quantity(value), quantity_short(value), multiple(value), multiple_spoken(value)];
            for text in texts {
                prop_assert!(text.len() <= 10, "{text}");
            }
            prop_assert!(seconds(value).len() <= 8);
            let _ = duration_short(value);
        }
    }
}
