//! Settings under Spark's key names.

use crate::SparkConf;
use crate::conf::units;
use std::collections::BTreeMap;
use std::str::FromStr;
use thiserror::Error;

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SettingError {
    /// The text is not of the right form.
    #[error("{key} = {value:?} is not {expected}; write for example {example}")]
    Malformed {
        /// The setting.
        key: String,
        /// Its text.
        value: String,
        /// What it should be.
        expected: &'static str,
        /// A good value.
        example: &'static str,
    },
    /// The value makes no sense.
    #[error("requirement failed: {message}")]
    Requirement {
        /// Spark's message, and what to do.
        message: String,
    },
    /// There is no such estimator.
    #[error("Unknown rate estimator: {name}; use \"pid\"")]
    UnknownEstimator {
        /// What was asked for.
        name: String,
    },
}

impl SettingError {
    pub(crate) fn requirement(message: impl Into<String>) -> Self {
        Self::Requirement { message: message.into() }
    }
}

/// Texts by key. Whoever reads a key knows its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, String>);

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Settings {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl From<&SparkConf> for Settings {
    /// What is set in a context's configuration, under the names that keys have now.
    fn from(conf: &SparkConf) -> Self {
        conf.all().collect()
    }
}

impl Settings {
    /// The text of `key`, if it is set.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Sets `key`, and returns the settings.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    fn parsed<T>(
        &self,
        key: &str,
        default: T,
        form: (&'static str, &'static str),
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, SettingError> {
        let Some(value) = self.get(key) else { return Ok(default) };
        parse(value).ok_or_else(|| SettingError::Malformed {
            key: key.to_owned(),
            value: value.to_owned(),
            expected: form.0,
            example: form.1,
        })
    }

    /// A whole or decimal number.
    ///
    /// # Errors
    ///
    /// [`SettingError::Malformed`].
    pub fn number<T: FromStr>(&self, key: &str, default: T) -> Result<T, SettingError> {
        self.parsed(key, default, ("a number", "10"), |text| text.trim().parse().ok())
    }

    /// `true` or `false`.
    ///
    /// # Errors
    ///
    /// [`SettingError::Malformed`].
    pub fn flag(&self, key: &str, default: bool) -> Result<bool, SettingError> {
        let parse = |text: &str| text.trim().to_ascii_lowercase().parse().ok();
        self.parsed(key, default, ("true or false", "true"), parse)
    }

    /// Milliseconds, from `200`, `200ms`, `5s`, `2m`, `1h` or `1d`.
    ///
    /// # Errors
    ///
    /// [`SettingError::Malformed`].
    pub fn time_ms(&self, key: &str, default: u64) -> Result<u64, SettingError> {
        self.time(key, default, "ms")
    }

    /// Milliseconds, from a text that is in seconds where it names no unit.
    ///
    /// # Errors
    ///
    /// [`SettingError::Malformed`].
    pub fn time_s_as_ms(&self, key: &str, default: u64) -> Result<u64, SettingError> {
        self.time(key, default, "s")
    }

    fn time(&self, key: &str, default: u64, unit: &str) -> Result<u64, SettingError> {
        let parse = |text: &str| u64::try_from(units::time(text, unit)?.as_millis()).ok();
        self.parsed(key, default, ("a time", "200ms"), parse)
    }

    /// Bytes, from `1024`, `64k`, `16m` or `1g`.
    ///
    /// # Errors
    ///
    /// [`SettingError::Malformed`].
    pub fn bytes(&self, key: &str, default: u64) -> Result<u64, SettingError> {
        self.parsed(key, default, ("a size", "64k"), units::size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        let table = [
            ("200", Some(200)),
            ("200ms", Some(200)),
            (" 5 s", Some(5_000)),
            ("2m", Some(120_000)),
            ("2min", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("soon", None),
            ("-1s", None),
            ("", None),
        ];
        for (text, ms) in table {
            let settings: Settings = [("a.b", text)].into_iter().collect();
            assert_eq!(settings.time_ms("a.b", 7).ok(), ms, "{text:?}");
        }
        let settings = Settings::default().set("size", "1g").set("on", "TRUE").set("off", "no");
        assert_eq!(settings.bytes("size", 0), Ok(1 << 30));
        assert_eq!(settings.time_ms("missing", 7), Ok(7));
        assert_eq!(settings.flag("on", false), Ok(true));
        let refused = settings.flag("off", true).expect_err("not a flag").to_string();
        assert!(refused.contains("off = \"no\" is not true or false"), "{refused}");
    }
}
