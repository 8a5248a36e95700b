//! What settings choose: logs and estimators.

use super::batched::Gated;
use super::rates::settings;
use super::{Case, Outcome, same, text};
use crate::phrases::{clauses, holes, is, unknown};
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Clock, SystemClock};
use weir_microbatch::rate::rate_estimator;
use weir_microbatch::settings::Settings;
use weir_microbatch::wal::{WalRegistry, WalRole};

/// A class of logs that is registered, and one that is not.
const KNOWN: &str = "org.example.Known";
const UNKNOWN: &str = "org.example.Unknown";

/// Settings, and what a case asks about.
struct Question {
    settings: Settings,
    registry: WalRegistry,
    /// The option whose default it is about.
    option: Option<String>,
}

pub(super) fn config(case: &Case<'_>) -> Outcome {
    let mut registry = WalRegistry::new();
    registry.register(KNOWN, |_, _| Ok(Arc::new(Gated::idle())));
    let params = case.get("params").map(settings).transpose()?.unwrap_or_default();
    let mut question = Question { settings: params, registry, option: None };
    // Without settings, what is set is told in the name.
    match holes(case.name(), "{*}WAL selection: {*}") {
        Some([_, what]) => question.read(what)?,
        None if case.get("params").is_some() => {}
        None => return unknown(case.name()),
    }
    for role in ["driver", "receiver"] {
        let class = question.settings.get(&key(role, "class")).unwrap_or(KNOWN).to_owned();
        // Spark would find the class that a parameter names.
        if ![KNOWN, UNKNOWN].contains(&class.as_str()) {
            question.registry.register(&class, |_, _| Ok(Arc::new(Gated::idle())));
        }
    }
    // An option that is set by its key is what the case is about.
    let set = case.get("params").and_then(|params| params.as_object());
    for key in set.into_iter().flat_map(|params| params.keys()) {
        let option = key.split_once(".writeAheadLog.").map(|(_, option)| option);
        question.option = question.option.take().or(option.map(str::to_owned));
    }
    for clause in clauses(case.text("expected")?, ';') {
        question.check(clause).map_err(|why| format!("{clause}: {why}"))?;
    }
    Ok(())
}

fn key(role: &str, option: &str) -> String {
    format!("spark.streaming.{role}.writeAheadLog.{option}")
}

fn roles(who: &str) -> Result<Vec<WalRole>, String> {
    Ok(match who {
        "driver" | "drivers" => vec![WalRole::Driver],
        "receiver" | "receivers" => vec![WalRole::Receiver],
        "both" => vec![WalRole::Driver, WalRole::Receiver],
        _ => return unknown(who),
    })
}

fn singular(who: &str) -> &str {
    who.trim_end_matches('s')
}

impl Question {
    /// Reads what is set: `no config`, `driver class set`, `allowBatching default`..
    fn read(&mut self, what: &str) -> Outcome {
        if is(what, "no config") {
            return Ok(());
        }
        if let Some([option]) = holes(what, "{w} default") {
            self.option = Some(option.to_owned());
            return Ok(());
        }
        if let Some([role, option, value]) = holes(what, "{w} {w}={w}") {
            self.settings = std::mem::take(&mut self.settings).set(&key(role, option), value);
            return Ok(());
        }
        let Some([role, how]) = holes(what, "{w} class {*}") else { return unknown(what) };
        roles(role)?;
        // Spark makes an object of a class by a constructor without arguments, or with the
        // configuration. A class that has neither is here one that is not registered.
        let class = match holes(how, "with {n}-arg {*}") {
            None if how.starts_with("set") => KNOWN,
            Some(["0" | "1", _]) => KNOWN,
            Some(_) => UNKNOWN,
            None => return unknown(what),
        };
        self.settings = std::mem::take(&mut self.settings).set(&key(role, "class"), class);
        Ok(())
    }

    fn log(&self, role: WalRole) -> Result<String, String> {
        let dir = tempfile::tempdir().map_err(text)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let log = self.registry.create(role, &self.settings, dir.path(), &clock).map_err(text)?;
        let shown = log.describe();
        log.close();
        Ok(shown)
    }

    fn check(&self, clause: &str) -> Outcome {
        if let Some([who, value]) = holes(clause, "{w}: {*}") {
            for role in roles(who)? {
                // A value of the option that the case is about, or what the log is made of.
                let got = match (&self.option, value.contains("Based") || value == "custom") {
                    (Some(_), false) => self.option(role, &self.settings)?,
                    _ => self.log(role)?,
                };
                same(who, got.as_str(), value)?;
            }
            return Ok(());
        }
        if let Some([_, gist]) = holes(clause, "error {w} {*}") {
            let both = [WalRole::Driver, WalRole::Receiver].map(|role| self.log(role));
            let errors: Vec<String> = both.into_iter().filter_map(Result::err).collect();
            let said = !gist.is_empty() && errors.iter().any(|error| error.contains(gist));
            return if said { Ok(()) } else { Err(format!("errors: {errors:?}")) };
        }
        if let Some([name]) = holes(clause, "{w}") {
            let made = rate_estimator(&self.settings, Duration::from_millis(100)).map_err(text)?;
            let shown = format!("{made:?}").to_lowercase();
            return same(clause, shown.starts_with(&name.to_lowercase()), true);
        }
        if let Some([_, gist]) = holes(clause, "any other name -> {w} {q}") {
            let other =
                Settings::default().set("spark.streaming.backpressure.rateEstimator", "foo");
            let made = rate_estimator(&other, Duration::from_millis(100));
            let error = made.err().ok_or("no error")?.to_string();
            return same(&error, error.contains(&gist.replace("<name>", "foo")), true);
        }
        // "true for driver, never for receivers"
        for part in clauses(clause, ',') {
            let Some([value, who]) = holes(part, "{w} for {w}") else { return unknown(part) };
            let want = if value == "never" { "false" } else { value };
            for role in roles(who)? {
                same(part, self.option(role, &self.settings)?.as_str(), want)?;
            }
            if value == "never" {
                let option = self.option.as_deref().unwrap_or_default();
                let asked = self.settings.clone().set(&key(singular(who), option), "true");
                for role in roles(who)? {
                    same(part, self.option(role, &asked)?.as_str(), "false")?;
                }
            }
        }
        Ok(())
    }

    /// The value that the option has for a role.
    fn option(&self, role: WalRole, settings: &Settings) -> Result<String, String> {
        let options = role.options(settings).map_err(text)?;
        Ok(match self.option.as_deref() {
            Some("allowBatching") => role.is_batched(settings).map_err(text)?.to_string(),
            Some("closeFileAfterWrite") => options.close_file_after_write.to_string(),
            Some("maxFailures") => options.max_failures.to_string(),
            Some("rollingIntervalSecs") => (options.rolling_interval_ms / 1_000).to_string(),
            other => return Err(format!("option {other:?} is not known")),
        })
    }
}
