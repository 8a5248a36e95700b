//! A command's failure: what to say and with which exit code.

use super::exit;
use crate::execute::ExecuteError;
use crate::session::SessionError;
use crate::settings::{ConfigError, ResolveError};
use std::fmt::Display;
use weir_reports::FileError;
use weir_targets::target::TargetError;
use weir_workloads::{InputError, UnknownWorkload};

/// A failed command.
#[derive(Debug)]
pub struct Failure {
    /// Its exit code.
    pub code: u8,
    /// One line that names the thing and the remedy; empty where everything has been said.
    pub message: String,
}

impl Failure {
    /// The command line, a setting or an input does not make sense.
    pub fn usage(message: impl Display) -> Self {
        Self { code: exit::USAGE, message: message.to_string() }
    }

    /// Something went wrong that the user did not ask for.
    pub fn unexpected(message: impl Display) -> Self {
        Self { code: exit::UNEXPECTED, message: message.to_string() }
    }
}

/// What became of writing a report and of showing it: each is tried whatever becomes of the other, so that without
/// a reader there is the report, and without a place for that at least what was measured is shown.
pub(super) fn both<T>(
    written: Result<T, impl Into<Failure>>,
    shown: Result<(), impl Into<Failure>>,
) -> Result<T, Failure> {
    let written = written.map_err(Into::into)?;
    shown.map_err(Into::into)?;
    Ok(written)
}

macro_rules! usage_errors {
    ($($error:ty),+) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::usage(error)
            }
        }
    )+};
}
usage_errors!(ConfigError, ResolveError, InputError, UnknownWorkload, TargetError);

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        // `weir ... | head` closes our output: nothing is wrong.
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Self { code: exit::OK, message: String::new() }
        } else {
            Self::unexpected(format!("cannot write to standard output: {error}"))
        }
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        let code = match &error {
            SessionError::NothingSelected => exit::NOTHING_SELECTED,
            SessionError::Cancelled => exit::INTERRUPTED,
            SessionError::Execute(ExecuteError::Sampler(_)) => exit::UNEXPECTED,
            _ => exit::USAGE,
        };
        Self { code, message: error.to_string() }
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let code = match &error {
            FileError::Write { .. } | FileError::NotJson { .. } => exit::UNEXPECTED,
            _ => exit::USAGE,
        };
        Self { code, message: error.to_string() }
    }
}
