use super::*;
use proptest::prelude::*;
use std::time::Duration;
use weir_dataflow::{Claim, Load};

const SECOND: u64 = 1_000_000_000;

fn shape(text: &str) -> Shape {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn schedule(text: &str, rate: &str, horizon: Duration, seed: u64) -> Schedule {
    let rate = rate.parse().unwrap_or_else(|error| panic!("{rate}: {error}"));
    Schedule::new(shape(text), rate, horizon, seed).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn at(schedule: &Schedule, index: u64) -> u64 {
    schedule.scheduled_ns(index).unwrap_or_else(|| panic!("{schedule} has no record {index}"))
}

#[test]
fn a_constant_schedule_is_the_floor_of_the_exact_time() {
    let second = Duration::from_secs(1);
    for (rate, index, expected) in [
        ("1/s", 0, 0),
        ("1k", 7, 7_000_000),
        ("3/s", 1, 333_333_333),
        ("3/s", 2, 666_666_666),
        ("1.5/s", 1, 666_666_666),
        ("50M", 49_999_999, 999_999_980),
        ("1G", 999_999_999, 999_999_999),
    ] {
        assert_eq!(at(&schedule("constant", rate, second, 0), index), expected, "{rate} {index}");
    }
    let slow = schedule("constant", "0.001", Duration::from_secs(3_000), 0);
    assert_eq!((slow.total(), at(&slow, 2)), (3, 2_000 * SECOND));
}

/// The rate over any second of ten, at any rate and shape, is within 0.01 % and a record of what
/// was asked for.
#[test]
fn rates_are_exact_at_every_speed() {
    let ten = Duration::from_secs(10);
    for (rate, per_s) in [("1k", 1e3), ("1M", 1e6), ("50M", 5e7), ("333.333", 333.333)] {
        for text in ["constant", "burst:1s,0.2,3", "burst:100ms,0.5,2", "max"] {
            let schedule = schedule(text, rate, ten, 1);
            for second in 0..10 {
                let got = schedule.count_before((second + 1) * SECOND)
                    - schedule.count_before(second * SECOND);
                assert!((got as f64 - per_s).abs() <= 1.0, "{text} {rate}: {got} in {second}");
            }
            assert_eq!(schedule.count_before(10 * SECOND), (per_s * 10.0_f64).ceil() as u64);
        }
    }
    for rate in ["1k", "1M"] {
        let poisson = schedule("poisson", rate, ten, 1);
        let even = schedule("constant", rate, ten, 1);
        assert_eq!(poisson.total(), even.total(), "{rate}");
    }
}

#[test]
fn a_burst_has_its_factor_within_its_duty() {
    let burst = schedule("burst:1s,0.2,3", "1000/s", Duration::from_secs(5), 0);
    for period in 0..5 {
        let start = period * SECOND;
        let before = burst.count_before(start);
        assert_eq!(burst.count_before(start + SECOND / 5) - before, 600);
        assert_eq!(burst.count_before(start + SECOND / 10) - before, 300);
        assert_eq!(burst.count_before(start + SECOND) - before, 1000);
        assert_eq!(burst.count_before(start + SECOND * 6 / 10) - before, 800);
    }
    assert_eq!(burst.shape().period(), Some(Duration::from_secs(1)));
    // All records in the burst, nothing between bursts.
    let all = schedule("burst:1s,0.25,4", "1000/s", Duration::from_secs(2), 0);
    assert_eq!(all.count_before(SECOND / 4), 1000);
    assert_eq!(all.count_before(SECOND), 1000);
    assert_eq!(at(&all, 1000), SECOND);
}

#[test]
fn a_ramp_counts_the_integral_of_its_rate() {
    let up = schedule("ramp:1k..3k", "1/s", Duration::from_secs(10), 0);
    assert_eq!(up.total(), 20_000);
    // 1000 t + 100 t² by second t.
    for (t, count) in [(1, 1_100), (2, 2_400), (5, 7_500), (9, 17_100)] {
        assert_eq!(up.count_before(t * SECOND), count, "up to {t} s");
        assert_eq!(at(&up, count), t * SECOND);
    }
    let down = schedule("ramp:3k..1k", "1/s", Duration::from_secs(10), 0);
    assert_eq!(down.total(), 20_000);
    assert_eq!(down.count_before(5 * SECOND), 12_500);
    let flat = schedule("ramp:2k..2k", "1/s", Duration::from_secs(10), 0);
    assert_eq!(at(&flat, 3), 1_500_000);
    // Nearly to a stop, where the floating-point root is at its worst.
    let stop = schedule("ramp:50M..0.001", "1/s", Duration::from_secs(10), 0);
    for index in [0, 1, stop.total() / 2, stop.total() - 2, stop.total() - 1] {
        let t = at(&stop, index);
        assert!(stop.count_before(t) <= index && stop.count_before(t + 1) > index, "{index}");
    }
}

#[test]
fn poisson_gaps_are_exponential() {
    let n = 100_000_u64;
    let poisson = schedule("poisson", "10k", Duration::from_secs(10), 42);
    assert_eq!(poisson.total(), n);
    let mut times = vec![0; n as usize];
    poisson.fill(0, 1, &mut times);
    let mut gaps: Vec<f64> = times.windows(2).map(|w| (w[1] - w[0]) as f64).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    assert!((mean / 100_000.0 - 1.0).abs() < 0.001, "mean gap {mean} ns");
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    assert!((variance.sqrt() / mean - 1.0).abs() < 0.02, "deviation {}", variance.sqrt() / mean);
    // Kolmogorov and Smirnov: 1.63 / sqrt(n) is exceeded by chance once in a hundred seeds.
    gaps.sort_by(f64::total_cmp);
    let count = gaps.len() as f64;
    let distance = gaps.iter().enumerate().fold(0.0_f64, |most, (rank, gap)| {
        let expected = 1.0 - (-gap / 100_000.0).exp();
        let rank = rank as f64;
        most.max((rank / count - expected).abs()).max(((rank + 1.0) / count - expected).abs())
    });
    assert!(distance < 1.63 / count.sqrt(), "distance {distance}");
}

#[test]
fn poisson_counts_per_second_vary_as_they_should() {
    // 1000 intervals of 10 ms with 100 records each: the variance of a count is its mean.
    let poisson = schedule("poisson", "10k", Duration::from_secs(10), 7);
    let counts: Vec<f64> = (0..1000)
        .map(|k| {
            let from = k * SECOND / 100;
            (poisson.count_before(from + SECOND / 100) - poisson.count_before(from)) as f64
        })
        .collect();
    let variance = counts.iter().map(|count| (count - 100.0).powi(2)).sum::<f64>() / 1000.0;
    assert!((85.0..115.0).contains(&variance), "variance {variance}");
    let shifted: f64 =
        counts.windows(2).map(|w| (w[0] - 100.0) * (w[1] - 100.0)).sum::<f64>() / 999.0;
    assert!((shifted / variance).abs() < 0.1, "counts of neighbours correlate: {shifted}");
    let other = schedule("poisson", "10k", Duration::from_secs(10), 8);
    assert_ne!(at(&poisson, 500), at(&other, 500), "the seed matters");
}

/// More records than the kept levels divide up to leaves: the walk goes on below them.
#[test]
fn a_long_poisson_schedule_is_as_exact() {
    let poisson = schedule("poisson", "50M", Duration::from_secs(10), 5);
    assert_eq!(poisson.total(), 500_000_000);
    for k in 0..200 {
        let index = k * 2_500_003;
        let t = at(&poisson, index);
        assert!(poisson.count_before(t) <= index && poisson.count_before(t + 1) > index, "{index}");
        // Six deviations of a uniform sample's rank.
        let expected = index * 20;
        assert!(t.abs_diff(expected) < 6 * 20 * 12_000, "record {index} at {t}");
    }
}

/// A seed means the same input in every version and on every machine.
#[test]
fn a_seed_means_the_same_times_for_ever() {
    let poisson = schedule("poisson", "1000/s", Duration::from_secs(1), 42);
    let mut times = [0; 4];
    poisson.fill(0, 333, &mut times);
    assert_eq!(times, [1_375_788, 336_020_033, 671_420_702, 998_197_500]);
}

#[test]
fn what_is_past_the_end_is_never_due() {
    for text in ["constant", "poisson", "burst", "ramp:5..15"] {
        let schedule = schedule(text, "10/s", Duration::from_secs(2), 3);
        assert_eq!(schedule.total(), 20, "{text}");
        assert_eq!(schedule.count_before(u64::MAX), 20, "{text}");
        assert_eq!(schedule.scheduled_ns(20), None, "{text}");
        let mut out = [0; 5];
        schedule.fill(15, 3, &mut out);
        assert_eq!(out[2..], [u64::MAX; 3], "{text}");
        assert_eq!(out[..2], [at(&schedule, 15), at(&schedule, 18)], "{text}");
        schedule.fill(u64::MAX, u64::MAX, &mut out);
        assert_eq!(out, [u64::MAX; 5], "{text}");
    }
    let nominal = schedule("max", "1k", Duration::from_secs(1), 0);
    assert_eq!(at(&nominal, 1_000_000), 1_000 * SECOND, "a nominal axis has no end");
}

#[test]
fn parts_that_are_wrong_are_named_with_the_remedy() {
    for (text, parts) in [
        ("", &["\"\" is unknown", "use constant, poisson"][..]),
        ("sine", &["\"sine\" is unknown", "burst:PERIOD,DUTY,FACTOR"]),
        ("constant:5", &["constant takes no parameters", "write just constant"]),
        ("max:1", &["max takes no parameters"]),
        ("burst:", &["PERIOD of schedule burst is missing", "burst:1s,0.2,3"]),
        ("burst:1s", &["DUTY of schedule burst is missing"]),
        ("burst:1s,0.2", &["FACTOR of schedule burst is missing"]),
        ("burst:1s,0.2,3,4", &["\"4\" after burst's last parameter"]),
        ("burst:1,0.2,3", &["PERIOD of schedule burst", "unit \"\" of \"1\"", "100ms"]),
        ("burst:1d,0.2,3", &["unit \"d\" of \"1d\" is unknown"]),
        ("burst:0s,0.2,3", &["PERIOD of schedule burst is 0s", "use from 1us to 10m"]),
        ("burst:1h,0.2,3", &["PERIOD of schedule burst is 1h"]),
        ("burst:1s,0,3", &["DUTY of schedule burst is 0", "above 0 and below 1"]),
        ("burst:1s,1,1", &["DUTY of schedule burst is 1"]),
        ("burst:1s,-0.2,3", &["DUTY of schedule burst: \"-0.2\" is not a number"]),
        ("burst:1s,0.2,0.5", &["FACTOR of schedule burst is 0.5", "at least 1"]),
        ("burst:1s,0.5,3", &["FACTOR of schedule burst is 3", "DUTY x FACTOR is at most 1"]),
        ("burst:1s,0.12345,3", &["\"0.12345\" has too many digits", "at most 4"]),
        ("ramp", &["FROM of schedule ramp is missing", "ramp:1k..100k"]),
        ("ramp:1k", &["TO of schedule ramp is missing"]),
        ("ramp:..1k", &["FROM of schedule ramp is missing"]),
        ("ramp:0..1k", &["FROM of schedule ramp: \"0\" is out of range", "0.001/s to 1G/s"]),
        ("ramp:1k..2x", &["TO of schedule ramp: unit \"x\" of \"2x\" is unknown", "k, M or G"]),
    ] {
        let message = text.parse::<Shape>().expect_err(text).to_string();
        for part in parts {
            assert!(message.contains(part), "{text}: {message:?} lacks {part:?}");
        }
    }
}

#[test]
fn rates_and_durations_are_read_exactly() {
    for (text, printed) in [
        ("10k", "10000/s"),
        ("1.5M", "1500000/s"),
        ("2500/s", "2500/s"),
        ("0.5", "0.5/s"),
        ("1G/s", "1000000000/s"),
        ("0.001k", "1/s"),
        (" 3 k/s ", "3000/s"),
        ("1.250", "1.25/s"),
    ] {
        assert_eq!(text.parse::<Rate>().map(|r| r.to_string()), Ok(printed.into()), "{text}");
    }
    for text in ["", "k", "1.", ".5", "1..2", "-1", "1e3", "0", "1.1G", "0.0001", "5/m", "1.0005"] {
        assert!(text.parse::<Rate>().is_err(), "{text}");
    }
    for (rate, printed) in [(0.001, "0.001/s"), (1234.5678, "1234.568/s"), (1e9, "1000000000/s")] {
        assert_eq!(Rate::nearest(rate).map(|r| r.to_string()), Ok(printed.into()), "{rate}");
    }
    for rate in [0.0, -1.0, 1e10, f64::NAN, f64::INFINITY] {
        assert!(Rate::nearest(rate).is_err(), "{rate}");
    }
    for (text, ns, printed) in [
        ("100ms", 100_000_000, "100ms"),
        ("1.5s", 1_500_000_000, "1.5s"),
        ("2m", 120 * SECOND, "2m"),
        ("90s", 90 * SECOND, "90s"),
        ("0s", 0, "0s"),
        ("1500us", 1_500_000, "1.5ms"),
        ("0.5µs", 500, "500ns"),
        ("24h", 86_400 * SECOND, "24h"),
    ] {
        let duration = parse_duration(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((duration.as_nanos(), format_duration(duration)), (ns.into(), printed.into()));
    }
    for text in ["", "5", "1.5ns", "s", "-1s", "1 parsec", "99999999999999999999h"] {
        assert!(parse_duration(text).is_err(), "{text}");
    }
}

#[test]
fn schedules_that_cannot_be_exact_are_refused() {
    let fails = |shape_text: &str, rate: &str, horizon| {
        let rate: Rate = rate.parse().expect("a rate");
        Schedule::new(shape(shape_text), rate, horizon, 0).expect_err(shape_text).to_string()
    };
    let day = Duration::from_secs(24 * 3600);
    assert!(fails("constant", "1k", Duration::ZERO).contains("use more than 0"));
    assert!(fails("constant", "1k", day + Duration::from_nanos(1)).contains("at most 24h"));
    assert!(fails("poisson", "1M", day).contains("at most 4294967296"));
    assert!(fails("ramp:0.001..1G", "1k", day).contains("shorter run"));
}

#[test]
fn a_paced_load_grants_what_is_due_and_closes_with_the_last() {
    let load = PacedLoad::new(schedule("constant", "10/s", Duration::from_secs(1), 0));
    for (now, limit, closed) in [
        (0, 1, false),
        (99_999_999, 1, false),
        (100_000_000, 2, false),
        (899_999_999, 9, false),
        (900_000_000, 10, true),
        (u64::MAX, 10, true),
    ] {
        for upto in [0, 5, u64::MAX] {
            assert_eq!(load.claim(upto, now), Claim { limit, closed }, "at {now}");
        }
    }
    assert!(load.paced());
}

#[test]
fn a_saturation_load_grants_what_is_asked_until_its_time_is_over() {
    let nominal = || schedule("max", "1k", Duration::from_secs(1), 0);
    let load = SaturationLoad::new(nominal(), SECOND);
    assert!(!load.paced());
    assert_eq!(load.claim(100, 0), Claim { limit: 100, closed: false });
    assert_eq!(load.claim(50, SECOND - 1), Claim { limit: 50, closed: false });
    assert_eq!(load.claim(500, SECOND), Claim { limit: 100, closed: true });
    // Clocks of threads are read before the claim, so an older time may come later.
    assert_eq!(load.claim(500, 0), Claim { limit: 100, closed: true });
    assert_eq!(load.granted(), 100);
    let capped = SaturationLoad::new(nominal(), SECOND).capped(70);
    assert_eq!(capped.claim(60, 0), Claim { limit: 60, closed: false });
    assert_eq!(capped.claim(80, 0), Claim { limit: 70, closed: true });
    assert_eq!(capped.claim(10, 0), Claim { limit: 70, closed: true });
    assert_eq!(SaturationLoad::new(nominal(), 0).claim(9, 0), Claim { limit: 0, closed: true });
}

#[test]
fn claimants_that_race_read_every_record_once() {
    const CLAIMANTS: u64 = 4;
    let nominal = schedule("max", "1k", Duration::from_secs(1), 0);
    let load = SaturationLoad::new(nominal, 1_000);
    // Each reads its residue class in chunks and counts its own steps as time.
    let claimant = |part: u64| {
        let (mut next, mut read, mut now) = (part, 0_u64, 0);
        loop {
            now += 1 + part;
            let claim = load.claim(next + 10 * CLAIMANTS, now);
            while next < claim.limit {
                next += CLAIMANTS;
                read += 1;
            }
            if claim.closed {
                return read;
            }
        }
    };
    let read: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..CLAIMANTS).map(|part| scope.spawn(move || claimant(part))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a claimant")).sum()
    });
    assert_eq!(read, load.granted());
}

/// Shapes with rates and lengths over the whole range of what can be written.
fn any_schedule() -> impl Strategy<Value = Schedule> {
    let rate = prop_oneof![
        (1..=1_000_000_000_u64).prop_map(|n| format!("{n}/s")),
        (1..=1_000_000_u64).prop_map(|n| format!("{}.{:03}", n / 1000, n % 1000)),
    ];
    let burst = (1..=2_000_000_u64, 1..=9_999_u64, 1..=10_000_u64).prop_map(|(us, duty, more)| {
        // FACTOR between 1 and 1 / DUTY.
        let factor = 10_000 + (100_000_000 / duty - 10_000) * more / 10_000;
        format!("burst:{us}us,0.{duty:04},{}.{:04}", factor / 10_000, factor % 10_000)
    });
    let ramp = (1..=50_000_000_u64, 1..=50_000_000_u64).prop_map(|(a, b)| format!("ramp:{a}..{b}"));
    let text = prop_oneof![
        Just("constant".to_owned()),
        Just("poisson".to_owned()),
        Just("max".to_owned()),
        burst,
        ramp
    ];
    (text, rate, 1..=20_000_000_000_u64, any::<u64>()).prop_map(|(text, rate, ns, seed)| {
        let rate: Rate = rate.parse().expect("a rate");
        // Few enough records to draw them quickly.
        let poisson = text == "poisson";
        let most = (200_000.0 / rate.as_f64() * 1e9) as u64 + 1;
        let ns = if poisson { ns.min(most) } else { ns };
        Schedule::new(shape(&text), rate, Duration::from_nanos(ns), seed).expect("a schedule")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn count_and_time_are_inverse(schedule in any_schedule(), place in any::<u64>()) {
        prop_assume!(schedule.total() > 0);
        let index = place % schedule.total();
        let t = at(&schedule, index);
        prop_assert!(t < schedule.horizon_ns());
        // Record `index` is not before `t`, and is before `t + 1`.
        prop_assert!(schedule.count_before(t) <= index);
        prop_assert!(schedule.count_before(t + 1) > index);
        // From the side of time.
        let t = place % schedule.horizon_ns().min(1 << 45);
        let count = schedule.count_before(t);
        prop_assert!(schedule.scheduled_ns(count).is_none_or(|after| after >= t));
        prop_assert!(count == 0 || at(&schedule, count - 1) < t);
    }

    #[test]
    fn times_and_counts_never_decrease(schedule in any_schedule(), place in any::<u64>()) {
        let first = place % schedule.total().max(1);
        let mut times = [0; 300];
        schedule.fill(first, 1, &mut times);
        prop_assert!(times.is_sorted(), "{times:?}");
        let t = place % schedule.horizon_ns().min(1 << 45);
        prop_assert!(schedule.count_before(t) <= schedule.count_before(t + 1 + place % 1_000_000));
    }

    #[test]
    fn a_chunk_is_its_records_one_by_one(
        schedule in any_schedule(),
        place in any::<u64>(),
        step in prop_oneof![1..5_u64, 1..5_000_000_u64, any::<u64>()],
        length in 0..200_usize,
    ) {
        let first = place % (schedule.total() + 1);
        let mut times = vec![0; length];
        schedule.fill(first, step, &mut times);
        for (k, time) in (0..).zip(times) {
            let index = u128::from(first) + u128::from(step) * k;
            let index = u64::try_from(index).unwrap_or(u64::MAX);
            prop_assert_eq!(time, schedule.scheduled_ns(index).unwrap_or(u64::MAX), "record {}", index);
        }
    }

    #[test]
    fn the_mean_rate_is_the_rate(schedule in any_schedule()) {
        // A burst's mean holds over whole periods, and a ramp's is its own.
        let rate = match schedule.shape() {
            Shape::Constant | Shape::Poisson | Shape::Max => schedule.to_string(),
            _ => return Ok(()),
        };
        let rate: f64 = match rate.split_once(' ').and_then(|(_, r)| r.strip_suffix("/s")) {
            Some(rate) => rate.parse().expect("a printed rate"),
            None => return Ok(()),
        };
        let expected = rate * schedule.horizon_ns() as f64 / 1e9;
        prop_assert!((schedule.total() as f64 - expected).abs() <= 1.0 + expected * 1e-12);
    }

    #[test]
    fn shapes_print_what_they_are_read_from(schedule in any_schedule()) {
        let shape = schedule.shape();
        prop_assert_eq!(shape.to_string().parse::<Shape>(), Ok(shape));
    }

    #[test]
    fn durations_print_what_they_are_read_from(ns in prop_oneof![any::<u64>(), 0..2_000_000_u64]) {
        let duration = Duration::from_nanos(ns);
        prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }

    #[test]
    fn no_text_makes_the_parsers_panic(text in "[a-z0-9:.,µ/ -]{0,30}|burst:.*|ramp:.*|.*") {
        let _ = text.parse::<Shape>();
        let _ = text.parse::<Rate>();
        let _ = parse_duration(&text);
    }
}
