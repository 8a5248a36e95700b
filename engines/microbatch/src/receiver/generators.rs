//! The block generators of a receiver.

use super::{BlockGenerator, BlockGeneratorListener, ReceiverError};
use crate::settings::Settings;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use weir_dataflow::Clock;

/// Makes block generators for a receiver that stores in its own way, such as one that has to know which
/// of its records are in which block, and keeps them at the receiver's rate.
pub struct BlockGenerators {
    stream_id: usize,
    settings: Settings,
    clock: Arc<dyn Clock>,
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    generators: Vec<Arc<dyn Generator>>,
    /// What the receiver's rate was last set to.
    rate: Option<i64>,
}

/// A block generator without its types.
trait Generator: Send + Sync {
    fn is_stopped(&self) -> bool;
    fn stop(&self);
    fn update_rate(&self, records_per_s: i64);
}

impl<T: Send + 'static, M: Send + 'static> Generator for BlockGenerator<T, M> {
    fn is_stopped(&self) -> bool {
        self.is_stopped()
    }
    fn stop(&self) {
        self.stop();
    }
    fn update_rate(&self, records_per_s: i64) {
        self.update_rate(records_per_s);
    }
}

impl BlockGenerators {
    pub(super) fn new(stream_id: usize, settings: &Settings, clock: Arc<dyn Clock>) -> Self {
        Self { stream_id, settings: settings.clone(), clock, made: Mutex::default() }
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A generator that tells `listener` of its blocks, and that has started. Those that have been
    /// stopped are forgotten.
    pub(super) fn make<T: Send + 'static, M: Send + 'static>(
        &self,
        listener: Arc<dyn BlockGeneratorListener<T, M>>,
    ) -> Result<Arc<BlockGenerator<T, M>>, ReceiverError> {
        let clock = Arc::clone(&self.clock);
        let made = BlockGenerator::new(self.stream_id, &self.settings, clock, listener);
        let generator = Arc::new(made.map_err(|error| ReceiverError::Failed(error.to_string()))?);
        let mut all = self.made();
        if let Some(rate) = all.rate {
            generator.update_rate(rate);
        }
        generator.start()?;
        all.generators.retain(|other| !other.is_stopped());
        all.generators.push(Arc::clone(&generator) as Arc<dyn Generator>);
        Ok(generator)
    }

    /// Stops those that run.
    pub(super) fn stop(&self) {
        let all = std::mem::take(&mut self.made().generators);
        all.iter().filter(|one| !one.is_stopped()).for_each(|one| one.stop());
    }

    pub(super) fn update_rate(&self, records_per_s: i64) {
        let mut made = self.made();
        made.rate = Some(records_per_s);
        made.generators.iter().for_each(|one| one.update_rate(records_per_s));
    }
}

impl std::fmt::Debug for BlockGenerators {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("BlockGenerators");
        out.field("stream_id", &self.stream_id).field("made", &self.made().generators.len());
        out.finish_non_exhaustive()
    }
}
