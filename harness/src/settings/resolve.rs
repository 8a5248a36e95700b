//! Which value holds, and why.

use super::table::{Def, TABLE, find};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    Flag,
    /// `--set`.
    Set,
    /// An environment variable.
    Env(String),
    /// A TOML file.
    File(PathBuf),
    /// A place on the grid of a sweep.
    Sweep,
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Set => f.write_str("set"),
            Self::Env(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Sweep => f.write_str("sweep"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// As it was typed.
    pub text: String,
    /// Where.
    pub origin: Origin,
}

/// What was said, by layer. Names are those of the table.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// Flags.
    pub flags: BTreeMap<String, String>,
    /// `KEY=VALUE` texts of `--set`.
    pub sets: Vec<String>,
    /// Environment variables by setting.
    pub env: BTreeMap<String, String>,
    /// A TOML file.
    pub file: Option<PathBuf>,
}

/// Every setting's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved(BTreeMap<&'static str, Value>);

/// Why settings cannot be resolved. Each message names the thing and the remedy.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// A name that the table does not have.
    #[error("{place}: there is no setting {name:?}{}", did_you_mean(name))]
    Unknown {
        /// The name.
        name: String,
        /// Where it was used.
        place: String,
    },
    /// `--set` without `=`.
    #[error("--set {text:?}: write it as KEY=VALUE, for example --set seed=7")]
    NotAnAssignment {
        /// What was written.
        text: String,
    },
    /// The file cannot be read.
    #[error("cannot read config {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("config {} is not valid TOML: {message}", path.display())]
    Toml {
        /// Which file.
        path: PathBuf,
        /// What and where.
        message: String,
    },
    /// A value of a kind that no setting has.
    #[error("config {}: {name} must be a text, a number, true, false or a list of those", path.display())]
    Kind {
        /// Which file.
        path: PathBuf,
        /// Which key.
        name: String,
    },
}

fn did_you_mean(name: &str) -> String {
    let near = TABLE.iter().map(|def| (distance(def.name, name), def.name)).min();
    match near {
        Some((far, near)) if far <= 3 => format!("; did you mean {near}?"),
        _ => "; `weir run --help` lists them".to_owned(),
    }
}

/// Edits between two words: insertions, deletions, replacements.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Finds every setting's value.
///
/// # Errors
/// Unknown names, a malformed `--set`, a file that cannot be read or understood.
pub fn resolve(layers: &Layers) -> Result<Resolved, ResolveError> {
    let file = layers.file.as_deref().map(|path| Ok((path, read_file(path)?))).transpose()?;
    let mut sets = BTreeMap::new();
    for text in &layers.sets {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| ResolveError::NotAnAssignment { text: text.clone() })?;
        let name = known(name.trim(), "--set")?.name;
        sets.insert(name, value.trim().to_owned());
    }
    let value = |def: &'static Def| {
        if let Some(text) = layers.flags.get(def.name) {
            return Value { text: text.clone(), origin: Origin::Flag };
        }
        if let Some(text) = sets.get(def.name) {
            return Value { text: text.clone(), origin: Origin::Set };
        }
        if let Some(text) = layers.env.get(def.name) {
            return Value { text: text.clone(), origin: Origin::Env(def.env()) };
        }
        if let Some((path, values)) = &file
            && let Some(text) = values.get(def.name)
        {
            return Value { text: text.clone(), origin: Origin::File((*path).to_owned()) };
        }
        Value { text: def.default.to_owned(), origin: Origin::Default }
    };
    Ok(Resolved(TABLE.iter().map(|def| (def.name, value(def))).collect()))
}

fn known(name: &str, place: &str) -> Result<&'static Def, ResolveError> {
    find(name)
        .ok_or_else(|| ResolveError::Unknown { name: name.to_owned(), place: place.to_owned() })
}

fn read_file(path: &Path) -> Result<BTreeMap<&'static str, String>, ResolveError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ResolveError::Read { path: path.to_owned(), source })?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| ResolveError::Toml {
        path: path.to_owned(),
        message: match error.span() {
            Some(span) => {
                let before = &text.as_bytes()[..span.start.min(text.len())];
                let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
                format!("{} (line {line})", error.message())
            }
            None => error.message().to_owned(),
        },
    })?;
    let place = format!("config {}", path.display());
    let entry = |(name, value): (String, toml::Value)| {
        let def = known(&name, &place)?;
        let text = plain(&value)
            .ok_or_else(|| ResolveError::Kind { path: path.to_owned(), name: name.clone() })?;
        Ok((def.name, text))
    };
    table.into_iter().map(entry).collect()
}

fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(on) => Some(if *on { "on" } else { "off" }.to_owned()),
        toml::Value::Array(items) => {
            items.iter().map(plain).collect::<Option<Vec<_>>>().map(|items| items.join(","))
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

impl Resolved {
    /// The value of a setting of the table.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Whether a setting was given in the command itself: a file or an environment may be there for several.
    #[must_use]
    pub fn is_asked(&self, name: &str) -> bool {
        let value = self.get(name);
        value.is_some_and(|value| matches!(value.origin, Origin::Flag | Origin::Set))
    }

    /// The same settings, with another value for one of them.
    #[must_use]
    pub fn with(&self, name: &'static str, text: &str, origin: Origin) -> Self {
        let mut values = self.0.clone();
        values.insert(name, Value { text: text.to_owned(), origin });
        Self(values)
    }

    /// The same settings, with the default for one of them.
    #[must_use]
    pub fn reset(&self, name: &'static str) -> Self {
        let default = find(name).map_or("", |def| def.default);
        self.with(name, default, Origin::Default)
    }

    /// All values, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Def, &Value)> {
        TABLE.iter().filter_map(|def| self.0.get(def.name).map(|value| (def, value)))
    }

    /// The arguments of `weir run` that repeat these settings exactly: workloads by name, and a flag
    /// for every other setting that differs from its default.
    #[must_use]
    pub fn to_arguments(&self) -> Vec<String> {
        let said = self.iter().filter(|(def, value)| value.text != def.default);
        let (workloads, flags): (Vec<_>, Vec<_>) =
            said.partition(|(def, _)| def.name == "workload");
        let names = workloads.iter().flat_map(|(_, value)| value.text.split(','));
        let names = names.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let flags = flags.iter().map(|(def, value)| format!("--{}={}", def.name, value.text));
        names.chain(flags).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(flags: &[(&str, &str)], sets: &[&str], env: &[(&str, &str)]) -> Layers {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        Layers {
            flags: map(flags),
            sets: sets.iter().map(|text| (*text).to_owned()).collect(),
            env: map(env),
            file: None,
        }
    }

    fn seed(layers: &Layers) -> (String, String) {
        let resolved = resolve(layers).expect("settings");
        let value = resolved.get("seed").expect("a seed");
        (value.text.clone(), value.origin.to_string())
    }

    #[test]
    fn precedence() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("weir.toml");
        std::fs::write(&path, "seed = 1\nrate = [\"5k\", \"max\"]\nacking = true\n")
            .expect("a file");
        let with_file = |mut layers: Layers| {
            layers.file = Some(path.clone());
            layers
        };
        assert_eq!(seed(&layers(&[], &[], &[])), ("42".into(), "default".into()));
        let file = with_file(layers(&[], &[], &[]));
        assert_eq!(seed(&file).0, "1");
        assert_eq!(resolve(&file).expect("ok").get("rate").expect("rate").text, "5k,max");
        assert_eq!(resolve(&file).expect("ok").get("acking").expect("acking").text, "on");
        let env = with_file(layers(&[], &[], &[("seed", "2")]));
        assert_eq!(seed(&env), ("2".into(), "env WEIR_SEED".into()));
        let set = with_file(layers(&[], &["seed=3"], &[("seed", "2")]));
        assert_eq!(seed(&set), ("3".into(), "set".into()));
        let flag = with_file(layers(&[("seed", "4")], &["seed=3"], &[("seed", "2")]));
        assert_eq!(seed(&flag), ("4".into(), "flag".into()));
        assert_eq!(
            resolve(&flag).expect("ok").to_arguments(),
            ["--rate=5k,max", "--acking=on", "--seed=4"]
        );
    }

    #[test]
    fn workloads_are_repeated_by_name() {
        let said = layers(&[("workload", "stateful, windowed"), ("rounds", "1")], &[], &[]);
        let arguments = resolve(&said).expect("ok").to_arguments();
        assert_eq!(arguments, ["stateful", "windowed", "--rounds=1"]);
    }

    #[test]
    fn errors_name_the_thing_and_the_remedy() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut files = 0;
        let mut file = |text: &str| {
            files += 1;
            let path = dir.path().join(format!("{files}-c.toml"));
            std::fs::write(&path, text).expect("a file");
            Layers { file: Some(path), ..Layers::default() }
        };
        let rows: Vec<(Layers, &[&str])> = vec![
            (layers(&[], &["sed=1"], &[]), &["--set", "\"sed\"", "did you mean seed?"]),
            (layers(&[], &["frobnicate=1"], &[]), &["weir run --help"]),
            (layers(&[], &["seed"], &[]), &["KEY=VALUE"]),
            (file("seeds = 1"), &["c.toml", "\"seeds\"", "did you mean seed?"]),
            (file("seed = {}"), &["c.toml", "seed must be"]),
            (file("seed ="), &["c.toml", "not valid TOML"]),
            (file("seed = 1\nseed = 2"), &["c.toml", "not valid TOML", "(line 2)"]),
            (Layers { file: Some("none.toml".into()), ..Layers::default() }, &["none.toml"]),
        ];
        for (layers, parts) in rows {
            let message = resolve(&layers).expect_err("an error").to_string();
            for part in parts {
                assert!(message.contains(part), "{message:?} lacks {part:?}");
            }
            assert!(!message.contains('\n'), "{message:?} is one line");
        }
    }
}
