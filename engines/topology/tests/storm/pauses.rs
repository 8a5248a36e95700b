//! Executors that are down for a while, because they die again and again: when they pause, and what
//! the rest does meanwhile.

use crate::deaths::{die, restarts, submit};
use crate::ending::meanwhile;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use weir_topology::{
    ComponentResult, KillOptions, LocalCluster, OutputCollector, OutputFieldsDeclarer, RichBolt,
    RichSpout, SpoutOutputCollector, StormTopology, TopologyBuilder, Tuple, Value, values,
};

/// Where a component dies, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    NextTuple,
    Ack,
    Execute,
    WakeAt,
}

/// A spout or bolt that starts well, and dies of its work.
#[derive(Clone)]
struct Hopeless {
    place: Place,
    deaths: Arc<AtomicUsize>,
    /// Whether its message has been sent, and has not failed since.
    sent: bool,
}

impl Hopeless {
    fn new(place: Place) -> Self {
        Self { place, deaths: Arc::default(), sent: false }
    }

    fn at(&self, place: Place) {
        if place == self.place {
            self.deaths.fetch_add(1, Ordering::SeqCst);
            die();
        }
    }
}

impl RichSpout for Hopeless {
    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        self.at(Place::NextTuple);
        if !std::mem::replace(&mut self.sent, true) {
            out.emit(values![1], 1)?;
        }
        Ok(())
    }
    fn ack(&mut self, _: Value) -> ComponentResult {
        self.at(Place::Ack);
        Ok(())
    }
    fn fail(&mut self, _: Value) -> ComponentResult {
        self.sent = false;
        Ok(())
    }
    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["x"]);
    }
}

impl RichBolt for Hopeless {
    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        self.at(Place::Execute);
        out.ack(&tuple);
        Ok(())
    }
    fn wake_at(&self) -> Option<u64> {
        self.at(Place::WakeAt);
        None
    }
}

fn hopeless(who: &Hopeless) -> StormTopology {
    let (spout, bolt) = (who.clone(), who.clone());
    let mut builder = TopologyBuilder::new();
    builder.set_spout("spout", move || spout.clone(), 1);
    let _ = builder.set_bolt("bolt", move || bolt.clone(), 1).shuffle_grouping("spout");
    builder.create_topology().expect("a topology")
}

/// To have started is no success: what dies of its first work each time would do so for ever, at one
/// and the same time of a clock that stands still.
#[test]
fn what_dies_of_its_first_work_pauses_between_starts() {
    for place in [Place::NextTuple, Place::Ack, Place::Execute, Place::WakeAt] {
        let (who, cluster) = (Hopeless::new(place), Arc::new(LocalCluster::with_simulated_time()));
        let (topology, on) = (hopeless(&who), Arc::clone(&cluster));
        let running = meanwhile(move || submit(&on, topology, restarts(-1))).result();
        let mut deaths = vec![who.deaths.load(Ordering::SeqCst)];
        let ms = Duration::from_millis;
        for (time, step) in [(9, 1), (1, 1), (19, 1), (1, 1), (20_000, 1_000)] {
            cluster.advance_time_in_steps(ms(time), ms(step));
            deaths.push(who.deaths.load(Ordering::SeqCst));
        }
        // What comes for a bolt that is down gets lost, and nothing else comes before that times out.
        let want = if place == Place::Execute { [2; 6] } else { [2, 2, 3, 3, 4, 24] };
        assert_eq!(deaths, want, "{place:?}");
        running.kill(KillOptions::NOW).expect("it ends");
    }
}
