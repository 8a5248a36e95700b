//! What we know of the terminal, and the progress bar.

use crate::session::SessionEvent;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{Write, stderr, stdout};
use std::time::Duration;
use weir_reports::terminal::Colour;

/// Width of tables where the terminal does not tell.
const DEFAULT_COLUMNS: usize = 100;

/// Columns of the terminal: of the terminal itself, else `COLUMNS`, else 100.
#[must_use]
pub(super) fn columns() -> usize {
    let told = || std::env::var("COLUMNS").ok()?.parse().ok();
    let own = || terminal_size::terminal_size_of(stdout()).map(|(width, _)| usize::from(width.0));
    own().or_else(told).unwrap_or(DEFAULT_COLUMNS)
}

/// Whether standard output takes colours: a terminal, and neither `NO_COLOR` nor a dumb one.
#[must_use]
pub(super) fn colour() -> Colour {
    match anstream::AutoStream::choice(&stdout()) {
        anstream::ColorChoice::Always | anstream::ColorChoice::AlwaysAnsi => Colour::Ansi,
        _ => Colour::Plain,
    }
}

/// A bar on standard error, if that is a terminal. It is drawn between runs only, so that drawing
/// takes nothing from what is measured.
pub(super) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// A bar; hidden if `quiet`, or without a terminal.
    #[must_use]
    pub(super) fn new(quiet: bool) -> Self {
        let bar = ProgressBar::new(0);
        bar.set_draw_target(if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(10)
        });
        if let Ok(style) =
            ProgressStyle::with_template("{bar:24} {pos:>3}/{len} {eta:>4} left  {msg}")
        {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// Shows what happens.
    pub(super) fn show(&self, event: &SessionEvent) {
        match event {
            SessionEvent::Begin { runs, .. } => self.bar.set_length(*runs as u64),
            SessionEvent::Run { workload, row, offer, round } => {
                self.bar.set_message(format!("{workload} · {row} · {offer} · round {round}"));
            }
            SessionEvent::RunEnded { .. } => self.bar.inc(1),
            SessionEvent::Judging { workload } => {
                self.bar.set_message(format!("{workload} · checking against the oracle"));
            }
        }
    }

    /// Begins again from nothing.
    pub(super) fn restart(&self) {
        self.bar.reset();
    }

    /// Says a line above the bar; without a bar, on standard error all the same.
    pub(super) fn line(&self, line: &str) {
        self.bar.suspend(|| {
            let _ = writeln!(stderr(), "{line}");
        });
    }

    /// Takes it away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// How long a session is expected to take, in words.
    #[must_use]
    pub(super) fn in_words(expected: Duration) -> String {
        match expected.as_secs() {
            seconds @ 0..90 => format!("{seconds} s"),
            seconds @ 90..10_800 => format!("{} min", seconds.div_ceil(60)),
            seconds => format!("{} h", seconds.div_ceil(3_600)),
        }
    }
}
