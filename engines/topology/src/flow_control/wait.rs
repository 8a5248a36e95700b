//! What a thread does that has nothing to do.

use crate::{Config, TopologyError};
use std::time::Duration;

/// What to do before looking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Nothing: look again at once.
    Spin,
    /// Wait for so long, or less.
    Park(Duration),
    /// Wait on the queue itself, until there is something.
    Block,
}

impl Pause {
    /// Takes it, where there is no queue to wait on: then [`Block`](Self::Block) is a millisecond. It
    /// is real time that passes, also under a clock that stands still, and `Thread::unpark` cuts it
    /// short.
    pub fn take(self) {
        match self {
            Self::Spin => std::hint::spin_loop(),
            Self::Park(time) => std::thread::park_timeout(time),
            Self::Block => std::thread::park_timeout(Duration::from_millis(1)),
        }
    }
}

/// How a thread waits that has nothing to do, or no room for what it has done: Storm's
/// `IWaitStrategy`, as data.
///
/// A thread counts its idle rounds, from 0 whenever there has been something to do, and takes the
/// [`Pause`] of each.
///
/// ```
/// use weir_topology::flow_control::{Pause, WaitStrategy};
/// let park = WaitStrategy::Park { micros: 100 };
/// assert_eq!(park.idle(7), (Pause::Park(std::time::Duration::from_micros(100)), 8));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitStrategy {
    /// No pause for `level1` rounds, the shortest for `level2` more, and then one of `level3_millis`.
    Progressive {
        /// Rounds without a pause.
        level1: u32,
        /// Rounds with the shortest pause, after those.
        level2: u32,
        /// The pause after that, in milliseconds.
        level3_millis: u64,
    },
    /// The same pause each round; 0 is [`BusySpin`](Self::BusySpin).
    Park {
        /// The pause, in microseconds.
        micros: u64,
    },
    /// No pause: the lowest latency, for one core.
    BusySpin,
    /// On the queue itself, where there is one: weir's default for bolts.
    Block,
}

impl std::fmt::Display for WaitStrategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Progressive { level1, level2, level3_millis } => {
                write!(f, "progressive {level1}/{level2}/{level3_millis} ms")
            }
            Self::Park { micros } => write!(f, "park {micros} us"),
            Self::BusySpin => f.write_str("busy"),
            Self::Block => f.write_str("block"),
        }
    }
}

/// The names of a strategy's settings.
struct Keys {
    strategy: &'static str,
    level1: &'static str,
    level2: &'static str,
    level3_millis: &'static str,
    park_micros: &'static str,
    /// Of a use that has the strategy of older topologies, too.
    sleep_millis: Option<&'static str>,
}

impl Keys {
    fn names(&self) -> &'static str {
        match self.sleep_millis {
            Some(_) => "progressive, park, busy, block or sleep",
            None => "progressive, park, busy or block",
        }
    }
}

impl WaitStrategy {
    /// How a spout waits that emitted nothing: `topology.spout.wait.strategy` and what belongs to it.
    pub fn of_spout(conf: &Config) -> Result<Self, TopologyError> {
        Self::of(
            conf,
            &Keys {
                strategy: Config::TOPOLOGY_SPOUT_WAIT_STRATEGY,
                level1: Config::TOPOLOGY_SPOUT_WAIT_PROGRESSIVE_LEVEL1_COUNT,
                level2: Config::TOPOLOGY_SPOUT_WAIT_PROGRESSIVE_LEVEL2_COUNT,
                level3_millis: Config::TOPOLOGY_SPOUT_WAIT_PROGRESSIVE_LEVEL3_SLEEP_MILLIS,
                park_micros: Config::TOPOLOGY_SPOUT_WAIT_PARK_MICROSEC,
                sleep_millis: Some(Config::TOPOLOGY_SLEEP_SPOUT_WAIT_STRATEGY_TIME_MS),
            },
        )
    }

    /// How a bolt waits that has no input: `topology.bolt.wait.strategy` and what belongs to it.
    pub fn of_bolt(conf: &Config) -> Result<Self, TopologyError> {
        Self::of(
            conf,
            &Keys {
                strategy: Config::TOPOLOGY_BOLT_WAIT_STRATEGY,
                level1: Config::TOPOLOGY_BOLT_WAIT_PROGRESSIVE_LEVEL1_COUNT,
                level2: Config::TOPOLOGY_BOLT_WAIT_PROGRESSIVE_LEVEL2_COUNT,
                level3_millis: Config::TOPOLOGY_BOLT_WAIT_PROGRESSIVE_LEVEL3_SLEEP_MILLIS,
                park_micros: Config::TOPOLOGY_BOLT_WAIT_PARK_MICROSEC,
                sleep_millis: None,
            },
        )
    }

    /// How a producer waits for room in a queue of its own making: what
    /// `topology.backpressure.wait.strategy` and what belongs to it say. Executors take no notice of it:
    /// see [`Config::TOPOLOGY_BACKPRESSURE_WAIT_STRATEGY`].
    pub fn of_back_pressure(conf: &Config) -> Result<Self, TopologyError> {
        Self::of(
            conf,
            &Keys {
                strategy: Config::TOPOLOGY_BACKPRESSURE_WAIT_STRATEGY,
                level1: Config::TOPOLOGY_BACKPRESSURE_WAIT_PROGRESSIVE_LEVEL1_COUNT,
                level2: Config::TOPOLOGY_BACKPRESSURE_WAIT_PROGRESSIVE_LEVEL2_COUNT,
                level3_millis: Config::TOPOLOGY_BACKPRESSURE_WAIT_PROGRESSIVE_LEVEL3_SLEEP_MILLIS,
                park_micros: Config::TOPOLOGY_BACKPRESSURE_WAIT_PARK_MICROSEC,
                sleep_millis: None,
            },
        )
    }

    fn of(conf: &Config, keys: &Keys) -> Result<Self, TopologyError> {
        let count = |key| conf.count(key).map(|count| count.unwrap_or(0));
        let rounds = |key| count(key).map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        let name = conf.text(keys.strategy)?.unwrap_or_default();
        let sleeps_millis = keys.sleep_millis.map(count).transpose()?;
        match name.rsplit('.').next().unwrap_or_default() {
            "progressive" | "WaitStrategyProgressive" => Ok(Self::Progressive {
                level1: rounds(keys.level1)?,
                level2: rounds(keys.level2)?,
                level3_millis: count(keys.level3_millis)? as u64,
            }),
            "park" | "WaitStrategyPark" => {
                Ok(Self::Park { micros: count(keys.park_micros)? as u64 })
            }
            "busy" => Ok(Self::BusySpin),
            "block" => Ok(Self::Block),
            "sleep" | "SleepSpoutWaitStrategy" if let Some(millis) = sleeps_millis => {
                Ok(Self::Park { micros: (millis as u64).saturating_mul(1_000) })
            }
            _ => Err(TopologyError::BadSetting {
                key: keys.strategy.to_owned(),
                value: name,
                wanted: keys.names().to_owned(),
            }),
        }
    }

    /// What to do in idle round `round`, and which round is the next.
    #[must_use]
    pub fn idle(self, round: u32) -> (Pause, u32) {
        let next = round.saturating_add(1);
        match self {
            Self::Progressive { level1, .. } if round < level1 => (Pause::Spin, next),
            Self::Progressive { level1, level2, .. } if round < level1.saturating_add(level2) => {
                (Pause::Park(Duration::from_nanos(1)), next)
            }
            // The rounds are not counted any further, so that the count cannot run over.
            Self::Progressive { level3_millis, .. } => {
                (Pause::Park(Duration::from_millis(level3_millis)), round)
            }
            Self::Park { micros: 0 } | Self::BusySpin => (Pause::Spin, 1),
            Self::Park { micros } => (Pause::Park(Duration::from_micros(micros)), next),
            Self::Block => (Pause::Block, next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progressive_pauses_get_longer() {
        let strategy = WaitStrategy::Progressive { level1: 2, level2: 3, level3_millis: 4 };
        let (nano, millis) = (Duration::from_nanos(1), Duration::from_millis(4));
        for (round, want) in [
            (0, (Pause::Spin, 1)),
            (1, (Pause::Spin, 2)),
            (2, (Pause::Park(nano), 3)),
            (4, (Pause::Park(nano), 5)),
            (5, (Pause::Park(millis), 5)),
            (u32::MAX, (Pause::Park(millis), u32::MAX)),
        ] {
            assert_eq!(strategy.idle(round), want, "round {round}");
        }
    }

    #[test]
    fn the_others_pause_alike_each_round() {
        for round in [0, 1, 1000, u32::MAX] {
            let next = round.saturating_add(1);
            let park = Pause::Park(Duration::from_micros(5));
            assert_eq!(WaitStrategy::Park { micros: 5 }.idle(round), (park, next));
            assert_eq!(WaitStrategy::Park { micros: 0 }.idle(round), (Pause::Spin, 1));
            assert_eq!(WaitStrategy::BusySpin.idle(round), (Pause::Spin, 1));
            assert_eq!(WaitStrategy::Block.idle(round), (Pause::Block, next));
        }
    }

    #[test]
    fn strategies_are_configured_by_name_and_storms_class_names() {
        let (conf, key) = (Config::new(), Config::TOPOLOGY_BOLT_WAIT_STRATEGY);
        let progressive =
            |level1, level2| WaitStrategy::Progressive { level1, level2, level3_millis: 1 };
        assert_eq!(WaitStrategy::of_spout(&conf), Ok(progressive(0, 0)));
        assert_eq!(WaitStrategy::of_bolt(&conf), Ok(WaitStrategy::Block));
        assert_eq!(WaitStrategy::of_back_pressure(&conf), Ok(progressive(1, 1000)));
        for (name, want) in [
            ("progressive", progressive(1, 1000)),
            ("org.apache.storm.policy.WaitStrategyProgressive", progressive(1, 1000)),
            ("park", WaitStrategy::Park { micros: 100 }),
            ("org.apache.storm.policy.WaitStrategyPark", WaitStrategy::Park { micros: 100 }),
            ("busy", WaitStrategy::BusySpin),
            ("block", WaitStrategy::Block),
        ] {
            assert_eq!(WaitStrategy::of_bolt(&conf.clone().set(key, name)), Ok(want), "{name}");
        }
        let error = WaitStrategy::of_bolt(&conf.set(key, "dozing")).expect_err("unknown");
        assert_eq!(
            error.to_string(),
            "topology.bolt.wait.strategy is dozing: it must be progressive, park, busy or block"
        );
    }

    /// The strategy that spouts had before Storm 2.
    #[test]
    fn only_spouts_sleep() {
        let (spout, bolt) =
            (Config::TOPOLOGY_SPOUT_WAIT_STRATEGY, Config::TOPOLOGY_BOLT_WAIT_STRATEGY);
        for name in ["sleep", "org.apache.storm.spout.SleepSpoutWaitStrategy"] {
            let conf = Config::new().set(spout, name).set(bolt, name);
            let park = |micros| Ok(WaitStrategy::Park { micros });
            assert_eq!(WaitStrategy::of_spout(&conf), park(1_000));
            assert!(WaitStrategy::of_bolt(&conf).is_err(), "{name}");
            let conf = conf.set(Config::TOPOLOGY_SLEEP_SPOUT_WAIT_STRATEGY_TIME_MS, 7);
            assert_eq!(WaitStrategy::of_spout(&conf), park(7_000));
        }
    }

    #[test]
    fn levels_are_configured_for_each_use() {
        let conf = Config::new()
            .set(Config::TOPOLOGY_SPOUT_WAIT_PROGRESSIVE_LEVEL1_COUNT, 3)
            .set(Config::TOPOLOGY_BACKPRESSURE_WAIT_PROGRESSIVE_LEVEL2_COUNT, 4)
            .set(Config::TOPOLOGY_BACKPRESSURE_WAIT_PROGRESSIVE_LEVEL3_SLEEP_MILLIS, 5);
        assert_eq!(
            WaitStrategy::of_spout(&conf),
            Ok(WaitStrategy::Progressive { level1: 3, level2: 0, level3_millis: 1 })
        );
        assert_eq!(
            WaitStrategy::of_back_pressure(&conf),
            Ok(WaitStrategy::Progressive { level1: 1, level2: 4, level3_millis: 5 })
        );
    }
}
