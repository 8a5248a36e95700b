//! `weir search`: the highest rate that an engine sustains under a service level.

use super::command::NOT_OF_A_SEARCH;
use super::failure::{Failure, both};
use super::interrupt;
use super::terminal::{Bar, colour, columns};
use super::{exit, layers, texts};
use crate::schedule::Rate;
use crate::search::{Level, Search, SearchEvent, SearchSettings};
use crate::settings::{Config, resolve};
use clap::ArgMatches;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt::Display;
use std::io::{Write, stderr, stdout};
use std::str::FromStr;
use weir_reports::search::schema::{Ending, SearchFile};
use weir_reports::search::{render, write_search};
use weir_reports::units;

/// Finest and coarsest step.
const RESOLUTION: (f64, f64) = (0.005, 1.0);
/// Most repeats.
const MOST_REPEATS: u32 = 15;

/// Searches, prints, writes the document, and says the exit code.
pub(super) fn run(matches: &ArgMatches) -> Result<u8, Failure> {
    let said = |(_, id, _): &&(&str, &str, &str)| matches.contains_id(id);
    if let Some((name, _, remedy)) = NOT_OF_A_SEARCH.iter().find(said) {
        return Err(Failure::usage(format!("--{name} is not for a search: {remedy}")));
    }
    let resolved = resolve(&layers(matches))?;
    if let Some((name, _, remedy)) = NOT_OF_A_SEARCH.iter().find(|of| resolved.is_asked(of.0)) {
        return Err(Failure::usage(format!("--set {name} is not for a search: {remedy}")));
    }
    let config = Config::new(&resolved)?;
    if config.workloads.len() != 1 {
        return Err(Failure::usage("name one workload to search on; see `weir list workloads`"));
    }
    let settings = settings(matches)?;
    super::place::ready(&config.out)?;
    let cancel = interrupt::cancel();
    let bar = Trail::new(matches.get_flag("quiet"));
    let mut listener = |event: SearchEvent| bar.show(&event);
    let mut search = Search {
        config: &config,
        resolved: &resolved,
        settings: &settings,
        listener: &mut listener,
        cancel: cancel.clone(),
    };
    let found = search.run();
    bar.bar.finish_and_clear();
    let found = found?;
    let mut out = stdout().lock();
    let text = render(&found, columns(), colour());
    let left = both(write_search(&found, &config.out), out.write_all(text.as_bytes()))?;
    let absolute = |path| std::path::absolute(path).unwrap_or_default();
    writeln!(out, "Report: {}", absolute(&left.page).display())?;
    writeln!(out, "Data:   {}", absolute(&left.data).display())?;
    out.flush()?;
    complain(&found);
    if cancel.is_cancelled() {
        let rows = found.rows.len();
        let message =
            format!("interrupted: the report has what was searched by then, {rows} of the rows");
        return Err(Failure { code: exit::INTERRUPTED, message });
    }
    let endings: Vec<Ending> = found.rows.iter().map(|row| row.ending).collect();
    Ok(code(&endings, matches.get_flag("strict")))
}

/// Says on standard error which searches have no answer, and why.
fn complain(search: &SearchFile) {
    for row in &search.rows {
        let word = match row.ending {
            Ending::WrongOutput => "INVALID",
            Ending::Failed => "FAILED",
            _ => continue,
        };
        let why = row.probes.last().map(|probe| probe.why.clone());
        let why = why.or_else(|| row.notes.first().cloned()).unwrap_or_default();
        let line = format!("{word} {} on {}: {why}", search.workload.name, row.id);
        let _ = writeln!(stderr(), "weir: {}", weir_reports::text::clean(&line));
    }
}

/// The exit code that searches deserve. That no rate holds is an answer.
fn code(endings: &[Ending], strict: bool) -> u8 {
    let is = |ending: Ending| endings.contains(&ending);
    if is(Ending::WrongOutput) {
        exit::WRONG_OUTPUT
    } else if is(Ending::Failed) {
        exit::UNEXPECTED
    } else if strict && (is(Ending::Inconclusive) || is(Ending::HoldsAtMost)) {
        exit::INCONCLUSIVE
    } else {
        exit::OK
    }
}

fn settings(matches: &ArgMatches) -> Result<SearchSettings, Failure> {
    let slo = texts(matches, "slo");
    let level = Level::parse(slo.iter().map(String::as_str)).map_err(Failure::usage)?;
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let mut flags: Vec<String> = slo.iter().map(|slo| format!("--slo={slo}")).collect();
    let mut said = |name: &str, default: &str| {
        let text = text(name);
        let other = text.as_ref().filter(|text| text.as_str() != default);
        flags.extend(other.map(|text| format!("--{name}={text}")));
        text
    };
    let resolution = said("resolution", "5%").unwrap_or_default();
    let confirm = said("confirm", "3").unwrap_or_default();
    let most = said("max-rate", "").map(|text| read::<Rate>("max-rate", &text)).transpose()?;
    Ok(SearchSettings {
        level,
        resolution: step(&resolution)?,
        confirm: repeats(&confirm)?,
        most,
        flags,
    })
}

fn read<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error| Failure::usage(format!("--{name}: {error}")))
}

fn step(text: &str) -> Result<f64, Failure> {
    let number = text.trim().trim_end_matches('%').trim_end().parse::<f64>().ok();
    let share = number.map(|percent| percent / 100.0);
    share.filter(|share| (RESOLUTION.0..=RESOLUTION.1).contains(share)).ok_or_else(|| {
        Failure::usage(format!(
            "--resolution {text} is not a percentage from 0.5 to 100, such as 5 %"
        ))
    })
}

fn repeats(text: &str) -> Result<u32, Failure> {
    text.trim().parse().ok().filter(|repeats| *repeats <= MOST_REPEATS).ok_or_else(|| {
        Failure::usage(format!("--confirm {text} is not a number from 0 to {MOST_REPEATS}"))
    })
}

/// What is being tried, on standard error, if that is a terminal; drawn between probes only.
struct Trail {
    bar: ProgressBar,
    quiet: bool,
}

impl Trail {
    fn new(quiet: bool) -> Self {
        let bar = ProgressBar::new_spinner();
        bar.set_draw_target(if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(10)
        });
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style);
        }
        Self { bar, quiet }
    }

    fn show(&self, event: &SearchEvent) {
        match event {
            SearchEvent::Calibrating => self.say("timing the null engine".to_owned()),
            SearchEvent::Starting { row, place, rows } => {
                if *place == 1 && !self.quiet {
                    let es = if *rows == 1 { "" } else { "es" };
                    let _ = writeln!(
                        stderr(),
                        "weir: {rows} search{es}, about a minute each; every probe is checked"
                    );
                }
                self.say(format!("{row} ({place} of {rows}) · at saturation"));
            }
            SearchEvent::Probing { row, number, rate_per_s, remaining, left } => {
                let (rate, left) = (units::quantity(*rate_per_s), Bar::in_words(*left));
                self.say(format!(
                    "{row} · probe {number} · {rate}/s · about {remaining} more, {left}"
                ));
            }
            SearchEvent::Probed { .. } => self.bar.tick(),
        }
    }

    fn say(&self, message: String) {
        self.bar.set_message(message);
        self.bar.tick();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes() {
        use Ending::{Failed, Found, HoldsAtMost, Inconclusive, NothingHolds, WrongOutput};
        for (endings, lax, strict) in [
            (&[Found, NothingHolds][..], 0, 0),
            (&[Found, HoldsAtMost], 0, 6),
            (&[Inconclusive, Found], 0, 6),
            (&[Failed, HoldsAtMost], 1, 1),
            (&[Failed, WrongOutput], 5, 5),
        ] {
            assert_eq!((code(endings, false), code(endings, true)), (lax, strict), "{endings:?}");
        }
    }

    #[test]
    fn steps_and_repeats() {
        for (text, share) in [("5%", 0.05), (" 10 %", 0.1), ("0.5", 0.005), ("100%", 1.0)] {
            assert!((step(text).expect(text) - share).abs() < 1e-12, "{text}");
        }
        for text in ["", "%", "0.4%", "101", "NaN", "five"] {
            step(text).expect_err(text);
        }
        assert_eq!((repeats("0").ok(), repeats(" 15").ok()), (Some(0), Some(15)));
        for text in ["16", "-1", "3.5", ""] {
            repeats(text).expect_err(text);
        }
    }
}
