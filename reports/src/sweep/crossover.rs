//! From which rate on micro-batch is ahead of record-at-a-time.
//!
//! At a rate that both were run at, one of the two **leads** if it keeps up and the other does not, or if
//! both keep up and all of its interval of the 99th percentile lies below all of the other's. If neither
//! holds (neither keeps up, or the intervals overlap), nobody leads. Few rounds can lie apart by chance: a
//! sentence that rests on such says so ([`Doubt`]).
//!
//! The **crossover** is the lowest rate at which micro-batch leads and above which record-at-a-time leads
//! nowhere. All that is known of it is that it lies above the highest rate below it at which
//! record-at-a-time leads, and at most at that rate: its uncertainty is that interval of the grid.

use super::chance::Doubt;
use super::curves::{Curves, Series};
use super::estimate::Estimate;
use super::point::Point;
use super::schema::AxisValue;
use crate::units;

/// Who is ahead at a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lead {
    /// Record-at-a-time.
    Record,
    /// Micro-batch, because record-at-a-time does not keep up.
    BatchKeepsUp,
    /// Micro-batch, by its latency.
    BatchIsSooner,
    /// Nobody, as far as the rounds can say.
    Nobody,
}

impl Lead {
    const fn is_batch(self) -> bool {
        matches!(self, Self::BatchKeepsUp | Self::BatchIsSooner)
    }

    /// Who is ahead of two rows at a rate; each keeps up or not, and has a 99th percentile.
    #[must_use]
    pub fn of(record: (bool, Option<Estimate>), batch: (bool, Option<Estimate>)) -> Self {
        match (record, batch) {
            ((true, _), (false, _)) => Self::Record,
            ((false, _), (true, _)) => Self::BatchKeepsUp,
            ((true, Some(record)), (true, Some(batch))) if record.is_below(&batch) => Self::Record,
            ((true, Some(record)), (true, Some(batch))) if batch.is_below(&record) => {
                Self::BatchIsSooner
            }
            _ => Self::Nobody,
        }
    }
}

/// Where micro-batch overtakes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Crossover {
    /// Fewer than two rates at which both were run, and have numbers.
    TooFew,
    /// There are rates at which both have numbers, but at fewer than two of them both rows' runs were long
    /// enough to say whether they kept up.
    TooShort,
    /// Micro-batch leads nowhere.
    Never {
        /// Whether record-at-a-time leads at all rates.
        record_everywhere: bool,
        /// Lowest rate.
        from: f64,
        /// Highest rate.
        to: f64,
    },
    /// Micro-batch leads, and record-at-a-time leads nowhere below: it was ahead before the range began.
    Below {
        /// The lowest rate at which micro-batch leads.
        rate: f64,
        /// Of the rates above.
        above: Above,
    },
    /// It lies above one rate and at most at the other.
    Between {
        /// The highest rate below at which record-at-a-time leads.
        above: f64,
        /// The lowest rate from which on micro-batch leads.
        at_most: f64,
        /// Who leads there, and why.
        lead: Lead,
        /// Whether micro-batch also led somewhere below `above`.
        unsteady: bool,
        /// Of the rates above `at_most`.
        beyond: Above,
    },
    /// Micro-batch leads somewhere, and record-at-a-time leads again above.
    NotLasting {
        /// The highest rate at which micro-batch leads.
        batch: f64,
        /// The highest rate at which record-at-a-time leads.
        record: f64,
    },
}

/// Of the rates above one, at how many micro-batch leads; at the others nobody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Above {
    /// Micro-batch leads at so many ...
    pub led: usize,
    /// ... of so many.
    pub of: usize,
}

impl Above {
    fn those(leads: &[(f64, Lead)], rate: f64) -> Self {
        let above = || leads.iter().filter(|(at, _)| *at > rate);
        Self { led: above().filter(|(_, lead)| lead.is_batch()).count(), of: above().count() }
    }

    const fn all(self) -> bool {
        self.led == self.of
    }

    /// Nothing where micro-batch leads at all of them.
    fn said(self, start: &str) -> String {
        let Self { led, of } = self;
        match (self.all(), led, of) {
            (true, ..) => String::new(),
            (false, 0, 1) => format!("{start} no rate"),
            (false, 0, _) => format!("{start} none of {of} rates"),
            (false, ..) => format!("{start} {led} of {of} rates"),
        }
    }
}

impl Crossover {
    /// Finds it from who leads at which rate.
    #[must_use]
    pub fn of(leads: &[(f64, Lead)]) -> Self {
        let mut leads = leads.to_vec();
        leads.sort_by(|a, b| a.0.total_cmp(&b.0));
        let ([(from, _), _, ..], Some((to, _))) = (leads.as_slice(), leads.last()) else {
            return Self::TooFew;
        };
        let record = |(_, lead): &(f64, Lead)| *lead == Lead::Record;
        let batch = |(_, lead): &(f64, Lead)| lead.is_batch();
        let last_record = leads.iter().rposition(record);
        let above = last_record.map_or(0, |at| at + 1);
        let first_batch = leads[above..].iter().find(|lead| batch(lead));
        let batch_below = leads[..above].iter().rfind(|lead| batch(lead));
        match (last_record, first_batch, batch_below) {
            (None, Some((rate, _)), _) => {
                Self::Below { rate: *rate, above: Above::those(&leads, *rate) }
            }
            (Some(at), Some((rate, lead)), below) => Self::Between {
                above: leads[at].0,
                at_most: *rate,
                lead: *lead,
                unsteady: below.is_some(),
                beyond: Above::those(&leads, *rate),
            },
            (Some(at), None, Some((rate, _))) => {
                Self::NotLasting { batch: *rate, record: leads[at].0 }
            }
            (_, None, None) | (None, None, Some(_)) => {
                Self::Never { record_everywhere: leads.iter().all(record), from: *from, to: *to }
            }
        }
    }
}

/// The crossover of a pair of rows, at a place on the other axis if there is one.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The record-at-a-time row.
    pub record: String,
    /// The micro-batch row.
    pub batch: String,
    /// Such as `parallelism 2`, where there is another axis.
    pub place: Option<String>,
    /// Where.
    pub crossover: Crossover,
    /// Why chance is not ruled out, if it is not.
    pub doubt: Option<Doubt>,
    noun: String,
}

impl Pair {
    /// In a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let text = self.what();
        let at = self.place.as_ref().map(|place| format!("At {place}: ")).unwrap_or_default();
        // A name keeps its own spelling; a sentence that begins with a word begins large.
        let text = match text.strip_prefix("no ") {
            Some(rest) if at.is_empty() => format!("No {rest}"),
            _ => text,
        };
        let compared = !matches!(self.crossover, Crossover::TooFew | Crossover::TooShort);
        match self.doubt.filter(|_| compared) {
            Some(doubt) => format!("{at}{text} {doubt}."),
            None => format!("{at}{text}."),
        }
    }

    /// Where it is, and why, without a beginning or an end.
    fn what(&self) -> String {
        let Self { record, batch, noun, .. } = self;
        let per_s = |rate: f64| format!("{} {noun}/s", units::quantity_short(rate));
        match self.crossover {
            Crossover::TooFew => format!(
                "{batch} and {record} have numbers at fewer than two common rates: no crossover can be looked for"
            ),
            Crossover::TooShort => format!(
                "{batch} and {record} were run too briefly to say at two common rates whether they keep up: no \
                 crossover can be looked for without a longer --duration"
            ),
            Crossover::Never { record_everywhere, from, to } => {
                let (from, to) = (per_s(from), per_s(to));
                if record_everywhere {
                    format!(
                        "no crossover within the range: {record} is ahead of {batch} at every rate from {from} to {to}"
                    )
                } else {
                    format!(
                        "no crossover within the range: {batch} is ahead of {record} at no rate from {from} to {to}"
                    )
                }
            }
            Crossover::Below { rate, above } if above.all() => format!(
                "{batch} is ahead of {record} from {} on, and {record} is ahead at no rate of the range: the crossover is below it, or there is none",
                per_s(rate)
            ),
            Crossover::Below { rate, above } => format!(
                "{batch} is ahead of {record} at {}{}, and {record} is ahead at no rate of the range: no crossover is to be seen",
                per_s(rate),
                above.said(", and above that at")
            ),
            Crossover::Between { above, at_most, lead, unsteady, beyond } => {
                let why = match lead {
                    Lead::BatchKeepsUp => format!("{record} no longer keeps up and {batch} does"),
                    _ => format!("both keep up and {batch} has the lower p99"),
                };
                let again =
                    if unsteady { "; below that the lead changes more than once" } else { "" };
                let beyond = beyond.said("; above that it is ahead at");
                format!(
                    "{batch} overtakes {record} between {} and {}: at {} {why}{beyond}{again}",
                    per_s(above),
                    per_s(at_most),
                    per_s(at_most)
                )
            }
            Crossover::NotLasting { batch: led, record: leads } => format!(
                "no lasting crossover: {batch} is ahead of {record} at {}, and {record} is ahead again at {}",
                per_s(led),
                per_s(leads)
            ),
        }
    }
}

/// The crossover of every record-at-a-time row with every micro-batch row, if the rate is an axis.
#[must_use]
pub fn crossovers(curves: &Curves) -> Vec<Pair> {
    let Some(axis) = curves.axis("rate") else { return Vec::new() };
    let other = (0..curves.axes.len()).find(|at| *at != axis);
    let mut places: Vec<Option<&AxisValue>> = vec![None];
    if let Some(other) = other {
        places = curves.axes[other].values.iter().map(Some).collect();
    }
    let of = |wanted: fn(&Series) -> bool| {
        curves.series.iter().enumerate().filter(move |(_, series)| wanted(series))
    };
    let mut pairs = Vec::new();
    for place in places {
        for (record_at, record) in of(|series| series.record_at_a_time) {
            for (batch_at, batch) in of(|series| series.micro_batch) {
                let both = both(curves, other, place, (record_at, batch_at));
                let setting = other.map_or("", |other| curves.axes[other].setting.as_str());
                pairs.push(Pair {
                    record: record.name.clone(),
                    batch: batch.name.clone(),
                    place: place.map(|value| format!("{setting} {}", value.text)),
                    crossover: crossover(&both),
                    doubt: both.iter().filter_map(Meeting::doubt).reduce(Doubt::worse),
                    noun: curves.noun.clone(),
                });
            }
        }
    }
    pairs
}

/// Two rows at a rate that both have numbers at.
struct Meeting<'a> {
    rate: f64,
    record: &'a Point,
    batch: &'a Point,
}

impl Meeting<'_> {
    /// Who leads, if both say whether they kept up.
    fn lead(&self) -> Option<Lead> {
        let side = |point: &Point| Some((point.sustained?, point.p99_ns));
        Some(Lead::of(side(self.record)?, side(self.batch)?))
    }

    /// Why chance is not ruled out.
    fn doubt(&self) -> Option<Doubt> {
        let lead = self.lead()?;
        let divided = |point: &Point| point.behind > 0 && point.behind < point.rounds;
        let by_keeping_up = self.record.sustained != self.batch.sustained;
        let divided = by_keeping_up && (divided(self.record) || divided(self.batch));
        Doubt::of(self.record.rounds, self.batch.rounds)
            .or((lead != Lead::Nobody && divided).then_some(Doubt::Divided))
    }
}

fn crossover(both: &[Meeting<'_>]) -> Crossover {
    let leads: Vec<(f64, Lead)> =
        both.iter().filter_map(|meeting| Some((meeting.rate, meeting.lead()?))).collect();
    match Crossover::of(&leads) {
        Crossover::TooFew if both.len() > 1 => Crossover::TooShort,
        found => found,
    }
}

/// The rates at which both have numbers.
fn both<'a>(
    curves: &'a Curves,
    other: Option<usize>,
    place: Option<&AxisValue>,
    (record, batch): (usize, usize),
) -> Vec<Meeting<'a>> {
    let here = |cell: &&super::curves::CellSummary| match (other, place) {
        (Some(other), Some(place)) => cell.at.get(other) == Some(place),
        _ => true,
    };
    let mut found = Vec::new();
    for cell in curves.cells.iter().filter(here) {
        let paced = |series: usize| {
            let row = cell.rows.iter().find(|row| row.series == series)?;
            row.points.iter().find(|point| point.load.is_some() && point.rounds > 0)
        };
        if let (Some(record), Some(batch)) = (paced(record), paced(batch))
            && let Some(rate) = record.offered_per_s
        {
            found.push(Meeting { rate, record, batch });
        }
    }
    found
}

#[cfg(test)]
mod tests;
