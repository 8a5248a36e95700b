//! Flags, `--set`, environment, file: which holds, and what is said of values that make no sense.

use crate::process::{Done, Place, weir};
use weir_harness::settings::TABLE;

/// Settings for which every text is a value.
const FREE: [&str; 2] = ["input", "out"];

fn nonsense() -> impl Iterator<Item = &'static weir_harness::settings::Def> {
    TABLE.iter().filter(|def| !FREE.contains(&def.name))
}

#[test]
fn every_setting_has_a_variable() {
    let place = Place::new();
    for def in nonsense() {
        let run = |arguments: &[&str]| -> Done {
            let mut command = weir(place.path());
            command.args(arguments).env(def.env(), "?!").output().expect("weir starts").into()
        };
        for arguments in [&[][..], &["run"]] {
            let line = run(arguments).refused(2);
            let want = format!("weir: {} = \"?!\" (from env {}): ", def.name, def.env());
            assert!(line.starts_with(&want), "{line:?} does not begin with {want:?}");
        }
    }
    let input: Done =
        weir(place.path()).env("WEIR_INPUT", "none.txt").output().expect("weir starts").into();
    assert!(input.refused(2).contains("none.txt"));
}

#[test]
fn every_setting_has_a_key_and_a_flag() {
    let place = Place::new();
    for def in nonsense() {
        let file = place.file("weir.toml", format!("{} = \"?!\"\n", def.name));
        let file = file.to_str().expect("a plain path");
        let line = place.weir(["run", "--config", file]).refused(2);
        assert!(line.contains(&format!("{} = \"?!\" (from file {file})", def.name)), "{line:?}");
        let set = format!("{}=?!", def.name);
        let line = place.weir(["run", "--set", &set]).refused(2);
        assert!(line.contains("(from set)"), "{line:?}");
        let flag = format!("--{}=?!", def.name);
        let arguments: &[&str] = if def.name == "workload" { &["run", "?!"] } else { &[&flag] };
        let line = place.weir(arguments).refused(2);
        assert!(line.contains(&format!("{} = \"?!\" (from flag)", def.name)), "{line:?}");
    }
}

#[test]
fn flag_before_set_before_environment_before_file() {
    let place = Place::new();
    let file = place.file("weir.toml", "seed = \"d\"\n");
    let file = file.to_str().expect("a plain path");
    let layers: [&[&str]; 4] = [&["--seed", "a"], &["--set", "seed=b"], &[], &["--config", file]];
    let want =
        ["\"a\" (from flag)", "\"b\" (from set)", "\"c\" (from env WEIR_SEED)", "\"d\" (from file"];
    for (first, want) in want.iter().enumerate() {
        let mut command = weir(place.path());
        command.args(["run", "-q"]).args(layers[first..].concat());
        if first <= 2 {
            command.env("WEIR_SEED", "c");
        }
        let line = Done::from(command.output().expect("weir starts")).refused(2);
        assert!(line.contains(want), "{line:?} lacks {want:?}");
    }
}

#[test]
fn a_file_may_be_named_by_the_environment() {
    let place = Place::new();
    let file = place.file("weir.toml", "workload = [\"windowed\"]\nparallelism = 3\n");
    let mut command = weir(place.path());
    command.args(["verify", "--input", "sherlock"]).env("WEIR_CONFIG", &file);
    let said = Done::from(command.output().expect("weir starts")).ok();
    assert!(said.lines().all(|line| line.starts_with("windowed ")), "{said}");
}

/// Arguments, and what the one line on standard error must say.
const REFUSED: &[(&[&str], &str)] = &[
    (&["verify", "word-cuont"], "there are word-count, stateful, windowed"),
    (&["run", "word-cuont"], "there are word-count, stateful, windowed"),
    (&["verify", "--engine", "storm"], "there are topology, microbatch"),
    (&["run", "--set", "sed=1"], "did you mean seed?"),
    (&["run", "--set", "frobnicate=1"], "`weir run --help` lists them"),
    (&["run", "--set", "seed"], "write it as KEY=VALUE"),
    (&["run", "--rate", "fast"], "fast"),
    (&["run", "--rate", "-5"], "rate = \"-5\" (from flag)"),
    (&["run", "--duration", "0s"], "give at least"),
    (&["run", "--duration", "10"], "duration = \"10\" (from flag)"),
    (&["run", "--batch-interval", "10us"], "give at least 1ms"),
    (&["run", "--parallelism", "0"], "give auto, or a number from 1 to 256"),
    (&["run", "--acking", "maybe"], "give on or off"),
    (&["run", "--config", "none.toml"], "none.toml"),
    (&["run", "--engine", ","], "give at least one value"),
    (&["verify", "--emit", "o.csv"], "name just one workload"),
    (&["verify", "stateful", "windowed", "--emit", "o.csv"], "name just one workload"),
    (&["explain", "word-cuont"], "there are word-count, stateful, windowed"),
    (&["run", "stateful", "stateful"], "give each value once"),
    (&["verify", "word-count", "--input", "file", "--emit", "./file"], "would replace the input"),
    (&["report", "none.json"], "none.json"),
    (&["report", "."], "there is no result.json, search.json or sweep.json in the folder .: name"),
    (&["export", "."], "name a document of weir's, or a folder with one"),
    (&["report", "-"], "standard input is not read: name a file"),
    (&["export", "-"], "standard input is not read: name a file"),
    (&["compare", "-", "none.json"], "standard input is not read: name a file"),
    (&["verify", "word-count", "--emit", "."], "it is a folder; name another file with --emit"),
    (&["verify", "word-count", "--emit", "new/"], "it is a folder; name another file"),
    (&["sweep", "word-count", "--over", "rate=0.5,10"], "no record falls into a duration of 1s"),
    (&["verify", "word-count", "--emit", "file/below"], "cannot write file/below: "),
    (&["verify", "keyed-state", "--input", "file"], "keyed-state makes its own records"),
    (&["run", "keyed-state", "constant-null", "--input", "file"], "make their own records"),
    (&["run", "--rate", "0.5", "--duration", "200ms"], "no record falls into a duration of 200ms"),
    (&["run", "--schedule", "ramp:1k..5k", "--rate", "10k"], "a ramp brings its own rates"),
    (&["run", "--schedule", "saw"], "DUTY,FACTOR or ramp:FROM..TO"),
    (&["search", "word-count", "--set", "rate=5k"], "--set rate is not for a search: the rate is"),
    (&["search", "word-count", "--set", "rounds = 3"], "--confirm says how often"),
    (&["run", "--out", "file/below"], "file/below"),
    (&["run", "--out", "file"], "name another folder with --out"),
    (&["search", "word-count", "-o", "file"], "name another folder with --out"),
    (&["sweep", "word-count", "--over", "rate=1k", "-o", "file"], "another folder with --out"),
];

#[test]
fn nonsense_is_refused_in_one_line_with_a_remedy() {
    let place = Place::new();
    place.file("file", "");
    for (arguments, part) in REFUSED {
        let line = place.weir(*arguments).refused(2);
        assert!(line.contains(part), "{arguments:?}: {line:?} lacks {part:?}");
    }
    assert_eq!(place.names(), ["file"], "nothing is written");
}

#[test]
fn what_clap_refuses_is_usage_too() {
    let place = Place::new();
    let rows: &[(&[&str], &str)] = &[
        (&["run", "--rat", "5k"], "'--rate'"),
        (&["rnu"], "unrecognized subcommand"),
        (&["verify", "--rate", "5k"], "--rate"),
        (&["run", "--rate"], "a value is required"),
        (&["run", "--seed", "1", "--seed", "2"], "cannot be used multiple times"),
        (&["explain"], "<WORKLOAD>"),
        (&["list", "colours"], "workloads, engines, schedules, settings"),
        (&["completions", "cmd"], "bash"),
        (&["report"], "<RESULT.json>"),
        (&["--rate", "5k", "list"], "list"),
    ];
    for (arguments, part) in rows {
        let done = place.weir(*arguments);
        assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""), "{arguments:?}: {done:?}");
        assert!(done.stderr.contains(part), "{arguments:?}: {:?} lacks {part:?}", done.stderr);
    }
}

#[test]
fn nothing_selected_has_a_code_of_its_own() {
    let place = Place::new();
    for command in ["run", "verify"] {
        let line = place.weir([command, "-q", "--engine", "null"]).refused(4);
        assert!(line.contains("null"), "{line:?}");
    }
}
