//! Where requests wait.

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use thiserror::Error;
use weir_topology::{RegisteredWaker, Values, Waker, Wakers};

/// A request without an answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DrpcError {
    /// A batch that it was in failed. Storm's `DRPCExecutionException`.
    #[error("the request to {function} failed: make it again")]
    Failed {
        /// What was asked.
        function: String,
    },
    /// No answer came.
    #[error(
        "no answer to a request to {function} after {} s: is a topology with this function running?",
        .after.as_secs_f64()
    )]
    TimedOut {
        /// What was asked.
        function: String,
        /// How long was waited.
        after: Duration,
    },
}

/// Who gets the answer to a request.
#[derive(Debug)]
pub(crate) struct ReturnInfo(pub(super) Sender<Option<Vec<Values>>>);

impl ReturnInfo {
    /// Gives the answer, `None` if it failed. The first is the one that counts.
    pub(crate) fn answer(&self, rows: Option<Vec<Values>>) {
        // Whoever asked may have gone, or have an answer already.
        let _ = self.0.try_send(rows);
    }
}

/// A request that waits.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) args: String,
    pub(crate) info: Arc<ReturnInfo>,
}

#[derive(Default)]
struct Function {
    waiting: VecDeque<Request>,
    wakers: Wakers,
}

struct Shared {
    functions: Mutex<BTreeMap<String, Function>>,
    timeout: Duration,
}

/// Takes requests and hands them to the topologies of this process that answer them: those with a
/// [`new_drpc_stream`](crate::TridentTopology::new_drpc_stream) of that function. Clones are the same.
/// Storm's class of that name.
#[derive(Clone)]
pub struct LocalDrpc(Arc<Shared>);

impl Default for LocalDrpc {
    fn default() -> Self {
        Self::new()
    }
}

impl LocalDrpc {
    /// Waits 600 s for answers, as Storm does unless `drpc.request.timeout.secs` is set.
    #[must_use]
    pub fn new() -> Self {
        Self::with_timeout(Duration::from_secs(600))
    }

    /// Waits so long for answers.
    #[must_use]
    pub fn with_timeout(timeout: Duration) -> Self {
        Self(Arc::new(Shared { functions: Mutex::default(), timeout }))
    }

    fn functions(&self) -> MutexGuard<'_, BTreeMap<String, Function>> {
        self.0.functions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks a function and waits for the answer: the tuples that its stream ends with, as JSON.
    pub fn execute(&self, function: &str, args: &str) -> Result<String, DrpcError> {
        self.execute_tuples(function, args).map(|rows| super::json::rows(&rows))
    }

    /// Asks a function and waits for the answer: the tuples that its stream ends with.
    pub fn execute_tuples(&self, function: &str, args: &str) -> Result<Vec<Values>, DrpcError> {
        let (sender, answer) = bounded(1);
        let request = Request { args: args.to_owned(), info: Arc::new(ReturnInfo(sender)) };
        // Not what keeps it: whoever has the request lets go of it if there will be no answer.
        let info = Arc::downgrade(&request.info);
        let wakers = {
            let mut functions = self.functions();
            let asked = functions.entry(function.to_owned()).or_default();
            asked.waiting.push_back(request);
            asked.wakers.clone()
        };
        wakers.wake();
        let function = function.to_owned();
        match answer.recv_timeout(self.0.timeout) {
            Ok(Some(rows)) => Ok(rows),
            // A topology that ends lets go of the requests that it has taken.
            Ok(None) | Err(RecvTimeoutError::Disconnected) => Err(DrpcError::Failed { function }),
            Err(RecvTimeoutError::Timeout) => {
                // Nobody waits for it any more: a topology that begins now is not to do it.
                if let Some(asked) = self.functions().get_mut(&function) {
                    asked.waiting.retain(|request| Arc::as_ptr(&request.info) != info.as_ptr());
                }
                Err(DrpcError::TimedOut { function, after: self.0.timeout })
            }
        }
    }

    /// A task that takes requests wants to be woken when there is one.
    pub(super) fn register(&self, function: &str, waker: Waker) -> RegisteredWaker {
        self.functions().entry(function.to_owned()).or_default().wakers.add(waker)
    }

    pub(super) fn take(&self, function: &str) -> Option<Request> {
        self.functions().get_mut(function)?.waiting.pop_front()
    }
}

impl fmt::Debug for LocalDrpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let functions = self.functions();
        let waiting = functions.iter().map(|(name, function)| (name, function.waiting.len()));
        f.debug_map().entries(waiting).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_topology::{Config, KillOptions, LocalCluster};

    #[test]
    fn who_takes_requests_is_woken_until_its_topology_has_ended() {
        let server = LocalDrpc::with_timeout(Duration::from_secs(20));
        let topology = crate::TridentTopology::new();
        let _ = topology.new_drpc_stream("f", &server).project(["args"]);
        let built = topology.build().expect("a topology");
        let cluster = LocalCluster::new();
        let running = cluster.submit_topology("t", Config::new(), built).expect("submitted");
        server.execute("f", "x").expect("an answer");
        let woken = || server.functions()["f"].wakers.len();
        assert_eq!(woken(), 1);
        running.kill(KillOptions::NOW).expect("it ends");
        assert_eq!(woken(), 0);
    }

    #[test]
    fn a_request_that_nobody_waits_for_any_more_is_not_answered() {
        let server = LocalDrpc::with_timeout(Duration::from_millis(1));
        let error = server.execute("f", "x").expect_err("no topology");
        assert!(matches!(error, DrpcError::TimedOut { .. }), "{error}");
        assert!(server.take("f").is_none());
    }
}
