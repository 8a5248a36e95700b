//! Schedules behind the engines' [`Load`].

use super::arrivals::Schedule;
use std::sync::{Mutex, PoisonError};
use weir_dataflow::{Claim, Load};

/// Records become due over time, as a [`Schedule`] says. The run is over once all that the schedule
/// holds have been claimed; no engine can end it early by being slow. Scheduled times of records past
/// the end are `u64::MAX`: never.
#[derive(Clone, Debug)]
pub struct PacedLoad {
    schedule: Schedule,
}

impl PacedLoad {
    /// The load of a schedule whose horizon is warm-up plus measured phase.
    #[must_use]
    pub const fn new(schedule: Schedule) -> Self {
        Self { schedule }
    }

    /// What it follows.
    #[must_use]
    pub const fn schedule(&self) -> &Schedule {
        &self.schedule
    }
}

impl Load for PacedLoad {
    fn paced(&self) -> bool {
        true
    }

    fn count_before(&self, t_ns: u64) -> u64 {
        self.schedule.count_before(t_ns)
    }

    fn scheduled_ns(&self, first: u64, step: u64, out: &mut [u64]) {
        self.schedule.fill(first, step, out);
    }

    /// A record scheduled at just `now_ns` is due.
    fn claim(&self, _upto: u64, now_ns: u64) -> Claim {
        let limit = self.schedule.count_before(now_ns.saturating_add(1));
        Claim { limit, closed: limit == self.schedule.total() }
    }
}

/// Every record is due at once, until the time is over.
///
/// Claimants share one high-water mark of what was granted. The first claim at or after the deadline
/// freezes it; from then on every claimant is sent to the same final limit, so that no record below
/// it is left out however the claims interleave.
#[derive(Debug)]
pub struct SaturationLoad {
    nominal: Schedule,
    deadline_ns: u64,
    most: u64,
    granted: Mutex<Granted>,
}

#[derive(Debug, Default)]
struct Granted {
    upto: u64,
    is_final: bool,
}

impl SaturationLoad {
    /// Grants records until `deadline_ns` from the start of the run. `nominal` is the time axis that
    /// event times and windows are on: usually [`Shape::Max`](super::Shape::Max), which has no end.
    #[must_use]
    pub fn new(nominal: Schedule, deadline_ns: u64) -> Self {
        let most = nominal.total();
        Self { nominal, deadline_ns, most, granted: Mutex::default() }
    }

    /// The same, ended after `records` if that comes first.
    #[must_use]
    pub fn capped(mut self, records: u64) -> Self {
        self.most = self.most.min(records);
        self
    }

    /// How many records have been granted so far; final once the deadline was seen.
    #[must_use]
    pub fn granted(&self) -> u64 {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner).upto
    }
}

impl Load for SaturationLoad {
    fn paced(&self) -> bool {
        false
    }

    fn count_before(&self, t_ns: u64) -> u64 {
        self.nominal.count_before(t_ns)
    }

    fn scheduled_ns(&self, first: u64, step: u64, out: &mut [u64]) {
        self.nominal.fill(first, step, out);
    }

    fn claim(&self, upto: u64, now_ns: u64) -> Claim {
        let mut granted = self.granted.lock().unwrap_or_else(PoisonError::into_inner);
        granted.is_final |= now_ns >= self.deadline_ns || granted.upto == self.most;
        if granted.is_final {
            return Claim { limit: granted.upto, closed: true };
        }
        let limit = upto.min(self.most);
        granted.upto = granted.upto.max(limit);
        granted.is_final = granted.upto == self.most;
        Claim { limit, closed: limit == self.most }
    }
}
