//! How fit a machine was for measuring, in words, and what to do about it.

use crate::file::tame_json;
use crate::schema::{Environment, Fitness};
use crate::text::{clean, wrap};
use crate::units;
use serde::Serialize;
use std::fmt;
use std::fmt::Write as _;

/// What the probes come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Differences of 2 % can be told from noise in a few rounds.
    Quiet,
    /// Those of 5 % can; more rounds help.
    Fair,
    /// Only large differences can.
    Noisy,
    /// Hardly anything can.
    Unfit,
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quiet => "quiet",
            Self::Fair => "fair",
            Self::Noisy => "noisy",
            Self::Unfit => "unfit",
        })
    }
}

/// Up to so much noise, and so much time lost to others, a machine has the grade.
const GRADES: [(Grade, f64, f64); 3] =
    [(Grade::Quiet, 0.01, 0.01), (Grade::Fair, 0.03, 0.05), (Grade::Noisy, 0.10, 0.20)];

impl Grade {
    /// Of what was found.
    #[must_use]
    pub fn of(fitness: &Fitness) -> Self {
        let holds = |(_, noise, lost): &&(Self, f64, f64)| {
            fitness.noise <= *noise && fitness.lost_share <= *lost
        };
        GRADES.iter().find(holds).map_or(Self::Unfit, |(grade, _, _)| *grade)
    }
}

/// What is to be said beside results, in a line, of a machine on which only large differences can be told from
/// noise; nothing of a better one, and of one that was not examined.
#[must_use]
pub fn warning(environment: &Environment) -> Option<String> {
    let fitness = environment.fitness.as_ref()?;
    let grade = Grade::of(fitness);
    (grade >= Grade::Noisy).then(|| {
        format!(
            "just before the first run this machine was {}: small differences are noise; `weir doctor` says why",
            grade.to_string().to_uppercase()
        )
    })
}

/// What can be done, most useful first. Nothing if nothing needs to be.
#[must_use]
pub fn advice(environment: &Environment) -> Vec<String> {
    let Some(fitness) = &environment.fitness else { return Vec::new() };
    let mut advice = Vec::new();
    let mut say = |when: bool, text: String| advice.extend(when.then_some(text));
    let cpus = environment.cpus.max(1) as f64;
    if let Some(load) = fitness.load {
        let busy = load > 0.3 * cpus;
        say(busy, format!("load {load:.2} on {cpus} processors: stop what else runs, or wait"));
    }
    if let Some(steal) = fitness.steal_share {
        let text = format!(
            "the hypervisor gave {} to other guests: use a machine of your own",
            percent(steal)
        );
        say(steal > 0.005, text);
    }
    if let Some(throttled) = fitness.throttled_periods {
        let text = format!(
            "the quota was used up in {throttled} periods: raise or lift the group's CPU limit"
        );
        say(throttled > 0, text);
    }
    if let Some(governor) = &environment.governor {
        let text = format!(
            "the frequency governor is {}: set it to performance (cpupower frequency-set -g performance)",
            clean(governor)
        );
        say(governor != "performance", text);
    }
    let lost = fitness.lost_share;
    say(
        lost > GRADES[1].2,
        format!("other work took {} of spinning threads' time: stop it", percent(lost)),
    );
    let late = fitness.sleep_late_p99_ns;
    let text = format!(
        "sleeps wake up to {} late: latencies below that are the machine's; no power saving, and isolated \
         processors, help",
        units::duration(late)
    );
    say(late > 1_000_000, text);
    let cost = fitness.timer_cost_ns;
    say(
        cost > 100.0,
        format!(
            "reading the clock costs {cost:.0} ns: use the tsc clock source, not hpet or acpi_pm"
        ),
    );
    let noise = fitness.noise;
    let text = format!(
        "the same work differs by {} from block to block: take more rounds, and longer ones",
        percent(noise)
    );
    say(noise > GRADES[1].1, text);
    say(cpus < 2.0, "one processor: engines of several threads only take turns".to_owned());
    advice
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// What the result file has of a machine, and what that comes to, as a JSON document of its own.
#[must_use]
pub fn json(environment: &Environment) -> String {
    #[derive(Serialize)]
    struct Examined<'a> {
        #[serde(flatten)]
        environment: &'a Environment,
        /// `quiet`, `fair`, `noisy` or `unfit`.
        grade: Option<String>,
        advice: Vec<String>,
    }
    let grade = environment.fitness.as_ref().map(|fitness| Grade::of(fitness).to_string());
    let examined = Examined { environment, grade, advice: advice(environment) };
    // A structure of texts and numbers: there is nothing in it that could fail.
    tame_json(&examined).unwrap_or_default()
}

/// What `weir doctor` prints. Nothing if the machine was not examined.
#[must_use]
pub fn terminal(environment: &Environment, columns: usize) -> String {
    let Some(fitness) = &environment.fitness else { return String::new() };
    let known = |value: Option<String>| value.unwrap_or_else(|| "not told".to_owned());
    let rows = [
        ("processor", format!("{} x {}", environment.cpus, clean(&environment.cpu_model))),
        (
            "clock",
            format!(
                "{:.0} ns a reading, steps of {}",
                fitness.timer_cost_ns,
                units::duration(fitness.timer_resolution_ns)
            ),
        ),
        (
            "sleeps wake late by",
            format!(
                "{} (p50), {} (p99), {} (max)",
                units::duration(fitness.sleep_late_p50_ns),
                units::duration(fitness.sleep_late_p99_ns),
                units::duration(fitness.sleep_late_max_ns)
            ),
        ),
        (
            "lost to others",
            format!(
                "{} of spinning threads' time, {} at most",
                percent(fitness.lost_share),
                units::duration(fitness.longest_gap_ns)
            ),
        ),
        ("stolen by hypervisor", known(fitness.steal_share.map(percent))),
        ("frequency governor", known(environment.governor.as_deref().map(clean))),
        (
            "processor quota",
            known(environment.cgroup_cpus.map(|cpus| format!("{cpus} processors"))),
        ),
        ("quota used up", known(fitness.throttled_periods.map(|n| format!("in {n} periods")))),
        ("load average", known(fitness.load.map(|load| format!("{load:.2}")))),
        (
            "noise",
            format!("{}: equal blocks of the same work differ by that", percent(fitness.noise)),
        ),
    ];
    let mut out = String::new();
    for (name, value) in rows {
        for line in wrap(&format!("{name:21} {value}"), columns, &" ".repeat(22)) {
            let _ = writeln!(out, "{line}");
        }
    }
    let grade = Grade::of(fitness);
    let _ = writeln!(out, "\nThis machine is {}.", grade.to_string().to_uppercase());
    for text in advice(environment) {
        for line in wrap(&format!("- {text}"), columns, "  ") {
            let _ = writeln!(out, "{line}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::example;

    fn environment(change: impl Fn(&mut Environment, &mut Fitness)) -> Environment {
        let mut environment = example().environment;
        let mut fitness = environment.fitness.expect("the example's");
        change(&mut environment, &mut fitness);
        environment.fitness = Some(fitness);
        environment
    }

    #[test]
    fn the_document_has_the_answer() {
        let quiet = |_: &mut Environment, fitness: &mut Fitness| {
            (fitness.noise, fitness.lost_share) = (0.001, 0.001);
        };
        let busy = |environment: &mut Environment, fitness: &mut Fitness| {
            (environment.cpus, fitness.load, fitness.noise) = (2, Some(2.0), 0.5);
        };
        let changes: [(&dyn Fn(&mut Environment, &mut Fitness), &str); 2] =
            [(&quiet, "quiet"), (&busy, "unfit")];
        for (change, grade) in changes {
            let environment = environment(change);
            let found: serde_json::Value =
                serde_json::from_str(&json(&environment)).expect("a document");
            assert_eq!(found["grade"], grade);
            let told = found["advice"].as_array().expect("a list").iter();
            assert_eq!(
                told.map(|text| text.as_str()).collect::<Option<Vec<_>>>().expect("texts"),
                advice(&environment)
            );
            assert_eq!(found["cpus"], environment.cpus);
        }
    }

    #[test]
    fn grades_go_by_noise_and_by_what_others_take() {
        for (noise, lost, want) in [
            (0.0, 0.0, Grade::Quiet),
            (0.01, 0.01, Grade::Quiet),
            (0.011, 0.0, Grade::Fair),
            (0.0, 0.04, Grade::Fair),
            (0.05, 0.0, Grade::Noisy),
            (0.0, 0.15, Grade::Noisy),
            (0.2, 0.0, Grade::Unfit),
            (0.0, 0.5, Grade::Unfit),
            (f64::NAN, 0.0, Grade::Unfit),
        ] {
            let found = Grade::of(&Fitness { noise, lost_share: lost, ..Fitness::default() });
            assert_eq!(found, want, "{noise} {lost}");
        }
    }

    #[test]
    fn a_fit_machine_needs_no_advice_and_each_fault_has_its_own() {
        assert_eq!(advice(&environment(|_, _| {})), Vec::<String>::new());
        type Change = fn(&mut Environment, &mut Fitness);
        let faults: [(Change, &str); 9] = [
            (|_, f| f.load = Some(1.9), "load 1.90"),
            (|_, f| f.steal_share = Some(0.1), "hypervisor gave 10.0 %"),
            (|_, f| f.throttled_periods = Some(3), "in 3 periods"),
            (|e, _| e.governor = Some("powersave".into()), "governor is powersave"),
            (|_, f| f.lost_share = 0.3, "took 30.0 %"),
            (|_, f| f.sleep_late_p99_ns = 4_000_000, "4.00 ms late"),
            (|_, f| f.timer_cost_ns = 900.0, "costs 900 ns"),
            (|_, f| f.noise = 0.08, "differs by 8.0 %"),
            (|e, _| e.cpus = 1, "one processor"),
        ];
        for (fault, want) in faults {
            let told = advice(&environment(fault));
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains(want), "{told:?}");
        }
    }

    #[test]
    fn results_of_a_noisy_machine_are_warned_of() {
        for (noise, want) in
            [(0.004, None), (0.02, None), (0.05, Some("NOISY")), (0.5, Some("UNFIT"))]
        {
            let said = warning(&environment(|_, f| f.noise = noise));
            assert_eq!(said.is_some(), want.is_some(), "{noise}: {said:?}");
            if let (Some(said), Some(want)) = (said, want) {
                assert!(said.contains(want) && said.contains("`weir doctor`"), "{said}");
            }
        }
        assert_eq!(warning(&Environment::default()), None, "not examined");
    }

    #[test]
    fn on_a_terminal() {
        insta::assert_snapshot!(terminal(
            &environment(|_, f| {
                f.load = Some(1.9);
                f.noise = 0.042;
            }),
            80
        ));
    }
}
