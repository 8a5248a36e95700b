//! What a checkpoint says.

use crate::SparkConf;
use crate::rdd::checkpoint::verify;
use crate::streaming::file_input::FILES;
use crate::streaming::lifecycle::{Graph, Shared};
use crate::streaming::meta::Meta;
use crate::streaming::{StreamingError, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Changes with the layout of [`Content`].
const VERSION: u32 = 1;

/// All of a checkpoint. Times are in nanoseconds on the context's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::streaming) struct Content {
    pub(in crate::streaming) time_ns: u64,
    pub(in crate::streaming) zero_ns: u64,
    pub(in crate::streaming) interval_ns: u64,
    /// Batches whose jobs had not all ended well.
    pub(in crate::streaming) pending_ns: Vec<u64>,
    pub(in crate::streaming) about: About,
    /// In the order of the graph, without its outputs.
    pub(in crate::streaming) streams: Vec<StreamSaved>,
}

/// What stays the same while a context runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::streaming) struct About {
    pub(in crate::streaming) conf: Arc<BTreeMap<String, String>>,
    /// The streams, then the outputs.
    pub(in crate::streaming) graph: Arc<[Shape]>,
}

impl About {
    pub(in crate::streaming) fn of(conf: &SparkConf, graph: &Graph) -> Self {
        let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        Self { conf: Arc::new(conf.all().map(own).collect()), graph: shape(graph).into() }
    }
}

/// What one stream keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::streaming) struct StreamSaved {
    /// Folders below the checkpoint directory, by the time of what they hold.
    pub(in crate::streaming) folders: BTreeMap<u64, PathBuf>,
    /// The kind of stream's own.
    pub(in crate::streaming) own: Vec<u8>,
}

/// A stream or an output, as far as a definition can be compared with another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::streaming) struct Shape {
    operation: String,
    item: String,
    parents: Vec<usize>,
    slide_ns: u64,
    window_ns: u64,
}

impl Shape {
    fn of(meta: &Meta) -> Self {
        Self {
            operation: meta.kind.operation.to_owned(),
            item: meta.item.to_owned(),
            parents: meta.parents.iter().map(|parent| parent.id).collect(),
            slide_ns: meta.kind.slide_ns,
            window_ns: meta.kind.window_ns,
        }
    }

    /// Whether it is a stream of the files of a directory.
    pub(in crate::streaming) fn is_of_files(&self) -> bool {
        self.operation == FILES
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |ns: u64| ns as f64 / 1e6;
        write!(f, "{} of {}, every {} ms", self.operation, self.item, ms(self.slide_ns))?;
        if self.window_ns > 0 {
            write!(f, " over {} ms", ms(self.window_ns))?;
        }
        match self.parents.as_slice() {
            [] => Ok(()),
            parents => write!(f, ", from stream {parents:?}"),
        }
    }
}

/// The shape of a graph: its streams, then its outputs.
pub(in crate::streaming) fn shape(graph: &Graph) -> Vec<Shape> {
    let streams = graph.streams.iter().map(|stream| Shape::of(stream.meta()));
    streams.chain(graph.outputs.iter().map(|output| Shape::of(&output.meta))).collect()
}

/// In what two graphs differ, a line for each place; nothing if they do not.
pub(in crate::streaming) fn difference(saved: &[Shape], defined: &[Shape]) -> Option<String> {
    if saved == defined {
        return None;
    }
    let mut text = String::new();
    for at in 0..saved.len().max(defined.len()) {
        let (before, now) = (saved.get(at), defined.get(at));
        if before != now {
            let show = |shape: Option<&Shape>| shape.map_or("nothing".into(), ToString::to_string);
            // Writing to a string does not fail.
            let _ = write!(
                text,
                "\n  {at}: the checkpoint has {}\n  {at}: the program has {}",
                show(before),
                show(now)
            );
        }
    }
    Some(text)
}

impl Content {
    /// What there is to say now, for a checkpoint of the batch at `time`.
    pub(in crate::streaming) fn of(shared: &Shared, time: Time, about: About) -> Option<Self> {
        let (directory, streams) = (shared.checkpointing()?, shared.all_streams()?);
        // First: a batch that ends meanwhile is run again rather than forgotten.
        let pending_ns = shared.pending_times().into_iter().map(Time::as_ns).collect();
        // What is made of others before what it is made of: where a state is in, so are the offsets of
        // all its batches, whatever batches are made meanwhile.
        let mut saved: Vec<_> =
            streams.iter().rev().map(|stream| stream.save(time, directory)).collect();
        saved.reverse();
        Some(Self {
            time_ns: time.as_ns(),
            zero_ns: shared.zero().as_ns(),
            interval_ns: shared.interval_ns,
            pending_ns,
            about,
            streams: saved,
        })
    }

    /// Every folder that it refers to, below the checkpoint directory.
    pub(in crate::streaming) fn folders(&self) -> impl Iterator<Item = &Path> {
        let folders = self.streams.iter().flat_map(|stream| stream.folders.values());
        folders.map(PathBuf::as_path)
    }

    /// Leaves out the folders of each stream that are damaged: a state can be made again from an older
    /// one. Says why where there is none.
    pub(in crate::streaming) fn without_damage(mut self, directory: &Path) -> Result<Self, String> {
        for stream in &mut self.streams {
            let mut damage = None;
            stream.folders.retain(|_, folder| {
                let checked = verify(&directory.join(folder));
                checked
                    .inspect_err(|why| log::warn!("another state is taken: {why}"))
                    .map_err(|why| damage = Some(why))
                    .is_ok()
            });
            if let (Some(why), true) = (damage, stream.folders.is_empty()) {
                return Err(why);
            }
        }
        Ok(self)
    }

    pub(in crate::streaming) fn to_bytes(&self) -> Result<Vec<u8>, StreamingError> {
        postcard::to_stdvec(&(VERSION, self)).map_err(|error| {
            StreamingError::Checkpoint(format!("it cannot be written down: {error}; report it"))
        })
    }

    /// Says why where the bytes are not a checkpoint of this version.
    pub(in crate::streaming) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let unreadable = |error: postcard::Error| format!("it cannot be read: {error}");
        let (version, rest): (u32, _) = postcard::take_from_bytes(bytes).map_err(unreadable)?;
        if version != VERSION {
            return Err(format!("it is of version {version}, and this is version {VERSION}"));
        }
        postcard::from_bytes(rest).map_err(unreadable)
    }
}
