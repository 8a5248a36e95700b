//! The spout that requests come through.

use super::{LocalDrpc, Request, ReturnInfo};
use crate::batch::BatchId;
use crate::coordinator::refuse_without_ackers;
use crate::output::Outputs;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_topology::{
    ComponentResult, Config, OutputFieldsDeclarer, RegisteredWaker, RichSpout,
    SpoutOutputCollector, TaskId, TopologyContext, Value, Values, values,
};

/// The fields of requests: what is asked, and who wants to know.
pub(crate) const FIELDS: [&str; 2] = ["args", "return-info"];

/// Makes a batch of each request. Storm's `DRPCSpout` within a `RichSpoutBatchTriggerer`.
pub(crate) struct DrpcSpout {
    function: String,
    server: LocalDrpc,
    registered: Option<RegisteredWaker>,
    outputs: Outputs,
    coord_stream: String,
    /// The components that get its tuples, and then their tasks.
    targets: Vec<String>,
    tasks: Vec<TaskId>,
    /// The number of the last request of this task, behind what tells tasks apart.
    last: i64,
    /// What has not been acked of a request.
    open: BTreeMap<i64, (usize, Arc<ReturnInfo>)>,
}

impl DrpcSpout {
    pub(crate) fn new(
        function: &str,
        server: &LocalDrpc,
        outputs: Outputs,
        coord_stream: &str,
        targets: Vec<String>,
    ) -> Self {
        Self {
            function: function.to_owned(),
            server: server.clone(),
            registered: None,
            outputs,
            coord_stream: coord_stream.to_owned(),
            targets,
            tasks: Vec::new(),
            last: 0,
            open: BTreeMap::new(),
        }
    }

    fn emit(&mut self, request: Request, out: &mut SpoutOutputCollector) -> ComponentResult {
        self.last += 1;
        let (id, mut sent) = (self.last, BTreeMap::<TaskId, i64>::new());
        let batch = BatchId::Request(id).to_value();
        let info = Value::object(Arc::clone(&request.info));
        let row: Values = values![batch.clone(), request.args, info];
        for output in &self.outputs.0 {
            if output.identity.is_none() {
                for task in out.emit_to(&output.stream, row.clone(), ())? {
                    *sent.entry(*task).or_default() += 1;
                }
                continue;
            }
            for task in output.targets() {
                out.emit_direct(*task, &output.stream, row.clone(), ())?;
                *sent.entry(*task).or_default() += 1;
            }
        }
        self.open.insert(id, (self.tasks.len(), request.info));
        for task in &self.tasks {
            let report = values![batch.clone(), sent.get(task).copied().unwrap_or(0)];
            out.emit_direct(*task, &self.coord_stream, report, id)?;
        }
        Ok(())
    }
}

impl RichSpout for DrpcSpout {
    fn open(&mut self, _conf: &Config, context: &TopologyContext) -> ComponentResult {
        refuse_without_ackers(context)?;
        self.outputs.prepare(context);
        let tasks = self.targets.iter().flat_map(|id| context.component_tasks(id));
        self.tasks = tasks.copied().collect();
        // Ids of requests differ from task to task, and from those of a task that was here before.
        let moment = i64::try_from(context.now_ns() >> 10).unwrap_or(0) & 0xffff_ffff;
        self.last = (i64::from(context.task_id()) << 48) + (moment << 16);
        self.registered = Some(self.server.register(&self.function, context.waker()));
        Ok(())
    }

    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        match self.server.take(&self.function) {
            Some(request) => self.emit(request, out),
            None => Ok(()),
        }
    }

    fn ack(&mut self, message_id: Value) -> ComponentResult {
        let id = message_id.as_int().unwrap_or(0);
        if let Some((open, _)) = self.open.get_mut(&id) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                self.open.remove(&id);
            }
        }
        Ok(())
    }

    fn fail(&mut self, message_id: Value) -> ComponentResult {
        if let Some((_, info)) = self.open.remove(&message_id.as_int().unwrap_or(0)) {
            info.answer(None);
        }
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        self.outputs.declare(declarer);
        declarer.declare_stream_direct(&self.coord_stream, ["id", "count"]);
    }
}
