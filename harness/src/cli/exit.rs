//! Exit codes of the `weir` command. Scripts rely on them: a code never changes its meaning.

/// Everything went well.
pub const OK: u8 = 0;
/// Something unexpected went wrong: a panic, a failed run, a full disk.
pub const UNEXPECTED: u8 = 1;
/// The command line, a setting or an input does not make sense.
pub const USAGE: u8 = 2;
/// A comparison found a regression that the statistics support.
pub const REGRESSION: u8 = 3;
/// Nothing was selected to run.
pub const NOTHING_SELECTED: u8 = 4;
/// An engine's output differs from the oracle's.
pub const WRONG_OUTPUT: u8 = 5;
/// The result is inconclusive, and `--strict` was given.
pub const INCONCLUSIVE: u8 = 6;
/// The machine is not fit for measuring, and `--strict` was given.
pub const UNFIT_MACHINE: u8 = 7;
/// The runs to compare are not comparable.
pub const INCOMPARABLE: u8 = 8;
/// Interrupted from the terminal (SIGINT), as shells have it: 128 + 2.
pub const INTERRUPTED: u8 = 130;

/// Every code and its meaning, as the help texts show them.
pub const ALL: &[(u8, &str)] = &[
    (OK, "ok"),
    (UNEXPECTED, "unexpected: a panic, a failed run, a full disk"),
    (USAGE, "the command line, a setting or an input does not make sense"),
    (REGRESSION, "regression"),
    (NOTHING_SELECTED, "nothing selected to run"),
    (WRONG_OUTPUT, "output differs from the oracle's"),
    (INCONCLUSIVE, "inconclusive (--strict)"),
    (UNFIT_MACHINE, "machine unfit for measuring (--strict)"),
    (INCOMPARABLE, "runs are not comparable"),
    (INTERRUPTED, "interrupted (Ctrl-C)"),
];
