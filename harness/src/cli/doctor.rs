//! `weir doctor`: is this machine fit for measuring?

use super::exit;
use super::failure::Failure;
use super::terminal::columns;
use crate::{doctor, environment};
use clap::ArgMatches;
use std::io::{Write, stdout};
use weir_dataflow::SystemClock;
use weir_reports::fitness::{Grade, json, terminal};

/// Examines, prints, and says the exit code.
pub(super) fn run(matches: &ArgMatches) -> Result<u8, Failure> {
    let mut environment = environment::capture("system");
    let fitness = doctor::examine(&SystemClock::new(), doctor::THOROUGH);
    environment.fitness = Some(fitness);
    let text = if matches.get_one::<String>("format").is_some_and(|format| format == "json") {
        json(&environment)
    } else {
        terminal(&environment, columns())
    };
    stdout().write_all(text.as_bytes())?;
    let fit = Grade::of(&fitness) < Grade::Noisy;
    Ok(if fit || !matches.get_flag("strict") { exit::OK } else { exit::UNFIT_MACHINE })
}
