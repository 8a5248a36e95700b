//! `weir compare`: two results, or two folders of them, side by side.

use super::failure::Failure;
use super::place::no_dash;
use super::terminal::{colour, columns};
use super::{exit, texts};
use clap::ArgMatches;
use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use weir_reports::compare::{Aspect, Comparison, Options, compare, markdown, terminal};
use weir_reports::schema::{ResultFile, Run};
use weir_reports::text::clean;
use weir_reports::{FileError, load};
use weir_statistics::verdict::Judge;

/// Compares, prints, and says the exit code.
pub(super) fn run(matches: &ArgMatches) -> Result<u8, Failure> {
    let options = options(matches)?;
    let side = |name: &str| match matches.get_one::<PathBuf>(name) {
        Some(path) => read_side(path),
        None => Err(Failure::usage(format!("name the {name} result"))),
    };
    let (old, new) = (side("old")?, side("new")?);
    let comparison = compare(&old, &new, &options)
        .map_err(|error| Failure { code: exit::INCOMPARABLE, message: error.to_string() })?;
    print(&comparison, matches.get_one::<String>("format").map(String::as_str))?;
    let on_regression = texts(matches, "fail-on").iter().any(|what| what == "regression");
    if on_regression && comparison.has_too_few_rounds() {
        // Whoever asks for a gate has to know that it stands open.
        let line =
            "no figure can regress for sure in so few rounds: --fail-on regression needs more";
        writeln!(stderr(), "weir: {line}")?;
    }
    let strict = matches.get_flag("strict");
    Ok(if comparison.has_regressed() && on_regression {
        exit::REGRESSION
    } else if comparison.is_inconclusive() && strict {
        exit::INCONCLUSIVE
    } else {
        exit::OK
    })
}

fn options(matches: &ArgMatches) -> Result<Options, Failure> {
    let mut allow = Vec::new();
    for name in texts(matches, "allow") {
        let named = Aspect::NAMED.iter().find(|(known, _)| *known == name);
        allow.extend(named.map(|(_, aspect)| *aspect));
    }
    let percent = |name: &str| -> Result<Option<f64>, Failure> {
        let Some(text) = matches.get_one::<String>(name) else { return Ok(None) };
        let number = text.trim().trim_end_matches('%').trim_end().parse::<f64>().ok();
        match number.filter(|percent| (0.0..100.0).contains(percent)) {
            Some(percent) => Ok(Some(percent / 100.0)),
            None => Err(Failure::usage(format!(
                "--{name} {text} is not a percentage from 0 to below 100, such as 5 %"
            ))),
        }
    };
    let default = Judge::default();
    let band = percent("band")?.unwrap_or(default.band);
    let confidence = percent("confidence")?.unwrap_or(default.confidence);
    if confidence < 0.5 {
        return Err(Failure::usage("--confidence below 50 % says nothing: 95 % is usual"));
    }
    Ok(Options { judge: Judge { confidence, band }, allow })
}

/// A result file, or a folder whose results are taken together.
fn read_side(path: &Path) -> Result<Vec<ResultFile>, Failure> {
    no_dash(path)?;
    if !path.is_dir() {
        return Ok(vec![load(path)?]);
    }
    let refuse = |error: std::io::Error| {
        Failure::usage(format!("cannot read the folder {}: {error}", path.display()))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(refuse)? {
        let file = entry.map_err(refuse)?.path();
        if file.extension().is_some_and(|extension| extension == "json") {
            files.push(file);
        }
    }
    files.sort();
    let mut read: Vec<(PathBuf, ResultFile)> = Vec::new();
    for file in files {
        let result = match load(&file) {
            Ok(result) => result,
            // Of `weir search`, for example, which has the same default folder.
            Err(FileError::OtherKind { found, .. }) => {
                let line = format!("left out {}, a document {found}", file.display());
                let _ = writeln!(stderr(), "weir: {}", clean(&line));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        // A copy has no rounds of its own: they would count twice.
        if let Some((other, _)) = read.iter().find(|(_, other)| same_runs(other, &result)) {
            let (one, other) = (other.display(), file.display());
            return Err(Failure::usage(format!(
                "{one} and {other} hold the same runs: take one of them out of the folder"
            )));
        }
        read.push((file, result));
    }
    if read.is_empty() {
        let path = path.display();
        return Err(Failure::usage(format!(
            "there is no result of `weir run` in {path}: name a result file, or a folder of some"
        )));
    }
    Ok(read.into_iter().map(|(_, result)| result).collect())
}

/// Whether two files are of one session: no two runs come to the same in every figure.
fn same_runs(one: &ResultFile, other: &ResultFile) -> bool {
    fn first(result: &ResultFile) -> Option<&Run> {
        result.workloads.iter().flat_map(|w| &w.rows).flat_map(|row| &row.runs).next()
    }
    one.created == other.created && one.command == other.command && first(one) == first(other)
}

fn print(comparison: &Comparison, format: Option<&str>) -> Result<(), Failure> {
    let text = match format {
        Some("markdown") => markdown(comparison),
        Some("json") => comparison.to_json(),
        _ => terminal(comparison, columns(), colour()),
    };
    stdout().write_all(text.as_bytes())?;
    Ok(())
}
