//! The command line, built from the table of settings.

use crate::selftest::CHECKS;
use crate::settings::{Def, Layers, TABLE};
use clap::builder::{FalseyValueParser, PossibleValuesParser, ValueParser};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};
use std::path::PathBuf;
use weir_reports::compare::Aspect;

const ABOUT: &str = "Measures stream processing: the same workloads record at a time and in \
                     micro-batches, side by side";

const ORDER: &str = "\
Every setting has a flag, an environment variable and a key in a TOML file (--config), and is found \
in this order: flag, --set, environment, file, default.";

/// What stands below the help of every command that takes settings.
fn after() -> String {
    let codes = super::exit::ALL.iter().map(|(code, meaning)| format!("  {code}  {meaning}\n"));
    format!("Exit codes:\n{}\n{ORDER}", codes.collect::<String>())
}

/// The whole command.
#[must_use]
pub fn command() -> Command {
    let root = Command::new("weir")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .long_about(format!(
            "{ABOUT}.\n\nWithout a subcommand: the default comparison, as `weir run`, which lists the \
             flags that may follow."
        ))
        .after_help(after())
        .override_usage("weir [OPTIONS]\n       weir <COMMAND>")
        .arg(quiet());
    // `weir --rate 5k` is `weir run --rate 5k`; the flags are listed once, under `run`.
    with_settings(root, |_| true)
        .mut_args(|arg| arg.hide(true))
        .subcommand_required(false)
        .args_conflicts_with_subcommands(true)
        .subcommand(run())
        .subcommand(sweep())
        .subcommand(list())
        .subcommand(verify())
        .subcommand(search())
        .subcommand(report())
        .subcommand(compare())
        .subcommand(export())
        .subcommand(doctor())
        .subcommand(selftest())
        .subcommand(explain())
        .subcommand(completions())
        .subcommand(Command::new("man").about("Prints the manual page"))
}

fn run() -> Command {
    with_settings(
        Command::new("run")
            .about("Runs workloads on engines, checks every run, and writes a report")
            .arg(workload_argument(true))
            .arg(quiet())
            .arg(strict(
                "Exit with 6 if a run never settled or is too short to tell, with 7 if the machine is noisy or unfit",
            ))
            .after_help(after()),
        |_| true,
    )
}

fn sweep() -> Command {
    let over = Arg::new("over")
        .long("over")
        .value_name("NAME=VALUES")
        .action(ArgAction::Append)
        .required(true)
        .help(
            "A setting and the values to give it in turn, by commas or as a range: rate=1k,10k,100k, \
             rate=1k..1M*2, parallelism=1..8+1; at most twice",
        );
    let fresh = Arg::new("fresh")
        .long("fresh")
        .action(ArgAction::SetTrue)
        .help("Throw away the cells that an earlier sweep has left in the folder");
    with_settings(
        Command::new("sweep")
            .about("Runs a workload at every point of a grid of settings, and draws the curves")
            .arg(workload_argument(false).required(true))
            .arg(over)
            .arg(fresh)
            .arg(quiet())
            .after_help(after()),
        |_| true,
    )
}

fn list() -> Command {
    let what = Arg::new("what")
        .value_parser(PossibleValuesParser::new(["workloads", "engines", "schedules", "settings"]))
        .help("What to list; all of them by default");
    Command::new("list").about("Lists workloads, engines, schedules or settings").arg(what)
}

fn verify() -> Command {
    let emit = Arg::new("emit")
        .long("emit")
        .value_name("FILE.csv")
        .value_parser(clap::value_parser!(PathBuf))
        .value_hint(ValueHint::FilePath)
        .help("Write the verified rows as CSV (RFC 4180), sorted by key");
    let command = Command::new("verify")
        .about("Reads the input once and checks engines against the oracle, without timing")
        .arg(workload_argument(true))
        .arg(emit)
        .arg(quiet())
        .after_help(after());
    const TIMED: [&str; 8] =
        ["rate", "schedule", "duration", "saturation", "warmup", "rounds", "allow-mixed", "out"];
    with_settings(command, |def| !TIMED.contains(&def.name))
}

fn search() -> Command {
    let option = |name: &'static str, value: &'static str, env: &'static str| {
        Arg::new(name).long(name).value_name(value).env(env).value_parser(ValueParser::string())
    };
    let slo = option("slo", "LEVEL", "WEIR_SLO").action(ArgAction::Append).help(
        "What the latency has to be, such as 'p99<50ms'; repeatable, or several by commas: p50, p90, p99, \
         p99.9, p99.99, max, mean, with < or <= [default: any, the backlog alone decides]",
    );
    let resolution = option("resolution", "PERCENT", "WEIR_RESOLUTION").default_value("5%");
    let confirm = option("confirm", "N", "WEIR_CONFIRM").default_value("3");
    let most = option("max-rate", "RATE", "WEIR_MAX_RATE");
    let strict = Arg::new("strict").long("strict").action(ArgAction::SetTrue).help(
        "Exit with 6 if a search is inconclusive, or ends at the highest rate that may be tried",
    );
    let command = Command::new("search")
        .about("Searches for the highest rate that engines sustain under a service level")
        .arg(workload_argument(false).required(true))
        .arg(slo)
        .arg(resolution.help("The step between two rates that are told apart"))
        .arg(confirm.help("Repeats of each side of the boundary, of which a majority has to agree"))
        .arg(most.help("The highest rate to try [default: 70 % of what the null engine does]"))
        .arg(strict)
        .arg(quiet())
        .after_help(format!(
            "{}\n\n--slo, --resolution, --confirm and --max-rate are of this command alone: they have a flag and a \
             variable, and no key.",
            after()
        ));
    // Hidden, and refused with what to say instead, where clap would propose a flag of a similar name.
    let others =
        NOT_OF_A_SEARCH.map(|(name, id, _)| Arg::new(id).long(name).value_name("VALUE").hide(true));
    let other = |def: &Def| NOT_OF_A_SEARCH.iter().any(|(name, ..)| *name == def.name);
    with_settings(command.args(others), |def| !other(def))
}

/// Settings that a search has no use for, by what their arguments are called here (what has a setting's name is
/// taken for that), and what to say instead.
pub(super) const NOT_OF_A_SEARCH: [(&str, &str, &str); 3] = [
    ("rate", "no-rate", "the rate is what it finds; --max-rate sets the highest that it tries"),
    (
        "schedule",
        "no-schedule",
        "records are due at constant rates; measure what it finds with weir run --schedule",
    ),
    ("rounds", "no-rounds", "--confirm says how often each side of the boundary is repeated"),
];

fn report() -> Command {
    let files = Arg::new("result")
        .value_name("RESULT.json")
        .required(true)
        .value_parser(clap::value_parser!(PathBuf))
        .value_hint(ValueHint::FilePath)
        .help("A result file of `weir run`, `weir search` or `weir sweep`, or the folder of one");
    let out = Arg::new("out")
        .short('o')
        .long("out")
        .value_name("DIR")
        .value_parser(clap::value_parser!(PathBuf))
        .help("Folder for the page, charts and histograms; the terminal table alone without it");
    let mixed = Arg::new("allow-mixed")
        .long("allow-mixed")
        .action(ArgAction::SetTrue)
        .help("Draw rows that guarantee different things into one chart");
    let about = "Prints and renders a result file again";
    Command::new("report").about(about).arg(files).arg(out).arg(mixed)
}

fn compare() -> Command {
    let side = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .value_name(if name == "old" { "OLD" } else { "NEW" })
            .required(true)
            .value_parser(clap::value_parser!(PathBuf))
            .value_hint(ValueHint::AnyPath)
            .help(help)
    };
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let aspects = Aspect::NAMED.map(|(name, _)| name);
    Command::new("compare")
        .about("Compares two results: what improved, what regressed, what is noise")
        .arg(side(
            "old",
            "A result file, or a folder of result files whose rounds are put together",
        ))
        .arg(side("new", "Likewise"))
        .arg(
            option("fail-on", "WHAT", "Exit with 3 if the statistics support a regression")
                .value_parser(PossibleValuesParser::new(["regression"]))
                .action(ArgAction::Append),
        )
        .arg(
            option("format", "FORMAT", "How to print it")
                .value_parser(PossibleValuesParser::new(["table", "markdown", "json"]))
                .default_value("table"),
        )
        .arg(
            option("allow", "ASPECT", "Compare although this differs; several by commas")
                .value_parser(PossibleValuesParser::new(aspects))
                .value_delimiter(',')
                .action(ArgAction::Append),
        )
        .arg(option("band", "PERCENT", "Differences up to this are noise [default: 2 %]"))
        .arg(option("confidence", "PERCENT", "Of the intervals [default: 95 %]"))
        .arg(
            Arg::new("strict")
                .long("strict")
                .action(ArgAction::SetTrue)
                .help("Exit with 6 if nothing can be said for sure"),
        )
        .after_help(after())
}

fn export() -> Command {
    let result = Arg::new("result")
        .value_name("RESULT.json")
        .required(true)
        .value_parser(clap::value_parser!(PathBuf))
        .value_hint(ValueHint::FilePath)
        .help("A result file of `weir run`, or its folder");
    let format = Arg::new("format")
        .long("format")
        .value_parser(PossibleValuesParser::new(["hlog", "hgrm", "csv", "series"]))
        .default_value("csv")
        .help(
            "hlog: HdrHistogram's interval log; hgrm: its percentile distributions; csv: a line for \
             each run; series: a line for each interval of each run",
        );
    let out = Arg::new("out")
        .short('o')
        .long("out")
        .value_name("PATH")
        .value_parser(clap::value_parser!(PathBuf))
        .help("A file, or for hgrm a folder; standard output without it");
    Command::new("export")
        .about("Writes a result in the forms of other tools")
        .arg(result)
        .arg(format)
        .arg(out)
        .after_help(after())
}

fn doctor() -> Command {
    let format = Arg::new("format")
        .long("format")
        .value_parser(PossibleValuesParser::new(["text", "json"]))
        .default_value("text")
        .help("How to print it");
    let strict = Arg::new("strict")
        .long("strict")
        .action(ArgAction::SetTrue)
        .help("Exit with 7 if the machine is noisy or unfit");
    Command::new("doctor")
        .about("Examines this machine: is it fit for measuring, and what would make it so")
        .arg(format)
        .arg(strict)
        .after_help(after())
}

fn selftest() -> Command {
    let format = Arg::new("format")
        .long("format")
        .value_parser(PossibleValuesParser::new(["text", "json"]))
        .default_value("text")
        .help("How to print it: each check as it ends, or all of them at the end");
    let checks = Arg::new("checks")
        .value_name("CHECK")
        .num_args(0..)
        .action(ArgAction::Append)
        .value_parser(PossibleValuesParser::new(CHECKS.iter().map(|check| check.name)))
        .help("What to check; everything by default");
    Command::new("selftest")
        .about("Checks this harness itself, in under three minutes: exits with 1 if a check fails")
        .arg(checks)
        .arg(format)
        .after_help(after())
}

fn explain() -> Command {
    let format = Arg::new("format")
        .long("format")
        .value_parser(PossibleValuesParser::new(["text", "mermaid"]))
        .default_value("text")
        .help("A drawing for the terminal, or Mermaid source");
    let command = Command::new("explain")
        .about("Shows what an engine runs for a workload: components, queues, stages")
        .arg(workload_argument(false).required(true))
        .arg(format)
        .after_help(after());
    const SHAPING: [&str; 10] = [
        "engine",
        "batch-interval",
        "parallelism",
        "acking",
        "queue-batch",
        "window",
        "slide",
        "lateness",
        "disorder",
        "stragglers",
    ];
    with_settings(command, |def| SHAPING.contains(&def.name))
}

fn completions() -> Command {
    let shell = Arg::new("shell")
        .required(true)
        .value_parser(clap::value_parser!(clap_complete::Shell))
        .help("Which shell");
    Command::new("completions").about("Prints a completion script for a shell").arg(shell)
}

fn workload_argument(many: bool) -> Arg {
    let arg = Arg::new("workloads").value_name("WORKLOAD").help("See `weir list workloads`");
    if many { arg.num_args(0..).action(ArgAction::Append) } else { arg }
}

fn strict(help: &'static str) -> Arg {
    Arg::new("strict").long("strict").action(ArgAction::SetTrue).help(help)
}

fn quiet() -> Arg {
    Arg::new("quiet")
        .short('q')
        .long("quiet")
        .env("WEIR_QUIET")
        .value_parser(FalseyValueParser::new())
        .action(ArgAction::SetTrue)
        .help("No progress bar, and only the essential lines")
}

fn with_settings(command: Command, take: impl Fn(&Def) -> bool) -> Command {
    let flags = TABLE.iter().filter(|def| def.name != "workload" && take(def)).map(flag);
    let config = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .env("WEIR_CONFIG")
        .value_parser(clap::value_parser!(PathBuf))
        .value_hint(ValueHint::FilePath)
        .help("TOML file with settings");
    let set = Arg::new("set")
        .long("set")
        .value_name("KEY=VALUE")
        .action(ArgAction::Append)
        .help("Set any setting by name; repeatable");
    command.args(flags).arg(config).arg(set)
}

fn flag(def: &'static Def) -> Arg {
    let hint = match def.name {
        "input" => ValueHint::FilePath,
        "out" => ValueHint::DirPath,
        _ => ValueHint::Other,
    };
    let several = if def.list { "; several by commas" } else { "" };
    let arg = Arg::new(def.name)
        .long(def.name)
        .value_name(def.value)
        .env(def.env())
        .value_parser(ValueParser::string())
        .value_hint(hint)
        .allow_hyphen_values(true)
        .help(format!("{}{several} [default: {}]", def.help, def.default));
    if def.name == "out" { arg.short('o') } else { arg }
}

/// What was said on the command line and in the environment.
#[must_use]
pub fn layers(matches: &ArgMatches) -> Layers {
    let mut layers = Layers {
        sets: texts(matches, "set"),
        file: matches.get_one::<PathBuf>("config").cloned(),
        ..Layers::default()
    };
    for def in TABLE {
        let Ok(Some(text)) = matches.try_get_one::<String>(def.name) else { continue };
        let into = match matches.value_source(def.name) {
            Some(ValueSource::EnvVariable) => &mut layers.env,
            _ => &mut layers.flags,
        };
        into.insert(def.name.to_owned(), text.clone());
    }
    // Workloads are positional; their environment variable is read here.
    let workloads = texts(matches, "workloads");
    if !workloads.is_empty() {
        layers.flags.insert("workload".to_owned(), workloads.join(","));
    } else if let Some(text) = std::env::var_os("WEIR_WORKLOAD") {
        layers.env.insert("workload".to_owned(), text.to_string_lossy().into_owned());
    }
    layers
}

/// All values of an argument that is text.
#[must_use]
pub fn texts(matches: &ArgMatches, name: &str) -> Vec<String> {
    match matches.try_get_many::<String>(name) {
        Ok(Some(values)) => values.cloned().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn flags_and_workloads_reach_the_layers() {
        let matches = command()
            .try_get_matches_from([
                "weir", "run", "stateful", "windowed", "--rate", "5k", "--set", "seed=1",
            ])
            .expect("valid");
        let (_, run) = matches.subcommand().expect("run");
        let layers = layers(run);
        assert_eq!(layers.flags.get("workload").map(String::as_str), Some("stateful,windowed"));
        assert_eq!(layers.flags.get("rate").map(String::as_str), Some("5k"));
        assert_eq!(layers.sets, ["seed=1"]);
    }
}
