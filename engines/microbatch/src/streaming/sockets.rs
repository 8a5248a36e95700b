//! Streams of what comes over TCP connections.

use super::{DStream, StreamingContext, StreamingError};
use crate::StorageLevel;
use crate::receiver::{ConvertingSocketReceiver, RawSocketReceiver, SocketReceiver};
use crate::settings::Settings;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::net::TcpStream;
use weir_dataflow::Data;

/// Where received blocks are kept unless somebody says otherwise, as in Spark.
const LEVEL: StorageLevel = StorageLevel::MEMORY_AND_DISK_SER_2;

impl StreamingContext {
    /// The lines that a server at `host` and `port` sends: UTF-8, ended by `\n`, `\r` or `\r\n`; a last
    /// line needs no end. While the server cannot be reached, or has ended the connection, another
    /// connection is tried every `spark.streaming.receiverRestartDelay`. A line of more bytes than
    /// `weir.streaming.socket.maxLineBytes` (1m) is skipped, which listeners are told of.
    ///
    /// # Errors
    ///
    /// The context has been started, or a setting of receivers cannot be used.
    pub fn socket_text_stream(
        &self,
        host: &str,
        port: u16,
    ) -> Result<DStream<String>, StreamingError> {
        self.socket_text_stream_at(host, port, LEVEL)
    }

    /// [`socket_text_stream`](Self::socket_text_stream) with a storage level for the blocks.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn socket_text_stream_at(
        &self,
        host: &str,
        port: u16,
        level: StorageLevel,
    ) -> Result<DStream<String>, StreamingError> {
        let settings = Settings::from(self.spark_context().conf());
        let receiver = SocketReceiver::with_settings(host, port, &settings)?;
        self.received("SocketInputDStream", Box::new(receiver), level)
    }

    /// The records that `convert` finds in what a server sends. It is called with every connection;
    /// its iterator ends, or gives an error, when the connection does.
    ///
    /// # Errors
    ///
    /// The context has been started, or a setting of receivers cannot be used.
    pub fn socket_stream<T, I>(
        &self,
        host: &str,
        port: u16,
        convert: impl Fn(TcpStream) -> I + Send + Sync + 'static,
        level: StorageLevel,
    ) -> Result<DStream<T>, StreamingError>
    where
        T: Data + Serialize + DeserializeOwned,
        I: Iterator<Item = std::io::Result<T>> + 'static,
    {
        let receiver = ConvertingSocketReceiver::new(host, port, convert);
        self.received("SocketInputDStream", Box::new(receiver), level)
    }

    /// The records of the blocks that a server sends, each with its length in front (4 bytes, the high
    /// one first) and encoded as [`Codec::serde`](crate::receiver::Codec::serde) does. They are not
    /// counted. Blocks are limited by `spark.streaming.raw.maxBlockSizeBytes`.
    ///
    /// # Errors
    ///
    /// The context has been started, or a setting of receivers cannot be used.
    pub fn raw_socket_stream<T>(&self, host: &str, port: u16) -> Result<DStream<T>, StreamingError>
    where
        T: Data + Serialize + DeserializeOwned,
    {
        let settings = Settings::from(self.spark_context().conf());
        let receiver = RawSocketReceiver::new(host, port, &settings)?;
        self.received("RawInputDStream", Box::new(receiver), LEVEL)
    }
}
