//! Which settings a comparison uses: the others change nothing of its runs.

use super::config::{Config, EngineKind, Input};
use weir_reports::compare::is_told;
use weir_workloads::NAMES;

/// The engines that use a setting which not every engine has. Which workload uses what, comparisons have to
/// know as well: [`is_told`].
const ENGINES: &[(&str, &[EngineKind])] = &[
    ("batch-interval", &[EngineKind::Microbatch, EngineKind::Trident]),
    ("acking", &[EngineKind::Topology]),
    ("queue-batch", &[EngineKind::Topology]),
    ("flush-interval", &[EngineKind::Topology]),
    ("max-spout-pending", &[EngineKind::Topology]),
    ("message-timeout", &[EngineKind::Topology, EngineKind::Trident]),
];

/// Why a setting changes nothing of what a configuration runs, and what would; `None` if it does.
#[must_use]
pub fn without_effect(name: &str, config: &Config) -> Option<String> {
    match ENGINES.iter().find(|(known, _)| *known == name) {
        Some((_, kinds)) => no_engine(name, kinds, config),
        None => no_workload(name, config),
    }
}

fn no_engine(name: &str, kinds: &[EngineKind], config: &Config) -> Option<String> {
    if !kinds.iter().any(|kind| config.engines.contains(kind)) {
        let names = |kinds: &[EngineKind]| kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>();
        let told = unused(&names(&config.engines), &names(kinds));
        return Some(format!("{told}: choose such with --engine"));
    }
    let idle = name == "max-spout-pending" && !config.acking.contains(&true);
    idle.then(|| "without acking nothing is pending: give --acking on".to_owned())
}

fn no_workload(name: &str, config: &Config) -> Option<String> {
    let users: Vec<&str> =
        NAMES.iter().copied().filter(|workload| is_told(workload, name, true)).collect();
    // What no workload is told is the harness's own.
    let generated = matches!(config.input, Input::Generated(_));
    let mut run = config.workloads.iter();
    if users.is_empty() || run.any(|workload| is_told(workload, name, generated)) {
        None
    } else if config.workloads.iter().any(|workload| users.contains(workload)) {
        Some("it is of generated text: leave --input out".to_owned())
    } else {
        Some(unused(&config.workloads, &users))
    }
}

/// `word-count does not use it, keyed-state does`.
fn unused(names: &[&str], users: &[&str]) -> String {
    let [not, one] = [names, users].map(|names| if names.len() == 1 { "does" } else { "do" });
    format!("{} {not} not use it, {} {one}", names.join(" and "), users.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Layers, TABLE, resolve};
    use weir_dataflow::testing::AllAtOnce;
    use weir_targets::engines;
    use weir_targets::target::csv;
    use weir_targets::verdict::Detail;

    fn config(sets: &[&str]) -> Config {
        let sets = sets.iter().map(|text| (*text).to_owned()).collect();
        Config::new(&resolve(&Layers { sets, ..Layers::default() }).expect("known settings"))
            .expect("sound settings")
    }

    #[test]
    fn what_changes_nothing_is_told_with_what_would() {
        for (name, sets, want) in [
            ("rate", &[][..], None),
            ("parallelism", &["engine=microbatch"], None),
            ("state-size", &["workload=keyed-state"], None),
            (
                "state-size",
                &["workload=word-count"],
                Some("word-count does not use it, keyed-state does"),
            ),
            ("window", &["workload=windowed"], None),
            ("slide", &["workload=stateful"], Some("stateful does not use it, windowed does")),
            ("disorder", &["workload=word-count"], Some("windowed does")),
            ("words-per-line", &["workload=keyed-state"], Some("windowed and top-words do")),
            (
                "skew",
                &["workload=constant-null"],
                Some("constant-null does not use it, word-count"),
            ),
            ("skew", &["workload=word-count", "input=sherlock"], Some("leave --input out")),
            ("skew", &["workload=keyed-state,word-count", "input=sherlock"], None),
            ("acking", &[], None),
            (
                "acking",
                &["engine=microbatch,trident"],
                Some(
                    "microbatch and trident do not use it, topology does: choose such with --engine",
                ),
            ),
            ("batch-interval", &["engine=trident"], None),
            (
                "batch-interval",
                &["engine=topology"],
                Some("topology does not use it, microbatch and trident do"),
            ),
            ("queue-batch", &["engine=microbatch"], Some("topology does")),
            ("max-spout-pending", &["acking=on,off"], None),
            ("max-spout-pending", &["acking=off"], Some("give --acking on")),
        ] {
            let told = without_effect(name, &config(sets));
            assert_eq!(told.is_some(), want.is_some(), "{name} {sets:?}: {told:?}");
            if let (Some(told), Some(part)) = (told, want) {
                assert!(told.contains(part), "{name} {sets:?}: {told:?} lacks {part:?}");
            }
        }
        for (name, _) in ENGINES {
            assert!(TABLE.iter().any(|def| def.name == *name), "{name} is a setting");
        }
    }

    /// What a workload is said to be told changes its rows, and the rest does not. Of how many words a line is,
    /// a stream of words shows when its text begins again. A size of state shows in no row.
    #[test]
    fn workloads_use_what_they_are_said_to_be_told() {
        const BASE: [&str; 7] = [
            "cardinality=300",
            "window=3ms",
            "slide=1ms",
            "disorder=1ms",
            "stragglers=20000",
            "straggle=9ms",
            "lateness=1ms",
        ];
        let rows = |name: &str, sets: &[&str]| {
            let settings = config(sets).workload_settings().expect("generated input");
            let context = AllAtOnce { records: 70_000, spacing_ns: 1_000 }.context();
            let ran = engines::oracle().run(name, &settings, &context, Detail::Rows);
            let contents = ran.expect("the oracle runs").contents;
            csv(name, &settings, &contents).expect("a workload").expect("a table")
        };
        let changes = [
            ("cardinality=3", "cardinality"),
            ("skew=0", "skew"),
            ("words-per-line=1", "words-per-line"),
            ("window=6ms", "window"),
            ("slide=3ms", "slide"),
            ("lateness=9ms", "lateness"),
            ("disorder=3ms", "disorder"),
            ("stragglers=0", "stragglers"),
            ("straggle=5ms", "straggle"),
        ];
        for name in NAMES {
            let workload = format!("workload={name}");
            let base = [&BASE[..], &[workload.as_str()]].concat();
            let before = rows(name, &base);
            for (change, setting) in changes {
                let mut sets: Vec<&str> = base.clone();
                sets.retain(|set| !set.starts_with(&format!("{setting}=")));
                sets.push(change);
                let changed = rows(name, &sets) != before;
                let told = without_effect(setting, &config(&base));
                assert_eq!(changed, told.is_none(), "{name}, {change}: {told:?}");
            }
        }
    }
}
