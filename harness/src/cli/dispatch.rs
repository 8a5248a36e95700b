//! From arguments to an exit code.

use super::deserved::deserved;
use super::failure::{Failure, both};
use super::terminal::{Bar, colour, columns};
use super::verify::verify;
use super::{command, diagram, exit, layers};
use crate::rows::EngineRow;
use crate::session::{Session, SessionEvent};
use crate::settings::{Config, EngineKind, Layers, RateChoice, Resolved, TABLE, resolve};
use clap::ArgMatches;
use std::ffi::OsString;
use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use weir_reports::schema::{ResultFile, Setting};
use weir_reports::search::{render, write_search};
use weir_reports::text::clean;
use weir_reports::{Document, Summary, load_document, terminal, write_all};
use weir_workloads::{NAMES, Settings, describe, sherlock};

/// Runs the command and says its exit code.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            let code = if error.use_stderr() { exit::USAGE } else { exit::OK };
            let _ = error.print();
            return code;
        }
    };
    match dispatch(&matches) {
        Ok(code) => code,
        Err(failure) => {
            if !failure.message.is_empty() {
                // One line, whatever is in the names of files.
                let _ = writeln!(stderr(), "weir: {}", clean(&failure.message));
            }
            failure.code
        }
    }
}

fn dispatch(matches: &ArgMatches) -> Result<u8, Failure> {
    match matches.subcommand() {
        None => run(&layers(matches), matches.get_flag("quiet"), false),
        Some(("run", matches)) => {
            run(&layers(matches), matches.get_flag("quiet"), matches.get_flag("strict"))
        }
        Some(("verify", matches)) => {
            let (config, _) = configure(&layers(matches))?;
            let emit = matches.get_one::<PathBuf>("emit").map(PathBuf::as_path);
            verify(&config, emit, matches.get_flag("quiet"))
        }
        Some(("list", matches)) => list(matches.get_one::<String>("what").map(String::as_str)),
        Some(("report", matches)) => report(matches),
        Some(("search", matches)) => super::search::run(matches),
        Some(("sweep", matches)) => super::sweep::run(matches),
        Some(("compare", matches)) => super::compare::run(matches),
        Some(("export", matches)) => super::export::run(matches),
        Some(("doctor", matches)) => super::doctor::run(matches),
        Some(("selftest", matches)) => super::selftest::run(matches),
        Some(("explain", matches)) => explain(matches),
        Some(("completions", matches)) => {
            if let Some(shell) = matches.get_one::<clap_complete::Shell>("shell") {
                let mut script = Vec::new();
                clap_complete::generate(*shell, &mut command(), "weir", &mut script);
                stdout().write_all(&script)?;
            }
            Ok(exit::OK)
        }
        Some(("man", _)) => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command()).render(&mut page)?;
            stdout().write_all(&page)?;
            Ok(exit::OK)
        }
        Some((other, _)) => Err(Failure::usage(format!("there is no command {other}"))),
    }
}

fn configure(layers: &Layers) -> Result<(Config, Resolved), Failure> {
    let resolved = resolve(layers)?;
    Ok((Config::new(&resolved)?, resolved))
}

fn run(layers: &Layers, quiet: bool, strict: bool) -> Result<u8, Failure> {
    let (config, resolved) = configure(layers)?;
    config.has_records(&resolved)?;
    super::place::ready(&config.out)?;
    let bar = Bar::new(quiet);
    let mut listener = |event: SessionEvent| {
        if let (SessionEvent::Begin { runs, expected }, false) = (&event, quiet) {
            let time = Bar::in_words(*expected);
            let _ = writeln!(stderr(), "weir: {runs} runs, about {time}; every one is checked");
            if let Some(line) = long_batches(&config) {
                let _ = writeln!(stderr(), "weir: {line}");
            }
        }
        bar.show(&event);
    };
    let mut session = Session {
        config: &config,
        resolved: &resolved,
        listener: &mut listener,
        cancel: super::interrupt::cancel(),
    };
    let result = session.run();
    bar.clear();
    let result = result?;
    let written = both(write_all(&result, &config.out), print_tables(&result))?;
    let mut out = stdout().lock();
    writeln!(out, "Report: {}", absolute(&written.report).display())?;
    writeln!(out, "Data:   {}", absolute(&written.result).display())?;
    out.flush()?;
    let (code, faults) = deserved(&result, strict);
    for fault in faults {
        let _ = writeln!(stderr(), "weir: {fault}");
    }
    Ok(code)
}

/// What is to be said of batches that take longer than all of a paced run's load.
fn long_batches(config: &Config) -> Option<String> {
    let load = config.warm_up + config.duration;
    let paced = config.rates.iter().any(|rate| *rate != RateChoice::Max);
    let rows = EngineRow::of(config);
    let longest = rows.iter().filter_map(|row| row.batch_interval).max()?;
    (paced && longest > load).then(|| {
        format!(
            "a batch of {longest:?} takes longer than the load of a run, {load:?}, which is one batch then and \
             says little: give a longer --duration"
        )
    })
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn print_tables(result: &ResultFile) -> Result<(), Failure> {
    let text = terminal::render(&Summary::of(result), columns(), colour());
    stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn report(matches: &ArgMatches) -> Result<u8, Failure> {
    let Some(path) = matches.get_one::<PathBuf>("result") else {
        return Err(Failure::usage("name a result file"));
    };
    let mixed = matches.get_flag("allow-mixed");
    let read = load_document(&super::place::document(path)?)?;
    let out = matches.get_one::<PathBuf>("out").map(PathBuf::as_path);
    if let Some(folder) = out {
        super::place::ready(folder)?;
    }
    let mut result = match read {
        Document::Runs(result) => result,
        Document::Sweep(mut sweep) => {
            if mixed {
                allow_mixed(&mut sweep.settings);
            }
            return super::sweep::report(&sweep, out);
        }
        Document::Search(search) => {
            stdout().write_all(render(&search, columns(), colour()).as_bytes())?;
            if let Some(folder) = out {
                let left = write_search(&search, folder)?;
                writeln!(stdout(), "Report: {}", absolute(&left.page).display())?;
            }
            return Ok(exit::OK);
        }
    };
    if mixed {
        allow_mixed(&mut result.settings);
    }
    print_tables(&result)?;
    if let Some(folder) = out {
        let written = write_all(&result, folder)?;
        writeln!(stdout(), "Report: {}", absolute(&written.report).display())?;
    }
    Ok(exit::OK)
}

/// Recorded, so that what is written can be made from it again.
fn allow_mixed(settings: &mut Vec<Setting>) {
    settings.retain(|setting| setting.name != "allow-mixed");
    let (name, value) = ("allow-mixed".to_owned(), "on".to_owned());
    settings.push(Setting { name, value, origin: "flag".to_owned() });
}

fn explain(matches: &ArgMatches) -> Result<u8, Failure> {
    let (config, _) = configure(&layers(matches))?;
    let settings = config.workload_settings()?;
    let mermaid = matches.get_one::<String>("format").is_some_and(|format| format == "mermaid");
    let mut out = stdout().lock();
    for workload in &config.workloads {
        for row in EngineRow::checkable(&config) {
            let plan = row.target.plan(workload, &settings)?;
            if mermaid {
                writeln!(out, "%% {workload} on {}\n{}", row.id, diagram::mermaid(&plan))?;
            } else {
                writeln!(out, "{workload} on {}\n{}", row.id, diagram::text(&plan))?;
            }
        }
    }
    Ok(exit::OK)
}

fn list(what: Option<&str>) -> Result<u8, Failure> {
    let settings = Settings::new(sherlock());
    let mut out = stdout().lock();
    let wanted = |part: &str| what.is_none_or(|what| what == part);
    let title = |out: &mut std::io::StdoutLock<'_>, text: &str| {
        if what.is_none() { writeln!(out, "{text}") } else { Ok(()) }
    };
    if wanted("workloads") {
        title(&mut out, "workloads")?;
        let width = NAMES.iter().map(|name| name.len()).max().unwrap_or_default();
        for name in NAMES {
            writeln!(out, "  {name:width$} {}", describe(name, &settings)?.summary)?;
        }
    }
    if wanted("engines") {
        title(&mut out, "engines")?;
        for (name, _, summary) in EngineKind::ALL {
            writeln!(out, "  {name:12} {summary}")?;
        }
    }
    if wanted("schedules") {
        title(&mut out, "schedules")?;
        for (shape, summary) in SCHEDULES {
            writeln!(out, "  {shape:28} {summary}")?;
        }
    }
    if wanted("settings") {
        title(&mut out, "settings (flag and TOML key, environment variable, default)")?;
        for def in TABLE {
            writeln!(out, "  {:18} {:24} {}", def.name, def.env(), def.default)?;
        }
    }
    Ok(exit::OK)
}

/// Shapes of arrival, as `weir list schedules` shows them.
const SCHEDULES: &[(&str, &str)] = &[
    ("constant", "evenly spaced"),
    ("poisson", "random gaps, as from many independent senders"),
    ("burst:PERIOD,DUTY,FACTOR", "FACTOR times the rate for a share DUTY of each PERIOD"),
    ("ramp:FROM..TO", "from one rate to another over the run"),
];
