//! `stateful`: shopping sessions that are opened, filled and checked out.
//!
//! A record is an action of a shopper, who is named by a word of the input. Nine in ten add an item
//! to the shopper's basket, which is opened if there is none; its price, in cents, is a function of
//! the seed and the record's index. One in ten checks out: the basket is removed, and the shopper and
//! the basket's total are emitted; without a basket nothing happens. The answer is the sequence of
//! totals per shopper, in stream order. Baskets that are open at the end of the stream are no output.

use crate::{Disorder, InputError, OutputKind, Pull, Settings, Text, WordEvents, Workload};
use weir_dataflow::{
    Emit, Engine, Event, EventTime, Flow, KeyedTable, Source, UpdateState, hash_of,
};

/// The workload.
#[derive(Clone, Debug)]
pub struct Stateful {
    actions: Actions,
}

/// What a shopper does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Puts something in the basket; the price is in cents.
    Add(u32),
    /// Pays.
    CheckOut,
}

/// The stream of actions.
#[derive(Clone, Copy, Debug)]
struct Actions(WordEvents);

impl Actions {
    #[inline(always)]
    fn action(&self, index: u64) -> (Text, Action) {
        let noise = self.0.noise(index);
        let action = if noise.is_multiple_of(10) {
            Action::CheckOut
        } else {
            Action::Add((noise >> 32) as u32 % 10_000)
        };
        (self.0.word(index), action)
    }
}

impl Source for Actions {
    type Item = (Text, Action);
    #[inline(always)]
    fn record(&self, index: u64, scheduled: EventTime) -> Event<(Text, Action)> {
        Event { at: scheduled, watermark: scheduled, value: self.action(index) }
    }
    fn ordered(&self) -> bool {
        true
    }
    fn label(&self) -> String {
        "actions".into()
    }
}

#[derive(Clone, Copy, Debug)]
struct Basket;

impl UpdateState for Basket {
    type In = (Text, Action);
    type Key = Text;
    type Value = Action;
    type State = u64;
    type Out = (Text, u64);
    #[inline(always)]
    fn split(&self, input: (Text, Action)) -> (Text, Action) {
        input
    }
    #[inline(always)]
    fn update(
        &self,
        shopper: &Text,
        basket: &mut Option<u64>,
        action: Action,
        out: &mut impl Emit<(Text, u64)>,
    ) {
        match action {
            Action::Add(cents) => *basket = Some(basket.unwrap_or(0) + u64::from(cents)),
            Action::CheckOut => {
                if let Some(total) = basket.take() {
                    out.emit((*shopper, total));
                }
            }
        }
    }
    fn label(&self) -> String {
        "basket".into()
    }
}

impl Workload for Stateful {
    const NAME: &'static str = "stateful";
    const SUMMARY: &'static str = "shopping sessions: add to a basket, check out, emit the total";
    const RECORDS: &'static str = "actions";
    const COLUMNS: &'static [&'static str] = &["shopper", "total_cents"];
    const OUTPUT: OutputKind = OutputKind::All;
    const NOMINAL_RATE: u64 = 10_000_000;
    type Key = Text;
    type Value = u64;

    fn new(settings: &Settings) -> Result<Self, InputError> {
        let words = WordEvents::new(settings.corpus, settings.seed, Disorder::default());
        Ok(Self { actions: Actions(words) })
    }

    fn once(settings: &Settings) -> u64 {
        settings.corpus.words().len() as u64
    }

    fn build<E: Engine>(self, engine: &E) -> impl Flow<Item = (Text, u64), Engine = E> {
        engine.source(self.actions).update_state(Basket)
    }

    fn cost_loop(&self, pull: &mut Pull<'_>) -> Option<(Vec<(Text, u64)>, u64)> {
        let mut baskets: KeyedTable<Text, u64> = KeyedTable::new();
        let mut rows = Vec::new();
        while let Some(range) = pull.range() {
            for index in range {
                let (shopper, action) = self.actions.action(index);
                let hash = hash_of(&shopper);
                match action {
                    Action::Add(cents) => {
                        baskets.update(hash, shopper, || 0, |total| *total += u64::from(cents));
                    }
                    Action::CheckOut => rows.extend(baskets.remove(hash, &shopper)),
                }
            }
        }
        Some((rows, 0))
    }
}
