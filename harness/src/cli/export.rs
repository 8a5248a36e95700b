//! `weir export`: a result in the forms of other tools.

use super::exit;
use super::failure::Failure;
use super::place::{document, ready, ready_file};
use clap::ArgMatches;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use weir_reports::export::{hgrm, runs, series};
use weir_reports::schema::ResultFile;
use weir_reports::{hlog, load, write_whole};

/// Writes what was asked for, to standard output or where it was said.
pub(super) fn run(matches: &ArgMatches) -> Result<u8, Failure> {
    let Some(path) = matches.get_one::<PathBuf>("result") else {
        return Err(Failure::usage("name a result file"));
    };
    let result = load(&document(path)?)?;
    let out = matches.get_one::<PathBuf>("out").map(PathBuf::as_path);
    let format = matches.get_one::<String>("format").map(String::as_str);
    match (format, out) {
        (Some("hgrm"), Some(folder)) => ready(folder)?,
        (_, Some(file)) => ready_file(file, "--out")?,
        (_, None) => {}
    }
    match format {
        Some("hlog") => put(&hlog::hlog(&result).map_err(Failure::unexpected)?, out)?,
        Some("csv") => put(&runs(&result), out)?,
        Some("series") => put(&series(&result), out)?,
        _ => distributions(&result, out)?,
    }
    Ok(exit::OK)
}

fn put(text: &str, out: Option<&Path>) -> Result<(), Failure> {
    match out {
        Some(path) => write_whole(path, text.as_bytes())?,
        None => stdout().write_all(text.as_bytes())?,
    }
    Ok(())
}

/// A file for each distribution; a single one may go to standard output.
fn distributions(result: &ResultFile, out: Option<&Path>) -> Result<(), Failure> {
    let found = hgrm(result);
    match (found.as_slice(), out) {
        ([], _) => {
            Err(Failure::usage("the result has no latency histogram of a valid run at a rate"))
        }
        ([one], None) => put(&one.text, None),
        (several, None) => Err(Failure::usage(format!(
            "the result has {} distributions: say --out DIR, which gets a file for each",
            several.len()
        ))),
        (all, Some(folder)) => {
            for one in all {
                write_whole(&folder.join(&one.file_name), one.text.as_bytes())?;
            }
            Ok(())
        }
    }
}
