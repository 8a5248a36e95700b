//! What the command says of itself.

use crate::process::{BINARY, Done, Place, clear, weir};
use std::process::{Command, Stdio};
use weir_harness::cli::exit;
use weir_harness::settings::TABLE;

const COMMANDS: [&str; 10] = [
    "run",
    "sweep",
    "list",
    "verify",
    "search",
    "report",
    "selftest",
    "explain",
    "completions",
    "man",
];

fn help(arguments: &[&str], columns: &str) -> String {
    let place = Place::new();
    let mut command = weir(place.path());
    command.args(arguments).arg("--help").env("COLUMNS", columns);
    Done::from(command.output().expect("weir starts")).ok()
}

#[test]
fn help_fits_the_terminal() {
    for columns in [80, 100] {
        for command in COMMANDS.map(|name| vec![name]).iter().chain([&vec![]]) {
            let text = help(command, &columns.to_string());
            for line in text.lines() {
                assert!(line.chars().count() <= columns, "{command:?}: {line:?} exceeds {columns}");
            }
            assert!(text.contains("Usage: weir"), "{text}");
        }
    }
}

#[test]
fn help_lists_commands_settings_and_exit_codes() {
    let root = help(&[], "100");
    assert!(COMMANDS.iter().all(|name| root.contains(&format!("\n  {name}"))), "{root}");
    let run = help(&["run"], "100");
    let words = run.split_whitespace().collect::<Vec<_>>().join(" ");
    for def in TABLE.iter().filter(|def| def.name != "workload") {
        for part in [format!("--{} <", def.name), format!("[env: {}=]", def.env())] {
            assert!(words.contains(&part), "{part} is not in:\n{run}");
        }
    }
    for text in
        [root, run, help(&["verify"], "100"), help(&["explain"], "100"), help(&["search"], "100")]
    {
        for (code, meaning) in exit::ALL {
            assert!(
                text.contains(&format!("\n  {code}  {meaning}\n")),
                "{code} is not in:\n{text}"
            );
        }
    }
}

/// Scripts rely on these: a code never changes its meaning.
#[test]
fn exit_codes_are_what_they_were() {
    let constants = [
        exit::OK,
        exit::UNEXPECTED,
        exit::USAGE,
        exit::REGRESSION,
        exit::NOTHING_SELECTED,
        exit::WRONG_OUTPUT,
        exit::INCONCLUSIVE,
        exit::UNFIT_MACHINE,
        exit::INCOMPARABLE,
        exit::INTERRUPTED,
    ];
    assert_eq!(constants, [0, 1, 2, 3, 4, 5, 6, 7, 8, 130]);
    assert!(exit::ALL.iter().map(|(code, _)| *code).eq(constants));
}

#[test]
fn lists_say_everything_and_each_part_alone() {
    let place = Place::new();
    let all = place.weir(["list"]).ok();
    for part in ["workloads", "engines", "schedules", "settings"] {
        let lines = place.weir(["list", part]).ok();
        assert!(!lines.is_empty() && all.contains(&lines), "{part}: {lines} is not in:\n{all}");
        assert!(all.lines().any(|line| line.starts_with(part)), "{part} has no title");
    }
    assert!(all.lines().all(|line| line.chars().count() <= 100), "{all}");
    for name in weir_workloads::NAMES {
        assert!(all.contains(&format!("\n  {name} ")), "{name} is not in:\n{all}");
    }
}

#[test]
fn completions_and_manual() {
    let place = Place::new();
    for (shell, sign) in
        [("bash", "complete -F _weir"), ("zsh", "#compdef weir"), ("fish", "complete -c weir")]
    {
        let script = place.weir(["completions", shell]).ok();
        assert!(script.contains(sign) && script.contains("batch-interval"), "{shell}: {script}");
    }
    let manual = place.weir(["man"]).ok();
    assert!(manual.contains(".TH weir 1") && manual.contains("weir\\-run(1)"), "{manual}");
    assert!(manual.contains("Exit codes"), "{manual}");
    let version = place.weir(["--version"]).ok();
    assert_eq!(version, format!("weir {}\n", env!("CARGO_PKG_VERSION")));
}

/// `weir list | head -1` is no error, and nothing is said about it.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    for arguments in [
        &["list"][..],
        &["man"],
        &["completions", "bash"],
        &["run", "--help"],
        &["explain", "windowed"],
    ] {
        let mut command = Command::new(BINARY);
        clear(&mut command);
        // A pipe that nobody reads any more: the other end is closed before the command starts.
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = command.args(arguments).stdout(writer).stderr(Stdio::piped()).output();
        let output = output.expect("weir starts");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        assert_eq!(output.stderr, b"", "{arguments:?}");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let mut command = Command::new(BINARY);
    clear(&mut command);
    let output = command.arg("list").stdout(full).output().expect("weir starts");
    let line = Done::from(output).refused(1);
    assert!(line.contains("cannot write to standard output"), "{line:?}");
}

#[test]
fn plans_are_drawn() {
    let place = Place::new();
    for (workload, format) in [
        ("word-count", "text"),
        ("word-count", "mermaid"),
        ("windowed", "text"),
        ("stateful", "mermaid"),
    ] {
        let rows = ["--queue-batch", "1", "--batch-interval", "100ms"];
        let text =
            place.weir(["explain", workload, "--format", format].into_iter().chain(rows)).ok();
        insta::assert_snapshot!(format!("{workload}-{format}"), text);
    }
}

#[test]
fn plans_show_what_was_asked_for() {
    let place = Place::new();
    let said = place
        .weir([
            "explain",
            "word-count",
            "--engine",
            "topology",
            "--parallelism",
            "7",
            "--acking",
            "off",
        ])
        .ok();
    assert!(said.contains("7 tasks") && !said.contains("acker"), "{said}");
}
