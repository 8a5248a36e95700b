//! Lines of text from a TCP connection.

use super::{Receiver, ReceiverError, ReceiverHandle};
use crate::lines::{Line, LineReader};
use crate::settings::{SettingError, Settings};
use std::io::{Error, ErrorKind};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long one address is tried. A refusal comes at once; this is for a host that says nothing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest line, unless another length is asked for.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// The setting of that length: one of this engine, as Spark takes lines of any length.
const MAX_LINE_KEY: &str = "weir.streaming.socket.maxLineBytes";

/// Connects to a server and stores every line that it sends: UTF-8, ended by `\n`, `\r` or `\r\n`.
/// Connects again, after the restart delay, when the server cannot be reached or ends the connection.
/// A line of more than 1 MiB, or what is set, is reported and skipped: it takes no memory however long
/// it is.
#[derive(Debug)]
pub struct SocketReceiver {
    connection: Connection,
    max_line_bytes: usize,
}

impl SocketReceiver {
    /// A receiver of what `host` sends at `port`.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        let max_line_bytes = MAX_LINE_BYTES as usize;
        Self { connection: Connection::new("socket", host, port), max_line_bytes }
    }

    /// A receiver with the longest line that is set: `weir.streaming.socket.maxLineBytes`.
    ///
    /// # Errors
    ///
    /// The setting is not a size.
    pub fn with_settings(host: &str, port: u16, settings: &Settings) -> Result<Self, SettingError> {
        let bytes = settings.bytes(MAX_LINE_KEY, MAX_LINE_BYTES)?;
        Ok(Self::new(host, port).max_line_bytes(usize::try_from(bytes).unwrap_or(usize::MAX)))
    }

    /// Allows lines of so many bytes.
    #[must_use]
    pub const fn max_line_bytes(mut self, bytes: usize) -> Self {
        self.max_line_bytes = bytes;
        self
    }
}

impl Receiver<String> for SocketReceiver {
    fn on_start(&mut self, handle: ReceiverHandle<String>) -> Result<(), ReceiverError> {
        let max_bytes = self.max_line_bytes;
        self.connection.start(handle, move |stream, handle| {
            let mut lines = LineReader::new(stream, max_bytes);
            while let Some(line) = lines.next_line()? {
                if handle.is_stopped() {
                    break;
                }
                match line {
                    Line::Text(text) => {
                        handle.store(text).map_err(|error| Error::other(error.to_string()))?;
                    }
                    Line::TooLong { bytes } => handle.report_error(
                        "Skipped a line that is too long",
                        &format!(
                            "it has {bytes} bytes, {max_bytes} are allowed; raise {MAX_LINE_KEY}"
                        ),
                    ),
                }
            }
            Ok(())
        })
    }

    fn on_stop(&mut self) {
        self.connection.stop();
    }
}

/// Connects to a server and stores the records that a function finds in what it sends. Connects again
/// as [`SocketReceiver`] does.
pub struct ConvertingSocketReceiver<F> {
    connection: Connection,
    convert: Arc<F>,
}

impl<F> ConvertingSocketReceiver<F> {
    /// A receiver of what `host` sends at `port`. `convert` is called with every connection.
    pub fn new(host: &str, port: u16, convert: F) -> Self {
        let connection = Connection::new("socket", host, port);
        Self { connection, convert: Arc::new(convert) }
    }
}

impl<F> std::fmt::Debug for ConvertingSocketReceiver<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConvertingSocketReceiver")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

impl<T, I, F> Receiver<T> for ConvertingSocketReceiver<F>
where
    T: 'static,
    I: Iterator<Item = std::io::Result<T>>,
    F: Fn(TcpStream) -> I + Send + Sync + 'static,
{
    fn on_start(&mut self, handle: ReceiverHandle<T>) -> Result<(), ReceiverError> {
        let convert = Arc::clone(&self.convert);
        self.connection.start(handle, move |stream, handle| {
            for record in convert(stream) {
                let record = record?;
                if handle.is_stopped() {
                    break;
                }
                handle.store(record).map_err(|error| Error::other(error.to_string()))?;
            }
            Ok(())
        })
    }

    fn on_stop(&mut self) {
        self.connection.stop();
    }
}

/// A thread that reads from a connection.
#[derive(Debug)]
pub(super) struct Connection {
    kind: &'static str,
    host: String,
    port: u16,
    // Kept to end the thread's read.
    stream: Arc<Mutex<Option<TcpStream>>>,
    thread: Option<JoinHandle<()>>,
}

impl Connection {
    pub(super) fn new(kind: &'static str, host: &str, port: u16) -> Self {
        Self { kind, host: host.to_owned(), port, stream: Arc::default(), thread: None }
    }

    /// Connects and reads on a thread; asks for a restart when that ends.
    pub(super) fn start<T: 'static>(
        &mut self,
        handle: ReceiverHandle<T>,
        read: impl Fn(TcpStream, &ReceiverHandle<T>) -> std::io::Result<()> + Send + 'static,
    ) -> Result<(), ReceiverError> {
        let (host, port) = (self.host.clone(), self.port);
        let shared = Arc::clone(&self.stream);
        let name = format!("{}-receiver-{port}", self.kind);
        let body = move || {
            let connected = connect(&host, port).and_then(|stream| {
                *shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream.try_clone()?);
                Ok(stream)
            });
            let stream = match connected {
                Ok(stream) => stream,
                Err(error) => {
                    let message = format!("Error connecting to {host}:{port}");
                    return handle.restart(&message, &error.to_string());
                }
            };
            // Stopped while it connected: nobody will end the read.
            if handle.is_stopped() {
                return;
            }
            match read(stream, &handle) {
                _ if handle.is_stopped() => {}
                Ok(()) => handle.restart("Socket data stream had no more data", ""),
                Err(error) => handle.restart("Error receiving data", &error.to_string()),
            }
        };
        let spawned = std::thread::Builder::new().name(name.clone()).spawn(body);
        self.thread = Some(
            spawned.map_err(|error| ReceiverError::Spawn { name, reason: error.to_string() })?,
        );
        Ok(())
    }

    pub(super) fn stop(&mut self) {
        if let Some(stream) = self.stream.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Closed by the other side already: the thread ends all the same.
            let _ = stream.shutdown(Shutdown::Both);
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the thread of the {} receiver panicked", self.kind);
        }
        self.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn connect(host: &str, port: u16) -> std::io::Result<TcpStream> {
    let mut last = Error::new(ErrorKind::NotFound, "the host has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}
